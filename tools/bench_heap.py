"""What holds a device's heap: ``python -m tools.bench_heap``. Prints figures only.

On qemu_mps2's own firmware: the boot, the payload's import and the agent's start a step at a time, and what
each step keeps after a collection. Modules are imported a group at a time, those first that others need, so
what a group keeps is its own. Then the same for the client in the middle of a download, with nothing else of
the agent there.
"""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from boards.qemu_mps2 import memory_map as mm
from firmware_agent.protocol import session as ss
from firmware_agent.protocol.endpoint import RESIDENT
from tools import firmware, layout, romfs
from tools.bench_start import BOARD, COMPILED, CountingBoard, make_device
from tools.demo import images
from tools.emulator import qemu_machine
from tools.emulator.machine import HEAPS, Options

_TELL = """
import gc, sys
def tell():
    gc.collect()
    print(gc.mem_alloc())
tell()
import json, random, select, time, machine, mps2, uctypes, vfs
tell()
"""
_IMPORT = """
for name in {names}:
    __import__(name)
tell()
"""
# As boards/common/start.py does it.
_BOOT = """
from boards.common.start import booted
from boards.qemu_mps2.board import Board
board = Board()
board.emit = lambda *event: None
handover = booted(board)
tell()
"""
_MOUNT = """
rom = vfs.VfsRom(uctypes.bytearray_at({address}, {size}))
vfs.mount(rom, "/app")
sys.path.insert(0, "/app")
sys.modules["firmware_agent"].provide("/app")
sys.modules["hal"].provide("/app")
tell()
"""
_START = """
main = __import__("main")
tell()
from firmware_agent.agent import Agent
agent = Agent(board, handover, main.app)
agent.start()
agent.poll()
tell()
print(*sys.modules)
"""
# The client alone, from its query to the fourth block; then a hub's interview in between.
_DOWNLOAD = """
import struct
def hear(cluster, zcl):
    frame = struct.pack("<BBHHBBHH", 1, 0, 0, board.address, 1, board.endpoint, cluster, board.profile) + zcl
    assert endpoint.handle_frame(frame, len(frame))
    while True:
        action = client.poll_action()
        if action == 0:
            return
        if action == {offered}:
            client.start_download(0, 0xFFFF, 1000)
        elif action == {write}:
            client.download.written(client.download.offset + 63, 0xFFFF)
def ask():
    length = endpoint.put_request(out)
    return bytes(out[15 : length])
def serve():
    request = ask()
    hear(0x0019, b"\\x19\\x07\\x05\\x00" + request[1:14] + bytes(63))
out = bytearray(128)
identity = struct.pack("<HHII", board.identity.manufacturer_code, board.identity.image_type, 0x10000, 1000)
tell()
from firmware_agent.protocol.settings import Settings
from firmware_agent.protocol.upgrade_client import UpgradeClient
from firmware_agent.protocol.endpoint import Endpoint
tell()
client = UpgradeClient(board.identity, Settings(), board.random)
endpoint = Endpoint(board.identity, client, board.address, board.endpoint, board.profile)
tell()
client.query()
ask()
hear(0x0019, b"\\x19\\x07\\x02\\x00" + identity)
endpoint.tidy()
for _ in range(4):
    serve()
assert client.download.steady and client.download.offset == 4 * 63
tell()
endpoint.put_announce(out)
hear(0x0000, b"\\x00\\x07\\x00\\x04\\x00")
tell()
endpoint.tidy()
tell()
print(*sys.modules)
"""
_PROTOCOL = "firmware_agent.protocol."
# Imported when there is need of them, and not at rest.
ON_DEMAND = (
    "firmware_agent.trial",
    # What boots, and what judges images.
    *[
        "boards.common.booting",
        "boards.common.verifier",
        "firmware_agent.boot",
        "firmware_agent.store.checks",
    ],
    *[
        "firmware_agent.trust." + path.stem
        for path in sorted((layout.ROOT / "firmware_agent/trust").glob("*.py"))
        if path.stem != "__init__"
    ],
    *[
        _PROTOCOL + path.stem
        for path in sorted((layout.ROOT / _PROTOCOL.replace(".", "/")).glob("*.py"))
        if path.stem not in ["__init__", *RESIDENT.split()]
    ],
)


def _modules(paths: list[str]) -> list[str]:
    names = [path.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path in paths]
    return [name for name in names if name not in ON_DEMAND]


def _fixed(part: str) -> list[str]:
    return [name for name in _modules(layout.fixed_files()) if name.startswith(part)]


# What is told, and the modules that are imported for it.
_FIXED_GROUPS = (
    ("contracts and loops over bytes", _fixed("hal")),
    (
        "store and handover",
        ["firmware_agent.reject", *_fixed("firmware_agent.store"), "firmware_agent.handover"],
    ),
    ("board", ["boards.common.start", "boards.qemu_mps2.board"]),
)
_AGENT_GROUPS = (
    ("protocol", [name for name in _modules(layout.updatable_files()) if ".protocol" in name]),
    ("loop and link", ["hal.link", "firmware_agent.agent"]),
)


def _levels(board: CountingBoard, script: str) -> list[int]:
    return [int(level) for level in board.run(script).split()]


@contextmanager
def _mounted(told: list[tuple[str, int]]) -> Iterator[CountingBoard]:
    """The board, booted and with the slot's file system there; each step of that is added to ``told``."""
    with tempfile.TemporaryDirectory(prefix="hanota-") as name:
        state = make_device(Path(name))
        rom = romfs.write(romfs.compiled_all(romfs.sources(images.SAMPLE)))
        with state.map(0, mm.PSRAM_SIZE) as memory:
            qemu_machine.put_facts(memory, Options(heap=HEAPS[BOARD]))
            memory[COMPILED : COMPILED + len(rom)] = rom
        scripts = [
            *((what, _IMPORT.format(names=names)) for what, names in _FIXED_GROUPS),
            ("board and store: objects, after boot", _BOOT),
            ("slot's file system", _MOUNT.format(address=mm.PSRAM + COMPILED, size=len(rom))),
        ]
        with CountingBoard(state) as board:
            board.restart()
            told += zip(("interpreter", "its own modules"), _levels(board, _TELL), strict=True)
            for what, script in scripts:
                told += [(what, level) for level in _levels(board, script)]
            yield board


def measure() -> tuple[list[tuple[str, int]], set[str]]:
    """(what, bytes of heap in use when it is there), in the order of a start; the modules there are then."""
    told: list[tuple[str, int]] = []
    with _mounted(told) as board:
        for what, names in _AGENT_GROUPS:
            told += [(what, level) for level in _levels(board, _IMPORT.format(names=names))]
        *last, loaded = board.run(_START).splitlines()
        told += zip(("sample application", "agent and application: objects"), map(int, last), strict=True)
    return told, set(loaded.split())


def measure_download() -> tuple[list[tuple[str, int]], set[str]]:
    """The same for the client in a download, from what is there before it; the protocol's modules then."""
    whats = (
        "board and store, and this measurement",
        "client: code",
        "client: objects",
        "what a query and blocks leave",
        "code for an interview",
        "it goes again",
    )
    with _mounted([]) as board:
        script = _DOWNLOAD.format(offered=ss.OFFERED, write=ss.WRITE)
        *levels, loaded = board.run(script).splitlines()
    names = {name.removeprefix(_PROTOCOL) for name in loaded.split() if name.startswith(_PROTOCOL)}
    return list(zip(whats, map(int, levels), strict=True)), names


def _print(title: str, levels: list[tuple[str, int]]) -> None:
    table = Table("what", "bytes it keeps", "in use then", title=title)
    before = 0
    for what, level in levels:
        table.add_row(what, f"{level - before:,}", f"{level:,}")
        before = level
    Console(file=sys.stdout).print(table)


@click.command()
def main() -> None:
    """Print what holds the heap of qemu_mps2 at rest, and in a download."""
    firmware.build(BOARD)
    _print(f"{BOARD}'s heap at rest", measure()[0])
    _print(f"{BOARD}'s heap in a download, the client alone", measure_download()[0])


if __name__ == "__main__":
    main()
