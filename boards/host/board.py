"""The host board: the same device files on MicroPython's unix port, or on CPython for debugging.

Flash, registers and screen are files that the launcher mapped into memory, so flash is memory-mapped
here as on a microcontroller, and killing the process is a power cut: what was written stays. The HAN
link is standard input and output, the console (events, tracebacks) standard error.
"""

import json
import os
import select
import struct
import sys
import time

from boards.common import flash_map as fm
from boards.common.parts import Display, Identity, UtcClock
from boards.common.verifier import PYTHON
from hal.sim.nor_flash import NorFlash

MICROPYTHON = sys.implementation.name == "micropython"


def _memory(place, size):
    """``place``: an address on MicroPython, the mapped object itself on CPython."""
    if MICROPYTHON:
        import uctypes

        return uctypes.bytearray_at(place, size)
    return place


class _CountedFlash(NorFlash):
    """The emulated part; its counters live in the registers, where a power cut does not reach."""

    def __init__(self, memory, registers):
        NorFlash.__init__(self, memory, fm.ERASE_SIZE, fm.WRITE_SIZE)
        self._registers = registers

    def _count(self, register, n):
        value = struct.unpack_from("<I", self._registers, register)[0]
        struct.pack_into("<I", self._registers, register, value + n & 0xFFFFFFFF)

    def count_erase(self):
        self._count(fm.REG_ERASES, 1)

    def count_program(self, length):
        self._count(fm.REG_PROGRAMS, 1)
        self._count(fm.REG_PROGRAMMED_BYTES, length)


class _Clock:
    """ticks_ms() and ticks_diff() as MicroPython's time has them; CPython's has neither."""

    def ticks_ms(self):
        if MICROPYTHON:
            return time.ticks_ms()
        return int(time.monotonic() * 1000)  # type: ignore[attr-defined]

    def ticks_diff(self, a, b):
        if MICROPYTHON:
            return time.ticks_diff(a, b)
        return a - b


class _Link:
    """The HAN link: file descriptors 0 and 1; reads do not block."""

    def __init__(self, registers):
        self._registers = registers
        self._in = open(0, "rb", buffering=0)
        self._out = open(1, "wb", buffering=0)
        self._poll = select.poll()
        self._poll.register(self._in, select.POLLIN)

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
        n = self._in.readinto(buf)
        if n == 0:
            # The other end is gone, and with it the power.
            sys.exit(0)
        return n or 0

    def write(self, buf, n):
        """Send buf[:n]."""
        self._out.write(memoryview(buf)[:n])

    def wait(self, milliseconds):
        """Until something came, at most this long."""
        self._poll.poll(milliseconds)


class _Watchdog:
    def __init__(self, registers):
        self._registers = registers

    def feed(self):
        """The emulator resets a board that stops calling this for 10 s."""
        self._registers[fm.REG_WATCHDOG] = self._registers[fm.REG_WATCHDOG] + 1 & 0xFF


class Board:
    """device: the provisioned identity; runtime: what this start adds; both plain dicts."""

    def __init__(self, device, runtime):
        self._registers = _memory(runtime["registers"], fm.REGISTERS_SIZE)
        self.flash_memory = _memory(runtime["flash"], fm.FLASH_SIZE)
        self.cause = runtime["cause"]
        self.address = runtime["address"]
        self.endpoint = runtime["endpoint"]
        self.profile = runtime["profile"]
        self.max_data_size = runtime["max_data_size"]
        self.client_settings = runtime["client_settings"]
        self.identity = Identity(device)
        self.verifier = device.get("verifier", PYTHON)
        self.clock = _Clock()
        self.utc_clock = UtcClock(self._registers)
        self.watchdog = _Watchdog(self._registers)
        self.link = _Link(self._registers)
        self.display = Display(_memory(runtime["screen"], fm.SCREEN_SIZE))
        flash = _CountedFlash(self.flash_memory, self._registers)
        # It would keep all of the store's code when that is let go of.
        from boards.common.store import open_settings, open_store

        self.store = open_store(
            flash, self.flash_memory, device, hook=self.watchdog.feed, utc=self.utc_clock.utc
        )
        self.settings = open_settings(flash)

    def emit(self, event, fields):
        """One event as a line of JSON on the console."""
        line = {"event": event}
        line.update(fields)
        sys.stderr.write(json.dumps(line) + "\n")

    def random(self, n):
        """A number from 0 to n - 1."""
        return int.from_bytes(os.urandom(4), "little") % n if n > 0 else 0

    def reset(self):
        """Does not return."""
        sys.exit(fm.EXIT_RESET)

    def halt(self, code):
        """Stays down. ``code``: EXIT_NO_DEVICE. Does not return."""
        sys.exit(code)
