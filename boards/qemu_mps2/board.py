"""QEMU's mps2-an385 as a device: real firmware, UARTs, watchdog and reset; flash that is a file.

The console (events, tracebacks, Ctrl-C) is UART 0, the HAN link UART 1. Whether the device is joined, and
what stands on the display, are in memory shared with the emulator: both belong to chips that this board
does not have.
"""

import json
import random
import select
import sys
import time

import machine
import mps2  # type: ignore[import-not-found]
import uctypes
import vfs

from boards.common import flash_map as fm
from boards.common.parts import Display, Identity, UtcClock
from boards.common.verifier import PYTHON
from boards.qemu_mps2 import memory_map as mm
from firmware_agent import handover
from hal.modules import forget

_HAN = 1  # UART
_CAUSES = {
    machine.PWRON_RESET: handover.POWER_ON,
    machine.WDT_RESET: handover.WATCHDOG,
    mps2.CRASH_RESET: handover.CRASH,
}


def _memory(offset, size):
    return uctypes.bytearray_at(mm.PSRAM + offset, size)


def _json_at(offset):
    page = bytes(_memory(offset, mm.PAGE))
    return json.loads(page[: page.index(b"\0")])


def _mount_factory_rom():
    """What the factory put beside the firmware, which is alike in every device: the verifier's modules."""
    rom = _memory(mm.FACTORY_ROM, mm.FACTORY_ROM_SIZE)
    if rom[0]:
        vfs.mount(vfs.VfsRom(rom), "/factory")  # type: ignore[abstract]
        sys.path.append("/factory")


class _Link:
    """The HAN link: UART 1; reads do not block. ``typed``: takes what is typed on the console meanwhile."""

    def __init__(self, registers, typed):
        self._registers = registers
        self._typed = typed
        self._uart = machine.UART(_HAN, 115200)
        self._poll = select.poll()
        self._poll.register(self._uart, select.POLLIN)
        self._poll.register(sys.stdin, select.POLLIN)

    @property
    def joined(self):
        """True while the device is on the HAN."""
        return self._registers[fm.REG_JOINED] == 1

    def leave(self, rejoin):
        """Leave the HAN. This network knows no keys: the next peer joins the device again."""
        if not rejoin:
            self._registers[fm.REG_JOINED] = 0

    def read_into(self, buf):
        """Fill buf with what has come; returns the number of bytes, 0 if nothing."""
        return self._uart.readinto(buf) or 0

    def write(self, buf, n):
        """Send buf[:n]; returns when the UART has taken it all."""
        self._uart.write(buf, n)  # type: ignore[call-arg]  # MicroPython's, and allocates nothing

    def wait(self, milliseconds):
        """Until something came, at most this long; the processor sleeps."""
        for stream, _ in self._poll.ipoll(milliseconds):
            if stream is sys.stdin:
                self._typed(sys.stdin.read(1))


class Board:
    """What the agent gets; everything that the chip does not know is read from the memory map."""

    def __init__(self):
        facts = _json_at(mm.FACTS)
        device = _json_at(mm.IDENTITY)
        registers = _memory(mm.WORLD, fm.REGISTERS_SIZE)
        self.cause = _CAUSES.get(machine.reset_cause(), handover.RESET)
        self.address = facts["address"]
        self.endpoint = facts["endpoint"]
        self.profile = facts["profile"]
        self.max_data_size = facts["max_data_size"]
        self.client_settings = facts["client_settings"]
        random.seed(facts["entropy"] ^ time.ticks_us())
        self.identity = Identity(device)
        self.verifier = device.get("verifier", PYTHON)
        _mount_factory_rom()
        self.clock = time
        self.utc_clock = UtcClock(registers)
        self.watchdog = machine.WDT(timeout=fm.WATCHDOG_SECONDS * 1000)
        self.link = _Link(registers, self._typed)
        self.display = Display(_memory(mm.SCREEN, fm.SCREEN_SIZE))
        flash = mps2.Flash(
            mm.PSRAM + mm.FLASH,
            fm.FLASH_SIZE,
            fm.ERASE_SIZE,
            fm.WRITE_SIZE,
            mm.PSRAM + mm.WORLD + fm.REG_ERASES,
        )
        # It would keep all of the store's code when that is let go of.
        from boards.common.store import open_settings, open_store

        self.store = open_store(flash, flash, device, hook=self.watchdog.feed, utc=self.utc_clock.utc)
        self.settings = open_settings(flash)

    def emit(self, event, fields):
        """One event as a line of JSON on the console."""
        line = {"event": event}
        line.update(fields)
        sys.stdout.write(json.dumps(line) + "\n")

    def _typed(self, character):
        from boards.common import console

        console.answer(character, self)
        del console
        forget("boards.common.console")

    def random(self, n):
        """A number from 0 to n - 1."""
        return random.randrange(n) if n > 0 else 0

    def reset(self):
        """Does not return."""
        machine.reset()

    def halt(self, code):
        """Nothing can run: QEMU ends with this code. Does not return."""
        mps2.power_off(code)
