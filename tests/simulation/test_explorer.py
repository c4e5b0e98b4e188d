"""The power-cut simulator: a slice of the campaign, and proof that it can fail."""

import random
from xml.etree import ElementTree

import pytest

from hal.flash import FlashError
from tools import layout
from tools.simulator import cut_picture, stories
from tools.simulator.bugs import BUGS
from tools.simulator.cells import FLICKERING, UNSTABLE, Part
from tools.simulator.explorer import (
    EACH,
    EVERY,
    NOTHING_AGAIN,
    SEEN,
    SOME_AGAIN,
    WRONG,
    Explorer,
)
from tools.simulator.flash import ERASE, PROGRAM, Geometry, ObservedFlash, Operation, outcomes, torn
from tools.simulator.oracle import FALLBACK, Oracle, Violation
from tools.simulator.seeded import hunt

SMALL = "256/16x8"


@pytest.mark.parametrize("story", stories.STORIES)
def test_a_cut_at_every_operation_of_every_story(story, tell):
    runs = states = 0
    for geometry in stories.GEOMETRIES.values():
        tally = Explorer(stories.STORIES[story], geometry).explore()
        assert not tally.failures, "\n".join(f"{f.text}\n{f.replay}" for f in tally.failures)
        runs += tally.runs
        states += tally.states
    tell(f"{story}: {runs} runs, {states} states, 0 failures")
    assert runs >= len(stories.GEOMETRIES) * 8


@pytest.mark.parametrize("story", ["update", "replaced", "crash"])
def test_a_second_cut_in_the_recoveries(story):
    tally = Explorer(stories.STORIES[story], stories.GEOMETRIES["1024/8x2"], 3, (EVERY, 0.02)).explore()
    assert not tally.failures, "\n".join(f"{f.text}\n{f.replay}" for f in tally.failures)


def test_every_seeded_bug_is_still_a_line_of_the_device_s():
    lost = {bug.name: (layout.ROOT / bug.path).read_text().count(bug.line) for bug in BUGS}
    assert {name: count for name, count in lost.items() if count != 1} == {}


@pytest.mark.parametrize("bug", BUGS[:: max(1, len(BUGS) // 8)], ids=lambda bug: bug.name)
def test_some_seeded_bugs_are_caught(bug):
    assert hunt(bug)[1] is not None


def test_there_are_at_least_40_seeded_bugs():
    assert len({bug.name for bug in BUGS}) == len(BUGS) >= 40


def test_a_failure_replays_from_its_line(monkeypatch):
    monkeypatch.setattr(
        Oracle, "at_cut", lambda self, memory, past: (_ for _ in ()).throw(Violation("as told", FALLBACK))
    )
    explorer = Explorer(stories.STORIES["update"], stories.GEOMETRIES[SMALL], 7, (EVERY, EACH))
    (failure, *_) = explorer.explore().failures
    assert failure.replay.startswith("hanota simulate --story update --geometry '256/16x8' --seed 7 --cuts ")
    again = Explorer(stories.STORIES["update"], stories.GEOMETRIES[SMALL], 7)
    with pytest.raises(Violation, match="as told"):
        list(again.replay(failure.path))


def test_the_same_seed_gives_the_same_runs():
    first, second = (
        Explorer(stories.STORIES["lossy"], stories.GEOMETRIES[SMALL], 5).explore() for _ in range(2)
    )
    assert (first.runs, first.states, first.operations) == (second.runs, second.states, second.operations)


def test_a_torn_program_only_clears_bits_and_a_torn_erase_only_sets_them():
    chance = random.Random(1)
    before, after = b"\xff" * 32, bytes(range(32))
    for _, left in torn(Operation(0, PROGRAM, 0, before, after), chance):
        assert all(got & wanted == wanted for got, wanted in zip(left, after, strict=True))
    for _, left in torn(Operation(0, ERASE, 0, after, before), chance):
        assert all(got & old == old for got, old in zip(left, after, strict=True))


def test_the_observer_sees_each_operation_before_it_happens():
    geometry = Geometry(256, 16, 2, 1)
    memory = Part(b"\xff" * geometry.size)
    seen = []
    flash = ObservedFlash(
        memory, geometry, lambda op: seen.append((op.kind, op.start, bytes(memory[op.start : op.start + 16])))
    )
    flash.writeblocks(1, bytes(16), 0)
    flash.ioctl(6, 1)
    assert seen == [(PROGRAM, 256, b"\xff" * 16), (ERASE, 256, bytes(16))]


def test_the_sweep_covers_every_kind_of_part():
    swept = stories.GEOMETRIES.values()
    assert {geometry.write_size for geometry in swept} >= {1, 4, 8, 16, 32, 256}
    assert {geometry.erase_size for geometry in swept} >= {256, 512, 1024, 4096, 65536}
    assert {geometry.program_once for geometry in swept} == {True, False}
    assert {geometry.erased_value for geometry in swept} == {0xFF, 0x00}
    assert {geometry.queued for geometry in swept} == {True, False}
    assert any(geometry.slot_units == 1 for geometry in swept)


class TestCells:
    geometry = Geometry(256, 16, 2, 1)

    def _cut(self, kind):
        part = Part(b"\xff" * self.geometry.size)
        operation = Operation(0, PROGRAM, 256, b"\xff" * 16, bytes(16))
        (left,) = [left for left in outcomes(operation, 256, random.Random(1)) if left.name == kind]
        left.apply(part, 256)
        return part

    def _reads(self, flash):
        found = set()
        for _ in range(64):
            buf = bytearray(16)
            flash.readblocks(1, buf, 0)
            found.add(bytes(buf))
        return found

    def test_unstable_cells_read_differently_at_every_read(self):
        flash = ObservedFlash(self._cut(UNSTABLE), self.geometry)
        assert len(self._reads(flash)) > 32

    def test_flickering_cells_change_with_the_power_only(self):
        part = self._cut(FLICKERING)
        seen = set()
        for life in range(16):
            reads = self._reads(ObservedFlash(part, self.geometry, chance=random.Random(life)))
            assert len(reads) == 1
            seen |= reads
        assert seen == {b"\xff" * 16, bytes(16)}

    def test_they_take_no_program_until_an_erase_makes_them_certain(self):
        part = self._cut(UNSTABLE)
        flash = ObservedFlash(part, self.geometry)
        part[256:272] = b"\xff" * 16
        with pytest.raises(FlashError, match="not erased"):
            flash.writeblocks(1, bytes(16), 0)
        flash.ioctl(6, 1)
        flash.writeblocks(1, bytes(16), 0)
        assert self._reads(flash) == {bytes(16)}

    def test_how_they_read_now_is_no_other_state(self):
        part = self._cut(FLICKERING)
        before = part.key()
        part.power_on(random.Random(3))
        part.power_on(random.Random(4))
        assert part.key() == before != Part(part).key()


class TestQueue:
    geometry = Geometry(256, 16, 4, 1, queued=True)

    def _last(self, sync):
        part = Part(b"\xff" * self.geometry.size)
        seen = []
        flash = ObservedFlash(part, self.geometry, seen.append)
        flash.writeblocks(1, bytes(16), 0)
        flash.writeblocks(1, bytes(16), 16)
        if sync:
            flash.ioctl(3, 0)
        flash.writeblocks(2, bytes(16), 0)
        return part, {left.name: left for left in outcomes(seen[-1], 256, random.Random(1))}

    def test_what_came_last_overtakes_what_is_queued(self):
        part, left = self._last(sync=False)
        left["overtaken"].apply(part, 256)
        assert part[256:288] == b"\xff" * 32 and part[512:528] == bytes(16)

    def test_it_may_overtake_the_last_one_only(self):
        part, left = self._last(sync=False)
        left["overtaken-by-one"].apply(part, 256)
        assert part[256:288] == bytes(16) + b"\xff" * 16 and part[512:528] == bytes(16)

    def test_what_is_queued_is_lost_unless_it_was_synced(self):
        part, left = self._last(sync=False)
        left["lost"].apply(part, 256)
        assert part[256:288] == b"\xff" * 32
        assert "lost" not in self._last(sync=True)[1]


def test_the_picture_shows_every_first_cut_and_what_it_became():
    story = stories.STORIES["update"]
    tally = Explorer(story, stories.GEOMETRIES[SMALL], 0, (EVERY, 0.0)).explore()
    assert {cut.became for cut in tally.cuts} == {SEEN, NOTHING_AGAIN, SOME_AGAIN}
    phases = [cut.phase for cut in tally.cuts]
    assert list(dict.fromkeys(phases)) == ["boot", "offer", "block", "accepted", "verified", "query"]
    tree = ElementTree.fromstring(cut_picture.draw(tally.cuts))
    cells = [group.findtext("title") for group in tree.iter("g")]
    assert len(cells) == len(tally.cuts) > 300
    assert any("boot 2" in cell and "part of an erase unit" not in cell for cell in cells)
    letters = {letter for letter, _ in cut_picture.LEGEND.values()}
    assert {group.findtext("text") for group in tree.iter("g")} <= letters
    assert len(letters) == len(cut_picture.LEGEND)
    for became in cut_picture.LEGEND:
        assert became in cut_picture.legend()


def test_a_failed_cut_is_seen_in_the_picture(monkeypatch):
    monkeypatch.setattr(
        Oracle, "at_cut", lambda self, memory, past: (_ for _ in ()).throw(Violation("as told", FALLBACK))
    )
    tally = Explorer(stories.STORIES["update"], stories.GEOMETRIES[SMALL]).explore()
    assert WRONG in {cut.became for cut in tally.cuts}
    assert ">X</text>" in cut_picture.draw(tally.cuts)
