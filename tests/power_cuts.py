"""Updates that lose power, over store and boot alone: the runs of test_power_cuts.py.

A home is one device and the hub's side of a story, driven as the agent drives the store. The oracle
judges the flash from outside: it knows the approved images byte for byte, and reads the journal with a
few lines of its own.

tools/simulator runs the whole agent. Here it is the flash that is worse: its torn cells read one way now
and another way later, and what is torn may not be programmed again before it is erased.
"""

import struct
import zlib
from dataclasses import dataclass, field
from functools import cache

from firmware_agent import boot, reject
from firmware_agent.reject import Rejected
from firmware_agent.store import state as states
from firmware_agent.store.firmware_store import COMPLETE, RESTART
from hal.sim.cut_flash import CutFlash, PowerCut, Random
from tests.portable.bench import FILE_HEADER, Bench, Image, RememberedSignatures

_MOST_LIVES = 30
_BEFORE_ACCEPTANCE = 512  # bytes that a cut before the acceptance may cost
_STATE_KIND = b"\x53"
SEQUENCE_AT = 4


class Violation(Exception):
    """Something that must never be was."""


@dataclass(frozen=True)
class Geometry:
    erase_size: int
    write_size: int
    slot_units: int
    journal_units: int = 4

    def __str__(self):
        return f"{self.erase_size}/{self.write_size}, slots of {self.slot_units}"


@dataclass(frozen=True)
class Story:
    """``offers``: names of images, in the order in which the hub comes to offer them; the second one once
    ``replace_at`` bytes of the first are fetched. ``spoiled``: the hub's copy of this one has a bit flipped,
    in its byte ``spoiled_at``.

    trial: what the image on trial does. ends_in: what runs when all is quiet, reason: why it was not the
    last one offered.
    """

    name: str
    offers: tuple[str, ...]
    ends_in: str
    trial: str = "passes"
    reason: int = 0
    spoiled: str = ""
    spoiled_at: int = -100
    replace_at: int = 0


STORIES = (
    Story("update", ("v2",), "v2"),
    Story("replaced", ("v2", "v3"), "v3", replace_at=800),
    Story("withdrawn", ("v2", "v3"), "v2", replace_at=800, spoiled="v3", spoiled_at=100),
    Story("spoiled", ("v2",), "v1", reason=reject.DIGEST_MISMATCH, spoiled="v2"),
    Story("crash", ("v2",), "v1", trial="crashes", reason=reject.CRASHED),
    Story("self-test", ("v2",), "v1", trial="fails", reason=reject.SELF_TEST_FAILED),
)
# Of an image in several units each of which has several pages.
LONG_STORY = Story("long", ("long",), "long")
LONG_GEOMETRIES = (Geometry(512, 4, 8), Geometry(1024, 256, 4), Geometry(2048, 32, 2))
GEOMETRIES = (
    Geometry(256, 1, 8, 6),
    Geometry(256, 16, 8, 8),
    Geometry(512, 32, 4, 3),
    Geometry(1024, 256, 2, 3),
    Geometry(2048, 8, 1, 3),
    Geometry(4096, 16, 1),
)


image_named = cache(Image)


@cache
def _flawed(name, spoiled_at):
    """The hub's copy of an image."""
    image = Image(name)
    data = bytearray(image.data)
    data[spoiled_at] ^= 0x10
    image.data = bytes(data)
    return image


class Oracle:
    """What must be true whatever happens."""

    def __init__(self, bench, images):
        self._bench = bench
        self._images = images
        self.confirmed = "v1"
        self.confirming = ""  # accept() was called for this one and has not returned
        self.counter = images["v1"].sequence_number

    def holds(self, slot):
        """The name of the approved image that the slot holds, whole; None if it holds none."""
        for name, image in self._images.items():
            if self._bench.slot_bytes(slot, len(image.data)) == image.data:
                return name
        return None

    def at_cut(self):
        held = (self.holds(0), self.holds(1))
        if self.confirmed not in held:
            raise Violation(f"the confirmed {self.confirmed} is gone: the slots hold {held}")

    def at_install(self, slot):
        if self.holds(slot) is None:
            raise Violation(f"slot {slot} was verified and holds no approved image")

    def at_boot(self, handover):
        held = self.holds(handover.slot)
        if held is None:
            raise Violation(f"slot {handover.slot} runs bytes that nobody approved")
        if self._images[held].file_version != handover.manifest.file_version:
            raise Violation(f"slot {handover.slot} runs {held} as 0x{handover.manifest.file_version:08x}")
        if not handover.trial and held != self.confirmed:
            if held != self.confirming:
                raise Violation(f"{held} runs for good without having been confirmed")
            self.confirmed = held
        self.check_counter()

    def check_counter(self):
        counter = self._counter_on_flash()
        if counter < self.counter:
            raise Violation(f"the security counter fell from {self.counter} to {counter}")
        allowed = self._images[self.confirmed].sequence_number
        if counter > allowed:
            raise Violation(f"the security counter is {counter} while {self.confirmed} is confirmed")
        self.counter = counter

    def at_end(self, story, store, handover):
        if self.holds(handover.slot) != story.ends_in or self.confirmed != story.ends_in:
            raise Violation(f"it ended in {self.holds(handover.slot)}, not {story.ends_in}")
        if store.state.rejected_reason != story.reason:
            raise Violation(f"reason {store.state.rejected_reason} on record, not {story.reason}")
        if self.counter != self._images[story.ends_in].sequence_number:
            raise Violation(f"the security counter ended at {self.counter}")

    def _counter_on_flash(self):
        """From the record with the highest number whose CRC is right, read where the flash lets it."""
        bench = self._bench
        data = bytearray(bench.journal_units * bench.erase_size)
        bench.flash.readblocks(0, data, 0)
        best = (-1, 0)
        at = data.find(_STATE_KIND)
        while at >= 0:
            for size in (states.RECORD_SIZE, states.FULL_RECORD_SIZE):
                record = data[at : at + size]
                if len(record) == size and struct.pack("<I", zlib.crc32(record[:-4])) == record[-4:]:
                    best = max(best, struct.unpack_from("<II", record, SEQUENCE_AT))
            at = data.find(_STATE_KIND, at + 1)
        return best[1]


@dataclass
class Home:
    """A device and its hub. ``cuts``: for each life from the first on (operation, effect, amount) or None."""

    story: Story
    geometry: Geometry
    cuts: tuple = ()
    seed: int = 1
    operations: list[int] = field(default_factory=list)  # flash operations of each life
    cut_lives: int = 0
    most_twice: int = 0  # the most image bytes that one cut had fetched twice

    def __post_init__(self):
        geometry = self.geometry

        def make_flash(memory, erase_size, write_size):
            return CutFlash(memory, erase_size, write_size, seed=self.seed)

        self.bench = Bench(
            geometry.erase_size, geometry.write_size, geometry.slot_units, geometry.journal_units, make_flash
        ).at_factory("v1")
        self.oracle = Oracle(self.bench, {name: image_named(name) for name in ("v1", *self.story.offers)})
        self._served = {name: image_named(name) for name in self.story.offers}
        if self.story.spoiled:
            self._served[self.story.spoiled] = _flawed(self.story.spoiled, self.story.spoiled_at)
        self._reached = {name: 0 for name in self.story.offers}
        self._offer = 0
        self._cut_before = False

    def run(self):
        """Live until all is quiet. Raises Violation, or whatever the device raises."""
        cause = boot.POWER_ON
        with RememberedSignatures():
            for life in range(_MOST_LIVES):
                self.bench.flash.power_on()
                cut = self.cuts[life] if life < len(self.cuts) else None
                if cut is not None:
                    self.bench.flash.arm(*cut)
                self._again = dict.fromkeys(self._reached, 0)
                try:
                    cause = self._live(cause)
                    self._cut_now = False
                except PowerCut:
                    cause = boot.POWER_ON
                    self._cut_now = True
                self.operations.append(self.bench.flash.operations)
                self._judge_fetched()
                self._cut_before = self._cut_now
                if self._cut_now:
                    self.cut_lives += 1
                    self.oracle.at_cut()
                elif cause is None:
                    self.oracle.at_end(self.story, self.bench.store, self.bench.handover)
                    return self
        raise Violation(f"no end after {_MOST_LIVES} boots")

    def _live(self, cause):
        """One power-on. The cause of the reset that ends it, None if all is quiet."""
        handover = self.bench.power_on(cause)
        self.oracle.at_boot(handover)
        store = self.bench.store
        if handover.trial:
            if self.story.trial == "crashes":
                return boot.CRASH
            if self.story.trial == "fails":
                store.reject(reject.SELF_TEST_FAILED)
                return boot.RESET
            self.oracle.confirming = self.oracle.holds(handover.slot)
            store.accept()
            self.oracle.confirmed = self.oracle.confirming
            self.oracle.check_counter()
        if not store.candidate and not self._download(handover):
            return None
        try:
            self.bench.verify()
        except Rejected as refused:
            store.reject(refused.number)
            return None
        self.oracle.at_install(store.secondary)
        store.install()
        return boot.RESET

    def _download(self, handover):
        """Until an image is complete: True; False if there is none to be had."""
        store = self.bench.store
        while True:
            last = self._offer + 1 == len(self.story.offers)
            image = self._served[self.story.offers[self._offer]]
            if image.file_version == handover.manifest.file_version:
                return False
            if store.rejected_before(image.offer()):
                if self._offer == 0:
                    return False
                self._offer = 0
                last = True
                image = self._served[self.story.offers[0]]
            if store.downloading and store.offer.same_image(image.offer()):
                store.resume()
            else:
                store.start(image.offer())
            if store.complete:
                return True
            try:
                result = self._feed(image, None if last else self.story.replace_at)
            except Rejected as refused:
                store.reject(refused.number)
                continue
            if result == COMPLETE:
                return True
            if result != RESTART:
                self._offer += 1

    def _feed(self, image, until):
        bench = self.bench
        if not bench.store.image_known:
            bench.store.describe(image, FILE_HEADER, len(image.data))
        begin = bench.store.position - FILE_HEADER
        # What the cut before costs, whatever of it an earlier one had cost already.
        self._again[image.name] += max(0, self._reached[image.name] - begin)
        try:
            return bench.feed(image, until)
        finally:
            self._reached[image.name] = begin + bench.fetched
            bench.fetched = 0

    def _judge_fetched(self):
        # Who leaves one image for another leaves the unit that is not full.
        allowed = self.geometry.erase_size if self.story.replace_at else 0
        if self._cut_before:
            allowed = max(self.geometry.erase_size, _BEFORE_ACCEPTANCE)
        for name, twice in self._again.items():
            if twice > allowed:
                raise Violation(f"{twice} bytes of {name} fetched twice, {allowed} allowed")
            self.most_twice = max(self.most_twice, twice)


def cut_lists(story, geometry, effects):
    """For each life, operation and effect of the clean run: the ``cuts`` with that one cut."""
    clean = Home(story, geometry).run()
    for life, operations in enumerate(clean.operations):
        for operation in range(1, operations + 1):
            for effect, amount in effects:
                yield (None,) * life + ((operation, effect, amount),)


def with_second_cut(cuts, effects, seed):
    """The same, with another cut in the recovery."""
    chance = Random(seed)
    effect, amount = effects[chance(len(effects))]
    return (*cuts, (1 + chance(10), effect, amount))
