"""Power is cut at every flash operation of whole updates; what is left is judged from outside.

One cut in every operation with every effect, and with each of them a second cut, drawn from the seed, in
the recovery. And the proof that this can fail: bugs seeded one at a time, each of them caught.
"""

import pytest

from firmware_agent import boot
from hal.flash import FlashError
from hal.sim.cut_flash import BITS, EFFECTS, FLICKER, PREFIX, UNSTABLE, WHOLE
from tests.bugs_in_store import BUGS, GUARDS
from tests.power_cuts import (
    GEOMETRIES,
    LONG_GEOMETRIES,
    LONG_STORY,
    STORIES,
    Home,
    Violation,
    cut_lists,
    with_second_cut,
)

SEED = 20261122
# NOTHING is WHOLE of the operation before.
LEFT = ((PREFIX, 128), (BITS, 128), (UNSTABLE, 128), (FLICKER, 256), (WHOLE, 0))
FEWER = ((BITS, 128), (FLICKER, 256), (WHOLE, 0))
# The plain update everywhere; the other stories where units are smallest.
MATRIX = [(STORIES[0], geometry, LEFT) for geometry in GEOMETRIES]
MATRIX += [(story, GEOMETRIES[1], FEWER) for story in STORIES[1:]]
MATRIX += [(LONG_STORY, geometry, LEFT) for geometry in LONG_GEOMETRIES]


def label(value):
    if isinstance(value, tuple):
        return f"{len(value)}-effects"
    return value.name if hasattr(value, "name") else str(value).replace(" ", "-")


def runs(story, geometry, effects):
    """Each seed with its ``cuts``: every single one, and each of them with a second one."""
    for number, cuts in enumerate(cut_lists(story, geometry, effects)):
        seed = SEED + number
        yield seed, cuts
        yield seed, with_second_cut(cuts, LEFT, seed)


def shown(story, geometry, seed, cuts):
    """The line that replays a run."""
    named = [cut and (cut[0], EFFECTS[cut[1]], cut[2]) for cut in cuts]
    return f"Home({story.name!r}, {geometry}, cuts={named}, seed={seed})"


@pytest.mark.parametrize(("story", "geometry", "effects"), MATRIX, ids=label)
def test_no_cut_costs_more_than_a_unit(story, geometry, effects, tell):
    count = cut = lives = most_twice = 0
    for seed, cuts in runs(story, geometry, effects):
        home = Home(story, geometry, cuts, seed)
        try:
            home.run()
        except Exception as error:
            raise AssertionError(shown(story, geometry, seed, cuts)) from error
        count += 1
        lives += len(home.operations)
        cut += home.cut_lives
        most_twice = max(most_twice, home.most_twice)
    assert cut > count  # the second cuts do fall
    tell(
        f"{story.name} on {geometry}: {count} runs, {cut} cuts, {lives} boots, "
        f"at most {most_twice} bytes fetched twice"
    )


# What a broken device may raise instead of being judged.
CAUGHT = (Violation, FlashError, AssertionError, LookupError, TypeError, ValueError, boot.NothingBoots)


@pytest.mark.parametrize(("seed_bug", "name"), BUGS)
def test_each_seeded_bug_is_caught(seed_bug, name, monkeypatch, tell):
    seed_bug(monkeypatch)
    story = next(story for story in (*STORIES, LONG_STORY) if story.name == name)
    tried = 0
    for geometry in LONG_GEOMETRIES if story is LONG_STORY else GEOMETRIES[1:] + GEOMETRIES[:1]:
        try:
            for seed, cuts in runs(story, geometry, LEFT):
                tried += 1
                Home(story, geometry, cuts, seed).run()
        except CAUGHT as caught:
            where = f"run {tried}, {name} on {geometry}"
            tell(f"{seed_bug.__name__}: caught in {where}: {caught!r}")
            return
    raise AssertionError(f"not caught in {tried} runs")


@pytest.mark.parametrize(("seed_bug", "guard"), GUARDS)
def test_each_guard_is_missed(seed_bug, guard, monkeypatch):
    guard()
    seed_bug(monkeypatch)
    with pytest.raises(CAUGHT):
        guard()
