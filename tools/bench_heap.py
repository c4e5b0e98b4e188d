"""What holds a device's heap at rest: ``python -m tools.bench_heap``. Prints figures only.

On qemu_mps2's own firmware: the boot, the payload's import and the agent's start a step at a time, and what
each step keeps after a collection. Modules are imported a group at a time, those first that others need, so
what a group keeps is its own.
"""

import sys
import tempfile
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from boards.qemu_mps2 import memory_map as mm
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
from boards.common import byte_loops_viper, verifier
from boards.qemu_mps2.board import Board
from firmware_agent import boot
sys.modules["hal.byte_loops"].use(byte_loops_viper)
board = Board()
verifier.choose(board.verifier)
board.store.load()
handover = boot.boot(board.store, board.cause, board.watchdog.feed)
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
# Imported when there is need of them, and not at rest.
ON_DEMAND = (
    "firmware_agent.trial",
    "firmware_agent.trust.activation",
    "firmware_agent.trust.p256_pinned",
    "firmware_agent.protocol.server_search",
    "firmware_agent.protocol.specific_file",
)


def _modules(paths: list[str]) -> list[str]:
    names = [path.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path in paths]
    return [name for name in names if name not in ON_DEMAND]


def _fixed(part: str) -> list[str]:
    return [name for name in _modules(layout.fixed_files()) if name.startswith(part)]


# What is told, and the modules that are imported for it.
_FIXED_GROUPS = (
    ("contracts and loops over bytes", _fixed("hal")),
    ("trust", ["firmware_agent.reject", *_fixed("firmware_agent.trust")]),
    ("store and boot", [*_fixed("firmware_agent.store"), "firmware_agent.boot"]),
    ("board", ["boards.common.start", "boards.qemu_mps2.board"]),
)
_AGENT_GROUPS = (
    ("protocol", [name for name in _modules(layout.updatable_files()) if ".protocol" in name]),
    ("loop and link", ["hal.link", "firmware_agent.agent"]),
)


def measure() -> tuple[list[tuple[str, int]], set[str]]:
    """(what, bytes of heap in use when it is there), in the order of a start; the modules there are then."""
    with tempfile.TemporaryDirectory(prefix="hanota-") as name:
        state = make_device(Path(name))
        rom = romfs.write(romfs.compiled_all(romfs.sources(images.SAMPLE)))
        with state.map(0, mm.PSRAM_SIZE) as memory:
            qemu_machine.put_facts(memory, Options(heap=HEAPS[BOARD]))
            memory[COMPILED : COMPILED + len(rom)] = rom
        scripts = [
            *((what, _IMPORT.format(names=names)) for what, names in _FIXED_GROUPS),
            ("board and store: objects", _BOOT),
            ("slot's file system", _MOUNT.format(address=mm.PSRAM + COMPILED, size=len(rom))),
            *((what, _IMPORT.format(names=names)) for what, names in _AGENT_GROUPS),
        ]
        with CountingBoard(state) as board:
            board.restart()
            levels = [int(level) for level in board.run(_TELL).split()]
            whats = ["interpreter", "its own modules"]
            for what, script in scripts:
                levels += [int(level) for level in board.run(script).split()]
                whats.append(what)
            *last, loaded = board.run(_START).splitlines()
            levels += [int(level) for level in last]
            whats += ["sample application", "agent and application: objects"]
    return list(zip(whats, levels, strict=True)), set(loaded.split())


@click.command()
def main() -> None:
    """Print what holds the heap of qemu_mps2 at rest."""
    firmware.build(BOARD)
    table = Table("what", "bytes it keeps", "in use then", title=f"{BOARD}'s heap at rest")
    before = 0
    for what, level in measure()[0]:
        table.add_row(what, f"{level - before:,}", f"{level:,}")
        before = level
    Console(file=sys.stdout).print(table)


if __name__ == "__main__":
    main()
