"""A device that is attacked, and the upgrade files that attack it."""

import dataclasses

from firmware_agent.protocol.upgrade_file import UpgradeFile
from firmware_agent.store.firmware_store import WRITTEN, Offer
from hal.sim.nor_flash import NorFlash
from tests.make_envelope_vectors import IDENTITY, KEY
from tests.portable.bench import Bench, RememberedSignatures, give
from tools import envelope, upgrade_file

NEXT = dataclasses.replace(IDENTITY, file_version=0x00020000)
PAYLOAD = bytes(range(256)) * 5


class LoggedFlash(NorFlash):
    """Notes every erase and program: (what, address)."""

    def __init__(self, *part):
        super().__init__(*part)
        self.log = []

    def _erase(self, block):
        self.log.append(("erase", block * self.erase_size))
        super()._erase(block)

    def _program(self, start, buf):
        self.log.append(("program", start))
        super()._program(start, buf)

    def in_slots(self, bench):
        """What was done outside the journal."""
        return [one for one in self.log if one[1] >= bench.journal_units * bench.erase_size]


def running_v1():
    """A device that runs V1 and was told nothing yet."""
    bench = Bench(make_flash=LoggedFlash).at_factory("v1")
    bench.power_on()
    bench.flash.log.clear()
    return bench


def made(payload=PAYLOAD, identity=NEXT, sequence=2, key=KEY, **conditions):
    """A signed upgrade file."""
    image = envelope.build(payload, identity, sequence, key, envelope.Conditions(**conditions))
    return upgrade_file.build(image, identity, b"attack", False)


def with_head(change, payload=PAYLOAD, identity=NEXT):
    """An upgrade file whose envelope was changed after signing: ``change(image) -> image``."""
    image = change(envelope.build(payload, identity, 2, KEY))
    return upgrade_file.build(image, identity, b"attack", False)


def deliver(bench, data, cuts=None, block=50):
    """The file in pieces, as the agent does it: parser, then store. What write() answered last."""
    store = bench.store
    file = UpgradeFile()
    offer = Offer()
    offer.manufacturer_code, offer.image_type, offer.file_version = 0x1234, 0x0084, 0x00020000
    offer.file_size = len(data)
    store.start(offer)
    edges = [0, *(cuts or range(block, len(data), block)), len(data)]
    result = WRITTEN
    with RememberedSignatures():
        for start, end in zip(edges, edges[1:], strict=False):
            piece = data[start:end]
            taken = 0
            if not file.ready:
                taken = file.feed(piece, 0, len(piece))
                if not file.ready:
                    continue
                store.describe(file, file.image_offset, file.image_length)
                kept = file.head[file.image_offset : file.fill]
                if kept:
                    result = store.write(kept, 0, len(kept))
            if taken < len(piece):
                result = give(store, piece, taken, len(piece))
    assert file.ready, "the file ended before its image"
    return result
