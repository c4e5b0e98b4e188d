"""The interface between boot files and payloads: written down, numbered, and told by every payload."""

import ast
import re

import pytest
from click.testing import CliRunner

from firmware_agent import INTERFACE, OLDEST_INTERFACE
from tests.test_house import imported, path_of
from tools import interface, layout, romfs
from tools.errors import Failed

LOOPS = "hal.byte_loops.take"
STORE = "firmware_agent.store.firmware_store.FirmwareStore"
REASON = "firmware_agent.reject.FLASH_FAILED"


def updated(changes, newest=INTERFACE, oldest=OLDEST_INTERFACE):
    """The record after ``changes`` of the source: {name: what it is now, None: gone}."""
    now = {**interface.used(), **changes}
    now = {name: stays for name, stays in now.items() if stays is not None}
    return interface.updated(now, interface.recorded(), newest, oldest)


def test_the_record_is_the_source_s():
    result = CliRunner().invoke(interface.main)
    assert result.exit_code == 0, result.output
    assert f"a payload needs {interface.needed()}" in result.output
    assert OLDEST_INTERFACE <= interface.needed() <= INTERFACE


def test_what_a_payload_imports_of_the_boot_files_is_in_the_record():
    fixed = layout.fixed_files()
    modules = {
        module for name in layout.updatable_files() for module in imported(name) if path_of(module) in fixed
    }
    assert len(modules) >= 6
    recorded = interface.recorded()
    for module in modules - {"firmware_agent", "hal"}:
        assert any(name.startswith(f"{module}.") for name in recorded), module
    for name in layout.updatable_files():
        for node in ast.walk(ast.parse((layout.ROOT / name).read_text())):
            if isinstance(node, ast.ImportFrom) and path_of(node.module or "") in fixed:
                for alias in node.names:
                    whole = f"{node.module}.{alias.name}"
                    known = path_of(whole) is not None or whole in recorded
                    assert known or any(entry.endswith(f".{alias.name}") for entry in recorded), whole


def test_what_boards_hand_over_is_in_the_record():
    """boards/PORTING.md promises it to every application and agent."""
    recorded = interface.recorded()
    for name in ("Board.emit", "Board.link", "_Link.read_into", "_Clock.ticks_diff", "_Watchdog.feed"):
        assert f"boards.host.board.{name}" in recorded, name
    for name in ("install", "write", "downloading", "head_of"):
        assert f"{STORE}.{name}" in recorded, name


@pytest.mark.parametrize(
    "changes",
    [
        {LOOPS: "(start, end, data, buffer, table)"},  # a parameter less
        {LOOPS: "(start, end, data, buffer, registers, table, more)"},
        {LOOPS: "(end, start, data, buffer, registers, table)"},
        {LOOPS: None},
        {f"{STORE}.install": None},
        {f"{STORE}.downloading": "()"},  # a property became a method
        {REASON: "= 19"},  # it is folded into payloads
    ],
)
def test_a_change_that_old_payloads_fail_on_needs_both_numbers(changes):
    (name,) = changes
    assert name in interface.recorded()
    with pytest.raises(
        Failed, match=f"{re.escape(name)} is gone or another.*INTERFACE to {INTERFACE + 1} and"
    ):
        updated(changes)
    with pytest.raises(Failed, match=f"{re.escape(name)}: raise OLDEST_INTERFACE to {INTERFACE + 1}"):
        updated(changes, INTERFACE + 1)
    entries = updated(changes, INTERFACE + 1, INTERFACE + 1)
    assert entries.get(name) == (None if changes[name] is None else (INTERFACE + 1, changes[name]))
    assert {since for since, _ in entries.values()} == {INTERFACE + 1}


def test_a_new_use_needs_the_newest_number_alone():
    changes = {f"{STORE}.brand_new": "(a)"}
    with pytest.raises(Failed, match=f"brand_new is new. Keep .* INTERFACE to {INTERFACE + 1} in"):
        updated(changes)
    entries = updated(changes, INTERFACE + 1)
    assert entries.pop(f"{STORE}.brand_new") == (INTERFACE + 1, "(a)")
    assert entries == interface.recorded()


def test_a_parameter_that_may_be_omitted_needs_no_number():
    stays = interface.recorded()[LOOPS][1]
    entries = updated({LOOPS: f"{stays[:-1]}, more=None)"})
    assert entries[LOOPS] == (interface.recorded()[LOOPS][0], f"{stays[:-1]}, more=None)")


def test_the_surface_of_a_module():
    source = """
from elsewhere import LIMIT, Thing
PLAIN, _HIDDEN = 1, 2
NUMBER = 3 * 4
TABLE = make()
def call(a, b=2): pass
def _own(): pass
class _Part:
    rows = 5
    def __init__(self, a: int): self.kept, self._own = a, a
    @property
    def state(self): self.later = 1
    def act(self, x): pass
"""
    assert dict(interface.public(ast.parse(source))) == {
        "LIMIT": "",
        "NUMBER": "= 3 * 4",
        "TABLE": "",
        "call": "(a, b=2)",
        "_Part": "",
        "_Part.rows": "= 5",
        "_Part.__init__": "(a)",
        "_Part.kept": "",
        "_Part.state": "",
        "_Part.later": "",
        "_Part.act": "(x)",
    }


def test_a_payload_tells_what_it_needs(tmp_path):
    (tmp_path / "app.py").write_text("")
    application = tmp_path.rename(tmp_path.with_name("application"))
    payload = romfs.build(application)
    assert romfs.interface_of(payload) == interface.needed()


@pytest.mark.parametrize("number", [0, 7, 0xFFFF])
def test_the_number_is_found_in_a_romfs_image_and_in_nothing_else(number):
    files = {"a/interface.txt": b"9", "a.py": b"pass", "z/b.py": b""}
    payload = romfs.write({**files, "interface.txt": b"%d\n" % number})
    assert romfs.interface_of(payload) == number
    assert romfs.interface_of(romfs.write(files)) is None
    for text in (b"", b"one", b"-1", b"65536"):
        assert romfs.interface_of(romfs.write({"interface.txt": text})) is None
    for n in range(len(payload)):
        assert romfs.interface_of(payload[:n]) is None
    assert romfs.interface_of(b"hello, meter\n") is romfs.interface_of(b"") is None
