"""``hanota board``: what a board promises the agent, tried on the device itself."""

import contextlib
import json
import secrets
import time
from dataclasses import asdict, dataclass

import click
from mpremote.transport import TransportError
from mpremote.transport_serial import SerialTransport
from rich.console import Console
from rich.table import Table

from tools.errors import Failed
from tools.rig import on_device
from tools.rig.console import BAUD, PORT

# What the board gets to run; it has the rest of its imports in itself.
FILES = (
    "tools/__init__.py",
    "tools/on_device/__init__.py",
    "tools/on_device/board_check.py",
    "tools/on_device/flash_contract.py",
    "tools/on_device/scratch.py",
)
_CHECK_S = 60.0
_BOOT_S = 60.0
_CLOCK_S = 1.0
# A crystal is better by far; an emulated one is as late as its host is busy.
_CLOCK_SLACK = 0.02
_CLOCK_SLACK_MS = 20
_MAKE = """
from boards.{board}.board import Board
board = Board()
"""
_RUN = """
import json, os, sys
os.chdir("/")
sys.path.append({mount!r})
from tools.on_device import board_check
def _tell(name, passed, text):
    print({token!r} + json.dumps([name, passed, text]))
board_check.run(board, _tell)
"""
_HANG = "while True:\n    pass"


@dataclass(frozen=True)
class Result:
    """One seam's."""

    name: str
    passed: bool
    text: str


@click.group("board")
def command() -> None:
    """Try a board's promises to the agent (boards/PORTING.md)."""


@command.command("check")
@PORT
@BAUD
@click.option("--board", metavar="NAME", help="Its directory in boards/; default: what sys.platform says.")
@click.option("--bite/--no-bite", default=True, help="Stop feeding the watchdog, and see it reset the board.")
@click.option("--json", "as_json", is_flag=True, help="A line of JSON for each seam.")
def check(port: str, baud: int, board: str | None, bite: bool, as_json: bool) -> None:
    """Run the contract of each seam on the board behind PORT, on its own objects; then it is reset.

    The agent stops meanwhile. Flash is written only in the last erase units of the slot that does not run,
    where nothing is that anybody needs; while an update is under way, not even there. Exits 1 if a promise
    is broken.
    """
    results = run(port, baud, board, bite)
    table = Table("seam", "", "figures, or what is broken")
    for result in results:
        table.add_row(result.name, "ok" if result.passed else "FAILED", result.text)
        if as_json:
            click.echo(json.dumps(asdict(result)))
    if not as_json:
        Console().print(table)
    broken = [result.name for result in results if not result.passed]
    if broken:
        raise Failed(f"not as promised: {', '.join(broken)}")


def run(port: str, baud: int, board: str | None = None, bite: bool = True) -> list[Result]:
    """What each seam does, and what is seen from outside: the clock's pace, a reset, the watchdog's bite."""
    try:
        return _run(port, baud, board, bite)
    except TransportError as error:
        raise Failed(f"the board on {port} did not do as it was told: {error}") from error


def _run(port: str, baud: int, board: str | None, bite: bool) -> list[Result]:
    results: list[Result] = []
    try:
        with on_device.repl(port, baud) as transport:
            name = board or transport.exec("import sys\nprint(sys.platform, end='')").decode()
            if not name.isidentifier():
                raise Failed(f"{name!r} names no directory in boards/")
            _exec(transport, _MAKE.format(board=name))
            tree = on_device.compiled(FILES, on_device.architecture_of(transport))
            transport.mount_local(tree.name)
            token = secrets.token_hex(8)
            said = _exec(transport, _RUN.format(mount=on_device.MOUNT, token=token))
            transport.umount_local()
            for line in said.splitlines():
                if line.startswith(token):
                    results.append(Result(*json.loads(line.removeprefix(token))))
            results.append(_pace(transport))
            results.append(_restarted(transport, "a reset", "board.reset()", ("reset", "power-on")))
        if bite:
            with on_device.repl(port, baud) as transport:
                _exec(transport, _MAKE.format(board=name))
                results.append(_restarted(transport, "watchdog bites", _HANG, ("watchdog", "reset")))
        return results
    except Failed:
        # Its agent shall run again, whatever was the matter.
        with contextlib.suppress(Failed):
            on_device.restart(port, baud)
        raise


def _exec(transport: SerialTransport, code: str) -> str:
    output, error = transport.exec_raw(code, timeout=_CHECK_S)
    if error:
        # The last line is what was raised.
        raise Failed(f"the board said: {error.decode(errors='replace').strip().splitlines()[-1]}")
    return output.decode(errors="replace").replace("\r\n", "\n")


def _pace(transport: SerialTransport) -> Result:
    """The board's milliseconds against this machine's, between bounds that no delay on the line can break."""

    def ticks() -> tuple[float, float, int]:
        before = time.monotonic()
        found = int(_exec(transport, "board.watchdog.feed()\nprint(board.clock.ticks_ms())"))
        return before, time.monotonic(), found

    first_before, first_after, first = ticks()
    time.sleep(_CLOCK_S)
    last_before, last_after, last = ticks()
    passed = int(_exec(transport, f"print(board.clock.ticks_diff({last}, {first}))"))
    least = (last_before - first_after) * 1000 * (1 - _CLOCK_SLACK) - _CLOCK_SLACK_MS
    most = (last_after - first_before) * 1000 * (1 + _CLOCK_SLACK) + _CLOCK_SLACK_MS
    text = f"{passed} ms of its own in {least:.0f} to {most:.0f} of ours"
    return Result("clock's pace", least <= passed <= most, text)


def _restarted(transport: SerialTransport, name: str, code: str, causes: tuple[str, ...]) -> Result:
    """Run what ends in a reset; passed if the board then boots, for one of the causes."""
    began = time.monotonic()
    transport.exec_raw_no_follow(code)
    said = b""
    while time.monotonic() - began < _BOOT_S:
        said += transport.serial.read(max(1, transport.serial.in_waiting))
        for line in said.split(b"\n")[:-1]:
            event = _event(line)
            if event.get("event") == "boot":
                cause = event.get("cause")
                text = f"{time.monotonic() - began:.1f} s to the event boot, cause {cause}"
                return Result(name, cause in causes, text)
    return Result(name, False, f"no event boot within {_BOOT_S:.0f} s")


def _event(line: bytes) -> dict:
    with contextlib.suppress(ValueError):
        event = json.loads(line)
        if isinstance(event, dict):
            return event
    return {}
