"""The block path allocates nothing: thousands of blocks under a locked heap, down to the flash."""

import sys

from firmware_agent.store.image_writer import COMPLETE, ImageWriter
from firmware_agent.store.journal import Journal
from firmware_agent.store.slot_writer import SlotWriter
from firmware_agent.store.state import State
from hal.flash import FlashArea
from tests.portable.bench import Bench, Image

BLOCK = 50
UNITS = 64
ERASE = 4096

try:
    from micropython import heap_lock, heap_unlock
except ImportError:  # CPython: the same code runs, and nothing is locked

    def heap_lock():
        pass

    def heap_unlock():
        pass


class Flash:
    """Takes everything, allocates nothing. Reads give back what was programmed last: all that a journal
    reads back. Counts, and remembers the largest number that it was given."""

    def __init__(self, units):
        self.units = units
        self.last = bytearray(512)
        self.erases = 0
        self.programs = 0
        self.largest = 0

    def ioctl(self, op, arg):
        if op == 4:
            return self.units
        if op == 5:
            return ERASE
        self.erases += 1
        return 0

    def readblocks(self, block, buf, offset):
        for i in range(len(buf)):
            buf[i] = self.last[i]

    def writeblocks(self, block, buf, offset):
        for i in range(len(buf)):
            self.last[i] = buf[i]
        self.programs += 1
        if block * ERASE + offset > self.largest:
            self.largest = block * ERASE + offset


def locked(function):
    """The function's result, with the heap locked around it; MemoryError if it allocates."""
    heap_lock()
    try:
        return function()
    finally:
        heap_unlock()


def test_the_lock_would_show_an_allocation():
    if sys.implementation.name != "micropython":
        return
    try:
        locked(lambda: bytearray(100))
    except MemoryError:
        return
    raise AssertionError("the heap is not locked")


def blocks_to(writer, data, count):
    """A function that writes ``count`` blocks from anywhere in ``data``."""

    def write():
        for n in range(count):
            writer.write(data, n * 7 % 13, BLOCK)

    return write


def test_slot_writer():
    flash = Flash(UNITS)
    writer = SlotWriter(FlashArea(flash, 0, UNITS, 16))
    data = bytearray(range(100))
    blocks = UNITS * ERASE // BLOCK
    assert blocks > 5000
    locked(blocks_to(writer, data, blocks))
    assert writer.position == blocks * BLOCK
    assert flash.erases == UNITS and flash.programs == blocks * BLOCK // 256
    assert flash.largest < 1 << 30


def test_journal_progress():
    flash = Flash(4)
    journal = Journal(FlashArea(flash, 0, 4, 16))
    state = State()
    journal.load(state)
    journal.commit(state, UNITS)
    programs = flash.programs

    def progress():
        for n in range(UNITS):
            journal.progress(state, n * ERASE)

    locked(progress)
    assert flash.programs == programs + UNITS
    assert state.durable == (UNITS - 1) * ERASE


def test_image_writer_with_its_progress():
    flash = Flash(4 + UNITS)
    journal = Journal(FlashArea(flash, 0, 4, 16))
    slot = FlashArea(flash, 4, UNITS, 16)
    state = State()
    journal.load(state)
    journal.commit(state, 2 * UNITS)
    image = ImageWriter(journal, state, ERASE)
    image.describe(56, UNITS * ERASE)
    image.resume(slot, 0)
    data = bytearray(range(100))
    blocks = UNITS * ERASE // BLOCK
    begin = flash.programs
    locked(blocks_to(image, data, blocks))
    assert image.position == blocks * BLOCK
    assert state.durable == (UNITS - 1) * ERASE + 256
    # A record behind the first page of each unit, and one at its end.
    assert flash.programs - begin == blocks * BLOCK // 256 + 2 * UNITS - 1
    # The last block, its page's rest and its progress too.
    rest = UNITS * ERASE - blocks * BLOCK
    assert locked(lambda: image.write(data, 0, rest)) == COMPLETE
    assert state.durable == UNITS * ERASE


def test_firmware_store_after_acceptance():
    image = Image("long")
    bench = Bench(slot_units=4).at_factory()
    bench.power_on()
    bench.download(image, 500)
    store = bench.store

    class Quiet:
        """The bench's flash computes with numbers of any size: this one only notes."""

        def __init__(self):
            self.calls = 0

        def readblocks(self, block, buf, offset):
            for i in range(len(buf)):
                buf[i] = self.last[i]

        def writeblocks(self, block, buf, offset):
            self.calls += 1
            for i in range(len(buf)):
                self.last[i] = buf[i]

        last = bytearray(256)

        def ioctl(self, op, arg):
            self.calls += 1
            return 0

    quiet = Quiet()
    for area in (store.slots[0], store.slots[1], store._journal._area):
        area.device = quiet
    data = image.data

    def rest():
        at = 500
        result = 0
        while at < len(data):
            length = min(BLOCK, len(data) - at, store.until_boundary(56 + at))
            result = store.write(data, at, length)
            at += length
        return result

    assert locked(rest) == COMPLETE
    assert quiet.calls > 12
