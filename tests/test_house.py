"""The arrows of the house go one way, modules stay small, and every setting is used."""

import ast
from pathlib import Path

import pytest

from firmware_agent.protocol.settings import Settings
from tools import layout

# MicroPython's built-ins. The agent's are pure: no hardware, clock, radio or files.
PURE = {"array", "binascii", "errno", "gc", "hashlib", "micropython", "struct"}
BUILT_IN = PURE | {"json", "machine", "os", "select", "sys", "time", "uctypes", "vfs"}
CONTRACTS = {"hal", "hal.byte_loops", "hal.flash", "hal.link", "hal.modules"}
MODULES = [f"{package}/**/*.py" for package in ("firmware_agent", "hal", "boards", "tools", "tests")]
TABLES = layout.matches(["tests/portable/*_vectors.py"])  # which tools write
LONGEST = 400  # lines that are not blank


def sources(*patterns: str) -> list[str]:
    found = sorted(
        path.relative_to(layout.ROOT).as_posix() for name in patterns for path in layout.ROOT.glob(name)
    )
    assert found, patterns
    return found


def imported(name: str, source: str | None = None) -> set[str]:
    """Dotted names of the modules that a file imports, anywhere in it; ``from a import b`` gives a.b if
    that is a module, else a."""
    tree = ast.parse((layout.ROOT / name).read_text() if source is None else source)
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = name.split("/")[: -node.level] if node.level else []
            origin = ".".join([*package, *filter(None, [node.module])])
            for alias in node.names:
                inner = f"{origin}.{alias.name}"
                names.add(inner if path_of(inner) else origin)
    return names


def path_of(module: str) -> str | None:
    """The project's file of a module, None if it is not the project's."""
    stem = module.replace(".", "/")
    for name in (f"{stem}.py", f"{stem}/__init__.py"):
        if (layout.ROOT / name).is_file():
            return name
    return None


def package_of(module: str) -> str:
    return module.split(".")[0]


@pytest.mark.parametrize("name", sources("firmware_agent/**/*.py"))
def test_firmware_agent_imports_itself_the_contracts_and_built_ins(name):
    for module in imported(name):
        allowed = package_of(module) == "firmware_agent" or module in CONTRACTS or module in PURE
        assert allowed, f"{name} imports {module}"


@pytest.mark.parametrize("name", sources("hal/**/*.py"))
def test_hal_imports_nothing_of_the_agent(name):
    for module in imported(name):
        assert package_of(module) == "hal" or module in BUILT_IN, f"{name} imports {module}"


@pytest.mark.parametrize("name", sources("firmware_agent/protocol/*.py"))
def test_protocol_is_without_io(name):
    """Sans-IO: no flash, no link, no clock; of the agent only itself and the reject reasons. Loops over bytes
    are none of these, and neither is which code is loaded, and how full the heap is."""
    for module in imported(name):
        own = module.startswith("firmware_agent.protocol") or module == "firmware_agent.reject"
        assert own or module in ("hal.byte_loops", "hal.modules", "gc"), f"{name} imports {module}"


@pytest.mark.parametrize("name", layout.fixed_files())
def test_fixed_code_imports_only_fixed_code(name):
    for module in imported(name) - BUILT_IN:
        assert path_of(module) in layout.fixed_files(), f"{name} imports {module}, which a download replaces"


@pytest.mark.parametrize("name", sources("firmware_agent/trust/*.py", "firmware_agent/store/*.py"))
def test_fixed_code_that_comes_and_goes_takes_nothing_from_the_interpreter(name):
    """It is loaded while a payload's directory is searched first, where a module of any name may stand. What
    it needs its package has taken, at boot."""
    for module in imported(name):
        stays = name.endswith("__init__.py")
        assert stays or package_of(module) in ("firmware_agent", "hal"), f"{name} imports {module}"


@pytest.mark.parametrize("name", layout.device_files())
def test_device_code_imports_no_tools_and_no_tests(name):
    for module in imported(name):
        assert package_of(module) not in ("tools", "tests"), f"{name} imports {module}"


@pytest.mark.parametrize("name", layout.device_files())
def test_only_boards_know_both_sides(name):
    modules = imported(name)
    implementations = {module for module in modules if package_of(module) in ("hal", "boards")} - CONTRACTS
    if not name.startswith(("boards/", "hal/")):
        assert not implementations, f"{name} imports {implementations}"


@pytest.mark.parametrize("name", sources("boards/applications/**/*.py"))
def test_applications_know_neither_boards_nor_hal(name):
    for module in imported(name):
        own = module.startswith("boards.applications") or package_of(module) in BUILT_IN
        own = (
            own or path_of(f"boards.applications.{module}") is not None or module.startswith("firmware_agent")
        )
        assert own, f"{name} imports {module}"


def test_every_device_file_has_a_place_in_the_layout():
    placed = set(layout.fixed_files()) | set(layout.updatable_files())
    every = set(sources("firmware_agent/**/*.py", "hal/*.py"))
    assert every == placed
    assert not set(layout.fixed_files()) & set(layout.updatable_files())


@pytest.mark.parametrize("name", [name for name in sources(*MODULES) if name not in TABLES])
def test_modules_are_small(name):
    lines = (layout.ROOT / name).read_text().splitlines()
    assert sum(1 for line in lines if line.strip()) <= LONGEST


@pytest.mark.parametrize("name", layout.device_files())
def test_device_libraries_do_not_print(name):
    for node in ast.walk(ast.parse((layout.ROOT / name).read_text())):
        call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
        assert not call, f"{name}:{node.lineno}"


def test_every_setting_is_used():
    names = {name for name in vars(Settings) if not name.startswith("_")}
    used = set()
    for name in sources("firmware_agent/*.py", "firmware_agent/protocol/*.py"):
        for node in ast.walk(ast.parse((layout.ROOT / name).read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                owner = ast.unparse(node.value)
                if owner == "settings" or owner.endswith(".settings"):
                    used.add(node.attr)
    assert used == names
    assert len(names) > 10


def test_imports_are_found_wherever_they_stand():
    source = """
import struct, hal.link
from firmware_agent.protocol import zcl as z, states
from firmware_agent.reject import Rejected
from . import other
from .upgrade_file import UpgradeFile
def f():
    from tools import fold
    import os.path
"""
    assert imported("firmware_agent/protocol/sample.py", source) == {
        "struct",
        "hal.link",
        "firmware_agent.protocol.zcl",
        "firmware_agent.protocol.states",
        "firmware_agent.reject",
        "firmware_agent.protocol",
        "firmware_agent.protocol.upgrade_file",
        "tools.fold",
        "os.path",
    }
    assert path_of("hal") == "hal/__init__.py" and path_of("struct") is None
    assert Path(layout.ROOT, "tools").is_dir()
