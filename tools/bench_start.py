"""What a start costs qemu_mps2, in instructions and heap, on the board's own firmware and over its own flash.

The boot: journal, signature, hash, up to the hand-over. Then the payload's import, agent and sample
application, in three forms: .mpy run in place, as a slot is; the same .mpy from a file system that is not
in memory, so that the import copies it into the heap; and .py, compiled on the board.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from boards.qemu_mps2 import memory_map as mm
from firmware_agent.trust.anchors import Anchor, Anchors
from tools import emulated_cpu, files, keys, romfs, toolchain
from tools.demo import images
from tools.emulator import factory, qemu_machine
from tools.emulator.machine import HEAPS, Options
from tools.emulator.state_dir import StateDir

BOARD = "qemu_mps2"
# Of the PSRAM, between the flash and the registers: two more images, for the forms of the payload.
COMPILED = 0x800000
_SOURCES = 0x900000
_TICK = 40  # instructions of one nanosecond in a tick of timer 1, which nothing else uses
_COUNT = f"""
import gc, sys, io, uctypes, vfs
from machine import mem32
mem32[0x40001008] = mem32[0x40001004] = 0xffffffff
mem32[0x40001000] = 1
def instructions(function, *arguments):
    gc.collect()
    began = mem32[0x40001004]
    result = function(*arguments)
    return result, (began - mem32[0x40001004] & 0xffffffff) * {_TICK}
"""
_BOOT = """
from boards.common import verifier
from boards.qemu_mps2.board import Board
from firmware_agent import boot
board = Board()
verifier.choose(board.verifier)
store = board.store
print(instructions(store.load)[1])
handover, count = instructions(boot.boot, store, board.cause, board.watchdog.feed)
print(count)
from firmware_agent.store import checks
found, count = instructions(checks.prove, store, handover.slot)
print(count)
manifest, proof = found
done, count = instructions(proof.step)
print(count)
while not done:
    done, more = instructions(proof.step)
    count += more
print(count)
print(manifest.payload_length)
"""
# What boot has imported is there; then as boards/common/start.py does it.
_IMPORT = """
import boards.common.booting, boards.common.start, boards.common.store, boards.qemu_mps2.board
import firmware_agent, hal
rom = vfs.VfsRom(uctypes.bytearray_at({address}, {size}))
class NotInMemory:
    def mount(self, readonly, mkfs):
        pass
    def stat(self, path):
        return rom.stat(path)
    def open(self, path, mode):
        return io.BytesIO(memoryview(rom.open(path, "rb")))
vfs.mount({file_system}, "/app")
sys.path.insert(0, "/app")
firmware_agent.provide("/app")
hal.provide("/app")
gc.collect()
before = gc.mem_alloc()
_, count = instructions(__import__, "main")
gc.collect()
print(gc.mem_alloc() - before)
print(count)
"""


class CountingBoard(emulated_cpu.Repl):
    """The device in ``state``, its console ours. An instruction takes one nanosecond of the board's time."""

    def __init__(self, state: StateDir):
        command = [qemu_machine.QEMU, *qemu_machine.chip_arguments(state), "-icount", "shift=0"]
        super().__init__(BOARD, [*command, "-serial", "stdio", "-serial", "null", "-monitor", "none"])
        try:
            # Its boot script runs, and may be interrupted.
            self._read_until(b"\n", 30)
            self.enter(b"\x03\x01")
        except BaseException:
            self.close()
            raise

    def restart(self) -> None:
        """A heap with nothing in it; the boot script does not run."""
        self.enter(b"\x04")
        self.run(_COUNT)


@dataclass(frozen=True)
class Import:
    """A payload's import: bytes of heap that it keeps, and instructions."""

    heap: int
    instructions: int


@dataclass(frozen=True)
class Start:
    """Instructions from the reset's hand-over to ours up to the payload's first line, and of parts of it:
    ``hash_kib`` is for one KiB, ``hash_image`` for the ``image`` bytes of the payload. imports: by form."""

    load: int
    boot: int
    signature: int
    hash_kib: int
    hash_image: int
    image: int
    imports: dict[str, Import]


def measure() -> Start:
    """Failed if the tools or the firmware are not here."""
    toolchain.require(qemu_machine.QEMU)
    with tempfile.TemporaryDirectory(prefix="hanota-") as name:
        state = make_device(Path(name))
        contents = romfs.sources(images.SAMPLE)
        roms = {
            COMPILED: romfs.write(romfs.compiled_all(contents)),
            _SOURCES: romfs.write(romfs.folded(contents)),
        }
        with state.map(0, mm.PSRAM_SIZE) as memory:
            qemu_machine.put_facts(memory, Options(heap=HEAPS[BOARD]))
            for at, rom in roms.items():
                memory[at : at + len(rom)] = rom
        with CountingBoard(state) as board:
            board.restart()
            load, boot, signature, kib, whole, image = map(int, board.run(_BOOT).split())
            imports = {}
            for form, at, file_system in (
                (".mpy in place", COMPILED, "rom"),
                (".mpy copied", COMPILED, "NotInMemory()"),
                (".py", _SOURCES, "rom"),
            ):
                board.restart()
                script = _IMPORT.format(address=mm.PSRAM + at, size=len(roms[at]), file_system=file_system)
                imports[form] = Import(*map(int, board.run(script).split()))
    return Start(load, boot, signature, kib, whole, image, imports)


def make_device(directory: Path) -> StateDir:
    """A device fresh from the factory, with the sample application."""
    keys.generate(directory)
    made = images.Images(directory)
    key = keys.load_private(made.private_key)
    files.write(made.upgrade_file(1), images.sign(romfs.build(images.SAMPLE), images.V1, key))
    state = StateDir(directory / "device")
    state.path.mkdir()
    trusted = Anchors([Anchor(key.public_key)])
    factory.make_device(
        state, made.upgrade_file(1), trusted, images.DEVICE, images.MANUFACTURER_CODE, 1, board=BOARD
    )
    return state


def add_rows(table: Table, start: Start) -> None:
    """The figures, in two columns."""
    for what, count in (
        ("instructions to boot, up to the payload", start.load + start.boot),
        ("of these, for journal", start.load),
        ("of these, for manifest and signature", start.signature),
        (f"of these, to hash {start.image:,} bytes", start.hash_image),
        ("instructions to hash a KiB", start.hash_kib),
    ):
        table.add_row(what, f"{count:,}")
    table.add_section()
    for form, cost in start.imports.items():
        table.add_row(
            f"import of agent and application, {form}",
            f"{cost.heap:,} bytes of heap, {cost.instructions:,} instructions",
        )
