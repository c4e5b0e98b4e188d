"""A device that runs version 1, confirmed, and the images that a hub has for it: for the store's tests."""

from hal.sim.cut_flash import CutFlash
from tests.portable.bench import Bench, Image

V1 = Image("v1")
V2 = Image("v2")
V2_AGAIN = Image("v2-again")
V3 = Image("v3")
TINY = Image("tiny")
LONG = Image("long")


def running(**geometry):
    """A device that runs v1, confirmed."""
    bench = Bench(make_flash=CutFlash, **geometry).at_factory()
    bench.power_on()
    return bench


def state(bench):
    return bench.store.state.secondary_state


def slot_log(bench):
    """Operations of this power-on outside the journal."""
    first = bench.journal_units * bench.erase_size
    return [entry for entry in bench.flash.log if entry[1] >= first]


def cut(bench):
    bench.flash.power_on()
    bench.power_on()


class Failing(CutFlash):
    """Fails as ``failure`` says from now on: an error number to raise, or a result to give."""

    failure = None
    first = 0  # unit from which on it fails

    def writeblocks(self, block, buf, offset=None):
        if self.failure is not None and block >= self.first:
            if self.failure < 0:
                return self.failure
            raise OSError(self.failure)
        CutFlash.writeblocks(self, block, buf, offset)
