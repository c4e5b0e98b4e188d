"""What an emulated device is made of on disk, and its lock. Every power-on loads this: it stays small.

DIR/device.json   the provisioned identity
DIR/flash.bin     the NOR flash: journal (with the trust anchors) and slots
DIR/registers.bin watchdog, link and flash counters
DIR/screen.txt    what the display shows
DIR/rom.bin, main.py  the boot ROM, everything that no download replaces, and what mounts it
DIR/lock          held while the device has power
DIR/han, console  lead to the pseudo-terminals of this power-on, if it has any; who kills the device takes
                  them away (forget_ports)

That is the host board. On qemu_mps2 firmware.elf takes the place of rom.bin and main.py, and flash.bin is all
of the memory that QEMU shares with this side: the flash first, registers behind it; screen.txt is a copy.
"""

import fcntl
import json
import mmap
import os
import time
from pathlib import Path

from boards.common import flash_map
from boards.qemu_mps2 import memory_map
from tools.errors import Failed, UnusableArguments

HOST = "host"
_LOCK_PATIENCE = 3.0  # seconds: a killed device's interpreter needs a moment to be gone


class StateDir:
    """Paths in ``path``."""

    def __init__(self, path: Path):
        self.path = path
        self.device = path / "device.json"
        self.flash = path / "flash.bin"
        self.registers = path / "registers.bin"
        self.screen = path / "screen.txt"
        self.rom = path / "rom.bin"
        self.main = path / "main.py"
        self.firmware = path / "firmware.elf"
        self.lock = path / "lock"
        self.han = path / "han"
        self.console = path / "console"

    @property
    def holds_device(self) -> bool:
        """device.json is written last, so a device is whole or not there."""
        return self.device.is_file()

    def identity(self) -> dict:
        """The provisioned identity."""
        if not self.holds_device:
            raise UnusableArguments(f"{self.path} holds no device; hanota emulate --factory makes one")
        try:
            return json.loads(self.device.read_text())
        except (OSError, ValueError) as error:
            raise Failed(f"cannot read {self.device}: {error}") from error

    @property
    def board(self) -> str:
        """Which board the device is: one of emulator.MACHINES."""
        return self.identity().get("board", HOST)

    def map(self, offset: int, size: int) -> mmap.mmap:
        """A part of flash.bin, shared with the running device; offset: a multiple of the page size."""
        with self.flash.open("r+b") as file:
            return mmap.mmap(file.fileno(), size, offset=offset)

    def map_registers(self) -> mmap.mmap:
        """The registers, as map()."""
        if self.board != HOST:
            return self.map(memory_map.WORLD, flash_map.REGISTERS_SIZE)
        with self.registers.open("r+b") as file:
            return mmap.mmap(file.fileno(), flash_map.REGISTERS_SIZE)

    def forget_ports(self) -> None:
        """Take the links to the pseudo-terminals away: the kernel gives the number of a closed one to whoever
        asks next, and who followed a link of yesterday would be on a terminal of somebody else's."""
        self.han.unlink(missing_ok=True)
        self.console.unlink(missing_ok=True)

    def read_flash(self) -> bytes:
        """Every byte of the NOR flash, also while the device runs."""
        with self.flash.open("rb") as file:
            return file.read(flash_map.FLASH_SIZE)

    def read_screen(self) -> bytes:
        """What the display shows now."""
        if self.board == HOST:
            return self.screen.read_bytes()
        with self.map(memory_map.SCREEN, flash_map.SCREEN_SIZE) as screen:
            return bytes(screen)

    def acquire(self) -> int:
        """Take the lock; returns its file descriptor, which the device's processes share."""
        self.path.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.lock, os.O_RDWR | os.O_CREAT, 0o644)
        deadline = time.monotonic() + _LOCK_PATIENCE
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return descriptor
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    os.close(descriptor)
                    raise Failed(
                        f"{self.path} is in use: a device is running from it; stop that one first"
                    ) from None
                time.sleep(0.02)

    def counters(self) -> dict[str, int]:
        """What the flash did so far."""
        with self.map_registers() as registers:
            data = bytes(registers)

        def u32(at: int) -> int:
            return int.from_bytes(data[at : at + 4], "little")

        return {
            "erases": u32(flash_map.REG_ERASES),
            "programs": u32(flash_map.REG_PROGRAMS),
            "programmed_bytes": u32(flash_map.REG_PROGRAMMED_BYTES),
        }
