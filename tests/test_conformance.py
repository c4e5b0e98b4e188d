"""The tool behind docs/conformance.md notices what is missing; test_documents.py holds the page to it."""

import subprocess
import sys

import pytest

from tools import layout
from tools.conformance import page

COMMAND = [sys.executable, "-m", "tools.conformance.page"]


def test_a_rule_without_a_test_is_an_error():
    tests = page.tests_by_rule()
    for rule in page.all_rules():
        with pytest.raises(ValueError, match=rf"without a test: \['{rule.key}'\]"):
            page.page({key: named for key, named in tests.items() if key != rule.key})


def test_a_mark_without_a_rule_is_an_error():
    with pytest.raises(ValueError, match="no rule: .'another'"):
        page.page(page.tests_by_rule() | {"another": ["test_x.py::test_y"]})


def test_marks_stand_above_tests_and_their_decorators():
    source = (
        "# rule: one, two\n# rule: three\n@decorated(\n    1\n)\nasync def test_a():\n    pass\n\n\n"
        "# rule: four\ndef test_b():\n    pass\n"
    )
    marks = [("three", "test_a"), ("one", "test_a"), ("two", "test_a"), ("four", "test_b")]
    assert page.marks_in(source) == marks


@pytest.mark.parametrize(
    "source",
    ["# rule: one\n\ndef test_a():\n    pass\n", "# rule: one\ndef helper():\n    pass\n", "# rule: one\n"],
)
def test_a_mark_above_no_test_is_an_error(source):
    with pytest.raises(ValueError, match="above no test, in line 1"):
        page.marks_in(source)


def test_command():
    result = subprocess.run(COMMAND, capture_output=True, text=True, check=True, cwd=layout.ROOT)
    assert result.stdout == page.PAGE.read_text(encoding="utf-8")
    assert subprocess.run([*COMMAND, "--nonsense"], capture_output=True, cwd=layout.ROOT).returncode == 2


def test_command_fails_and_writes_nothing_if_a_rule_has_no_test(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(page, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(page, "tests_by_rule", dict)
    assert page.main(["--write"]) == 1
    assert "without a test" in capsys.readouterr().err and not (tmp_path / "page.md").exists()
