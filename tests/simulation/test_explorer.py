"""The power-cut simulator: a slice of the campaign, and proof that it can fail."""

import random

import pytest

from tools.simulator import stories, world
from tools.simulator.bugs import BUGS
from tools.simulator.explorer import EACH, EVERY, Explorer, factory_flash
from tools.simulator.flash import ERASE, PROGRAM, Geometry, ObservedFlash, Operation, torn
from tools.simulator.oracle import Oracle, Past, Violation
from tools.simulator.seeded import hunt

SMALL = "256/16x8"


@pytest.mark.parametrize("story", stories.STORIES)
def test_a_cut_at_every_operation_of_every_story(story, capsys):
    runs = states = 0
    for geometry in stories.GEOMETRIES.values():
        tally = Explorer(stories.STORIES[story], geometry).explore()
        assert not tally.failures, "\n".join(f"{f.text}\n{f.replay}" for f in tally.failures)
        runs += tally.runs
        states += tally.states
    with capsys.disabled():
        print(f"\n{story}: {runs} runs, {states} states, 0 failures", end="")
    assert runs >= len(stories.GEOMETRIES) * 8


@pytest.mark.parametrize("story", ["update", "replaced", "crash"])
def test_a_second_cut_in_the_recoveries(story):
    tally = Explorer(stories.STORIES[story], stories.GEOMETRIES["1024/8x2"], 3, (EVERY, 0.02)).explore()
    assert not tally.failures, "\n".join(f"{f.text}\n{f.replay}" for f in tally.failures)


@pytest.mark.parametrize("bug", BUGS[:: max(1, len(BUGS) // 8)], ids=lambda bug: bug.name)
def test_some_seeded_bugs_are_caught(bug):
    assert hunt(bug)[1] is not None


def test_there_are_at_least_40_seeded_bugs():
    assert len({bug.name for bug in BUGS}) == len(BUGS) >= 40


def test_a_failure_replays_from_its_line(monkeypatch):
    monkeypatch.setattr(
        Oracle, "at_cut", lambda self, memory, past: (_ for _ in ()).throw(Violation("as told"))
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
    memory = bytearray(b"\xff" * geometry.size)
    seen = []
    flash = ObservedFlash(
        memory, geometry, lambda op: seen.append((op.kind, op.start, bytes(memory[op.start : op.start + 16])))
    )
    flash.writeblocks(1, bytes(16), 0)
    flash.ioctl(6, 1)
    assert seen == [(PROGRAM, 256, b"\xff" * 16), (ERASE, 256, bytes(16))]


class TestOracle:
    geometry = stories.GEOMETRIES[SMALL]
    images = {
        version: stories.image(version, stories.IMAGE_SIZE) for version in (stories.FACTORY, stories.NEW)
    }

    def test_it_knows_the_image_by_its_bytes(self):
        memory = factory_flash(self.geometry, stories.IMAGE_SIZE)
        oracle = Oracle(self.geometry, self.images)
        assert oracle.intact(memory, 0) == stories.FACTORY and oracle.intact(memory, 1) is None
        memory[self.geometry.slot(0).start + 700] ^= 1
        assert oracle.intact(memory, 0) is None
        with pytest.raises(Violation, match="nobody approved"):
            oracle.at_boot(memory, 0, stories.FACTORY)
        with pytest.raises(Violation, match="no whole"):
            oracle.at_cut(bytes(memory), Past())

    def test_the_counter_must_not_rise_without_a_confirmation(self):
        oracle = Oracle(self.geometry, self.images)
        life = world.Life(world.SETTLED, 0, stories.FACTORY, False, stories.NEW)
        with pytest.raises(Violation, match="rose"):
            oracle.at_end_of_life(life, Past())
        life.counter = 1
        with pytest.raises(Violation, match="fell"):
            oracle.at_end_of_life(life, Past())
