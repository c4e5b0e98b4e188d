"""Erase units of a live board that may be written as one likes: a cut there loses nothing.

They are the last ones of the slot that does not run. Nothing reads that slot unless an update is under way,
from its first byte to the confirmation; while one is, they are refused.
"""

from binascii import crc32

from firmware_agent.store import state as states
from hal.flash import OUT_OF_RANGE, FlashArea, FlashError
from tools.on_device.flash_contract import Part

_NEEDED = (states.WRITING, states.CANDIDATE, states.STAGED, states.TRIAL)


class Window:
    """``units`` erase units of ``area`` from ``first`` on, as a part of their own: the same device, all else
    of it out of reach."""

    def __init__(self, area, first, units):
        self._device = area.device
        self._first = area.first + first
        self._units = units
        self._erase_size = area.erase_size

    def readblocks(self, block, buf, offset=0):
        self._check(block, offset, len(buf))
        return self._device.readblocks(self._first + block, buf, offset)

    def writeblocks(self, block, buf, offset):
        self._check(block, offset, len(buf))
        return self._device.writeblocks(self._first + block, buf, offset)

    def ioctl(self, op, arg):
        if op == 4:
            return self._units
        if op == 6:
            self._check(arg, 0, self._erase_size)
            return self._device.ioctl(6, self._first + arg)
        return self._device.ioctl(op, arg)

    def _check(self, block, offset, length):
        start = block * self._erase_size + offset
        if block < 0 or offset < 0 or start + length > self._units * self._erase_size:
            raise FlashError(OUT_OF_RANGE, start)


class Scratch:
    """``area``: those units; ``part()``: the same, erased, for the flash contract. What was in them is kept
    for ``put_back()``. ValueError, with a text for whoever asked, if they are not to be had.

    hook: called often, to feed the watchdog.
    """

    def __init__(self, store, units, hook):
        if not store.load():
            raise ValueError("the flash holds no device: no slot is known to be free")
        if store.state.secondary_state in _NEEDED:
            raise ValueError("an update is under way: try again when it is over")
        slot = store.slots[store.secondary]
        if slot.units < units:
            raise ValueError("the slot has %d erase units, %d are needed" % (slot.units, units))
        self.slot = slot
        self.first = slot.units - units
        self._hook = hook
        self._window = Window(slot, self.first, units)
        self.area = FlashArea(self._window, 0, units, slot.write_size)
        self._kept = [self._read(unit) for unit in range(units)]
        self._neighbour = self._read_neighbour()

    def part(self):
        """Erased."""
        self._hook()
        for unit in range(self.area.units):
            self.area.erase(unit)
        return Part(self._window, self.area.write_size)

    def put_back(self):
        """What was there before. False if it is not there again, or what lies before it has changed."""
        area = self.area
        size = area.write_size
        blank = b"\xff" * size
        for unit in range(area.units):
            self._hook()
            area.erase(unit)
            kept = self._kept[unit] or b""
            for at in range(0, len(kept), size):
                piece = kept[at : at + size]
                if piece != blank:
                    area.program(unit * area.erase_size + at, piece)
        area.sync()
        whole = all([self._read(unit) == self._kept[unit] for unit in range(area.units)])
        return whole and self._read_neighbour() == self._neighbour

    def _read_neighbour(self):
        """The CRC of the unit before them, in which nothing may ever change."""
        if self.first == 0:
            return 0
        buf = bytearray(self.slot.erase_size)
        self.slot.read((self.first - 1) * self.slot.erase_size, buf)
        return crc32(buf)

    def _read(self, unit):
        """None for a unit that is blank: the heap may not have room for many."""
        buf = bytearray(self.area.erase_size)
        self.area.read(unit * self.area.erase_size, buf)
        data = bytes(buf)
        return None if data == b"\xff" * len(data) else data
