"""A journal on a part of its own, for the journal's tests."""

from firmware_agent.store.journal import Journal
from firmware_agent.store.state import FULL_RECORD_SIZE, RECORD_SIZE, State
from hal.flash import FlashArea
from hal.sim.cut_flash import CutFlash

SIZE = 1024
WRITE = 16
PROGRESS = 16  # bytes of a progress record
FULL = (FULL_RECORD_SIZE + WRITE - 1) // WRITE * WRITE  # a bank's first state record
SHORT = (RECORD_SIZE + WRITE - 1) // WRITE * WRITE  # those behind it
# erase size, write size
GEOMETRIES = [
    (erase, write)
    for erase in (256, 512, 1024, 4096, 65536)
    for write in (1, 4, 8, 16, 32, 256)
    if erase % write == 0
]


class Device:
    """A journal on a part of its own; reset() is a power-on: a new Journal that has loaded."""

    def __init__(self, erase_size=SIZE, write_size=WRITE, units=4, kind=CutFlash):
        self.write_size = write_size
        self.memory = bytearray(b"\xff" * (erase_size * units))
        self.flash = kind(self.memory, erase_size, write_size)
        self.units = units
        self.reset()

    def reset(self):
        self.flash.power_on()
        self.journal = Journal(FlashArea(self.flash, 0, self.units, self.write_size))
        self.state = State()
        self.found = self.journal.load(self.state)
        return self

    def commit(self, version):
        """A record that can be told from others by its rejected_version."""
        self.state.rejected_version = version
        self.journal.commit(self.state)

    def version(self):
        """What a reset finds."""
        self.reset()
        return self.state.rejected_version if self.found else None


def fields(state):
    """All of a state but its number."""
    return [(name, state.__dict__[name]) for name in sorted(state.__dict__) if name != "sequence"]
