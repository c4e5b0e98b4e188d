"""A part that wears out in the middle of a story: an operation that fails once, or a unit that takes no more.

The story may then end in either version, but what the oracle says of every boot and of every cut holds, it
comes to rest, and no failure of the part ever leaves the agent as an exception.
"""

import copy
import random
from dataclasses import dataclass, field

import pytest

from firmware_agent import boot
from firmware_agent.store.journal import Journal
from tools.simulator import explorer, oracle, stories, world
from tools.simulator.cells import Part, mixed
from tools.simulator.flash import ERASE, PROGRAM, ObservedFlash, Operation
from tools.simulator.hub import SimHub

RUNS = 500
MOST_LIVES = 100
# What a story is for, and how much a cut costs, is for whole parts.
RULES = oracle.RULES - {
    *(oracle.ENDS, oracle.REASON, oracle.NOT_AGAIN, oracle.FEW_AGAIN, oracle.PROOFS, oracle.GOES_ON)
}
STORIES = (
    "update",
    "replaced",
    "crash",
    "self-test",
    "abort",
    "rotation",
    "bare",
    "spoiled",
    "choke",
    "flicker",
)
ONCE = "once"
BOTH = "both"


class PowerCut(BaseException):
    """Ends a life in the middle of an operation."""


@dataclass
class Wear:
    """From the ``begins``-th operation to the ``ends``-th the ``unit`` fails those of ``kind``, or one
    operation fails once. A program that fails leaves some of its bits. ``cut``: the operation in which the
    power is lost; 0 for none."""

    memory: Part
    erase_size: int
    chance: random.Random
    kind: str
    unit: int
    begins: int
    ends: int
    cut: int
    operations: int = 0
    failed: list[tuple[int, str, int]] = field(default_factory=list)

    def __call__(self, operation: Operation) -> None:
        self.operations += 1
        if self.operations == self.cut:
            self._leave_some_of(operation)
            raise PowerCut
        if not self.begins <= self.operations < self.ends:
            return
        unit = operation.start // self.erase_size
        once = self.kind == ONCE and not self.failed
        if once or (unit == self.unit and self.kind in (BOTH, operation.kind)):
            self.failed.append((self.operations, operation.kind, unit))
            if operation.kind == PROGRAM:
                self._leave_some_of(operation)
            raise OSError(5)

    def _leave_some_of(self, operation: Operation) -> None:
        end = operation.start + len(operation.after)
        self.memory[operation.start : end] = mixed(operation.before, operation.after, 1, self.chance)


def live_through(seed: int) -> Wear:
    """One story on one part, drawn from the seed, until it comes to rest; Violation if a rule is broken."""
    chance = random.Random(seed)
    story = stories.STORIES[chance.choice(STORIES)]
    geometry = stories.GEOMETRIES[chance.choice(sorted(stories.GEOMETRIES))]
    size = stories.IMAGE_SIZE
    versions = (stories.FACTORY, stories.NEW, stories.NEWER)
    approved = {version: story.image(version, size) for version in versions}
    judge = oracle.Oracle(geometry, approved, story.refused_in_download, story.rotates, RULES)
    past = oracle.Past(confirmed=oracle.NO_FIRMWARE) if story.bare else oracle.Past()
    memory = explorer.factory_flash(geometry, size, story.bare)
    hub = SimHub()
    story.prepare(hub, size)
    begins = chance.randrange(30)
    wear = Wear(
        memory,
        geometry.erase_size,
        chance,
        chance.choice((ONCE, BOTH, ERASE, PROGRAM)),
        chance.randrange(geometry.size // geometry.erase_size),
        begins,
        chance.choice((1 << 30, begins + chance.randrange(1, 10))),
        chance.choice((0, chance.randrange(1, 60))),
    )
    rules = explorer.device_rules(geometry)

    def booted(slot, manifest, trial):
        judge.at_boot(memory, slot, manifest.file_version, trial, past)

    cause = boot.POWER_ON
    rested = False
    for number in range(MOST_LIVES):
        flash = ObservedFlash(memory, geometry, wear, random.Random(f"{seed} {number} cells"))
        draw = random.Random(f"{seed} {number}")
        events: list[tuple[str, dict]] = []
        bare = past.confirmed == oracle.NO_FIRMWARE
        try:
            life = world.live(
                *(flash, geometry, copy.copy(rules), hub, cause, story.behaviours, booted, draw, story.link),
                *(events, bare),
            )
        except PowerCut:
            hub.served, hub.kinds = [], []
            judge.at_cut_of_life(events, past)
            judge.at_cut(memory, past)
            cause, rested = boot.POWER_ON, False
            continue
        hub.served, hub.kinds = [], []
        judge.at_end_of_life(life, past)
        if life.end == world.SETTLED and rested:
            return wear
        rested = life.end == world.SETTLED
        cause = boot.POWER_ON if rested else life.end
    raise oracle.Violation("it boots for ever", oracle.BOUNDED)


def test_a_part_that_wears_out_costs_no_promise(tell):
    failed = cut = 0
    with explorer.remembered_signatures():
        for seed in range(RUNS):
            wear = live_through(seed)
            failed += bool(wear.failed)
            cut += 0 < wear.cut <= wear.operations
    assert failed > RUNS // 10 and cut > RUNS // 10
    tell(f"{RUNS} stories on parts that wear out: operations failed in {failed}, a cut in {cut}")


def test_a_journal_that_believes_what_it_wrote_is_found_out(monkeypatch):
    """The guard taken out: a record is not read back, and a failure of the part counts as done."""
    append = Journal._append

    def trusting(self, bank, position, views):
        append(self, bank, position, views)
        self._bank = bank
        self._position = position + len(views[0])
        return True

    monkeypatch.setattr(Journal, "_append", trusting)
    with explorer.remembered_signatures(), pytest.raises((oracle.Violation, world.NeverSettles)):
        for seed in range(RUNS):
            live_through(seed)
