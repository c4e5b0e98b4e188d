"""The documents say what the code says."""

import re

import pytest

from tools import layout, native_modules
from tools.conformance import page as conformance


def test_updatable_page_lists_the_files_of_the_layout():
    page = (layout.ROOT / "docs/updatable.md").read_text()
    listed = re.findall(r"^- `(.*)`$", page, re.MULTILINE)
    assert listed == layout.fixed_files() + layout.updatable_files()


def test_every_page_named_in_the_readme_is_there():
    readme = (layout.ROOT / "README.md").read_text()
    for target in re.findall(r"\]\(([^)#]+)\)", readme):
        assert (layout.ROOT / target).is_file(), target


def test_every_test_file_named_in_the_readme_is_there():
    readme = (layout.ROOT / "README.md").read_text()
    for target in re.findall(r"\.venv/bin/pytest (\S+?)`", readme):
        assert (layout.ROOT / target).exists(), target


def test_every_event_of_the_agent_is_described():
    page = (layout.ROOT / "docs/emulator.md").read_text()
    described = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    sources = [path.relative_to(layout.ROOT) for path in (layout.ROOT / "firmware_agent").glob("*.py")]
    sources += ["boards/common/start.py", "boards/common/console.py", "tools/commands/emulate.py"]
    emitted = set()
    for source in sources:
        emitted |= set(re.findall(r"\bemit\(\s*\"(\w+)\"", (layout.ROOT / source).read_text()))
    assert emitted <= described
    assert len(emitted) >= 15


@pytest.mark.parametrize("page", ["README.md", "docs/signatures.md"])
def test_the_sizes_of_the_native_module_are_those_of_its_builds(page):
    text = (layout.ROOT / page).read_text()
    for architecture in native_modules.COMPILERS:
        said = re.search(rf"{architecture}(?: \| | )([0-9],[0-9]{{3}})", text)
        assert said, architecture
        assert said[1] == f"{native_modules.module(architecture).stat().st_size:,}"


def test_conformance_page_is_the_rules_and_the_tests():
    written = conformance.PAGE.read_text(encoding="utf-8")
    assert conformance.page(conformance.tests_by_rule()) == written, "run: make docs"
