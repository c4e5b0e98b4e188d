"""The simulator's oracle: each of its rules is broken alone, by evidence or by a seeded bug, and told."""

import pytest

from tools.simulator import oracle as judge
from tools.simulator import stories, world
from tools.simulator.bugs import BUGS
from tools.simulator.cells import UNSTABLE, Unsure
from tools.simulator.explorer import Explorer, factory_flash
from tools.simulator.hub import SimHub
from tools.simulator.oracle import RULES, Oracle, Past, Violation
from tools.simulator.seeded import hunt

GEOMETRY = stories.GEOMETRIES["256/16x8"]
IMAGES = {version: stories.image(version, stories.IMAGE_SIZE) for version in (stories.FACTORY, stories.NEW)}
UPDATE = stories.STORIES["update"]
FACTORY, NEW = stories.FACTORY, stories.NEW


def flash(*versions):
    """The flash with these images in the slots A and B."""
    memory = factory_flash(GEOMETRY, stories.IMAGE_SIZE)
    for slot, version in enumerate(versions):
        start = GEOMETRY.slot(slot).start
        data = IMAGES[version]
        memory[start : start + len(data)] = data
    return memory


def rotten():
    memory = flash(FACTORY)
    memory[GEOMETRY.slot(0).start + 700] ^= 1
    return memory


def life(end=world.SETTLED, **fields):
    old = stories.trusted_with(FACTORY, True)
    made = world.Life(end, 0, FACTORY, False, FACTORY, old, old)
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def served(*blocks, kinds=("block",)):
    hub = SimHub()
    hub.offer(stories.upgrade(NEW, stories.IMAGE_SIZE))
    hub.served = [(NEW, offset, length) for offset, length in blocks]
    hub.kinds = list(kinds)
    return hub


class State:
    rejected_reason = 0


refusing = stories.STORIES["spoiled"]
broken = {
    judge.FALLBACK: lambda it: it.at_cut(bytes(rotten()), Past()),
    judge.APPROVED: lambda it: it.at_boot(rotten(), 0, FACTORY, False, Past()),
    judge.AS_SAID: lambda it: it.at_boot(flash(FACTORY), 0, NEW, True, Past()),
    judge.FOR_GOOD: lambda it: it.at_boot(flash(FACTORY, NEW), 1, NEW, False, Past()),
    judge.COUNTER: lambda it: it.at_end_of_life(life(counter=NEW), Past()),
    judge.TRUST: lambda it: it.at_end_of_life(life(trusted=stories.trusted_with(NEW, True)), Past()),
    judge.BOUNDED: lambda it: it.at_end_of_life(life(), Past(boots=judge.MOST_BOOTS)),
    judge.BOOTS: lambda it: it.at_end_of_life(life(world.DEAD), Past()),
    judge.NOT_AGAIN: lambda it: it.fetched(served((100, 50), (100, 50)), Past(), False),
    judge.PROOFS: lambda it: it.fetched(served(stories.PROOF, stories.PROOF), Past(), False),
    judge.FEW_AGAIN: lambda it: it.fetched(
        served((0, 513), kinds=("block",)), Past(fetched={NEW: 513}), True
    ),
    judge.GOES_ON: lambda it: it.fetched(served(kinds=("query",)), Past(loading=True), True),
    judge.ENDS: lambda it: it.at_end(life(), Past(), UPDATE),
    judge.REASON: lambda it: it.at_end(life(state=State), Past(), refusing),
}


@pytest.mark.parametrize("rule", broken)
def test_a_rule_that_only_this_breaks(rule):
    with pytest.raises(Violation) as raised:
        broken[rule](Oracle(GEOMETRY, IMAGES, rotates=True))
    assert raised.value.rule == rule
    broken[rule](Oracle(GEOMETRY, IMAGES, rotates=True, rules=RULES - {rule}))


def never_settles(*arguments):
    raise world.NeverSettles


def raises(*arguments):
    raise ValueError("out of the device")


def boots_from_unsure_cells(part, geometry, rules, hub, cause, behaviours, booted, *arguments):
    start = geometry.slot(0).start
    byte = bytes(part.memory[start + 700 : start + 701])
    part.memory.unsure.append(Unsure(UNSTABLE, start + 700, byte, byte))
    store = world.make_store(part, geometry, rules)
    booted(0, store.head_of(0, bytearray(512)), False)
    trusted = stories.trusted_with(FACTORY, False)
    return life(slot=0, trusted_before=trusted, trusted=trusted)


LIVES = {
    judge.SETTLES: never_settles,
    judge.RAISES_NOTHING: raises,
    judge.SURE: boots_from_unsure_cells,
}


@pytest.mark.parametrize("rule, live", LIVES.items())
def test_a_life_that_never_comes_to_rest_raises_or_runs_from_unsure_cells(rule, live, monkeypatch):
    monkeypatch.setattr(world, "live", live)
    story = stories.STORIES["factory"]
    (failure,) = Explorer(story, GEOMETRY, shares=()).explore().failures
    assert failure.rule == rule
    assert Explorer(story, GEOMETRY, shares=(), rules=RULES - {rule}).explore().failures == []


def test_each_rule_is_broken_here():
    assert {*broken, *LIVES} == RULES


# A bug that one rule catches, and that nothing catches without it.
ALONE = {
    "a trial is for ever": judge.BOUNDED,
    "a failed image is installed": judge.RAISES_NOTHING,
    "what was durable is forgotten": judge.FEW_AGAIN,
    "confirmed in RAM only": judge.FOR_GOOD,
    "older is as good": judge.REASON,
    "the counter rises at install": judge.COUNTER,
    "trust anchors change at install": judge.TRUST,
    "the offer is not journalled": judge.GOES_ON,
    "the tail stays in RAM": judge.ENDS,
}


@pytest.mark.parametrize("name, rule", ALONE.items())
def test_a_seeded_bug_that_only_this_rule_catches(name, rule):
    (bug,) = (bug for bug in BUGS if bug.name == name)
    caught = hunt(bug)[1]
    assert caught is not None and caught.startswith(f"{rule}: ")
    assert hunt(bug, rule)[1] is None


def test_it_knows_the_image_by_its_bytes():
    memory = factory_flash(GEOMETRY, stories.IMAGE_SIZE)
    oracle = Oracle(GEOMETRY, IMAGES)
    assert oracle.intact(memory, 0) == stories.FACTORY and oracle.intact(memory, 1) is None
    memory[GEOMETRY.slot(0).start + 700] ^= 1
    assert oracle.intact(memory, 0) is None
    with pytest.raises(Violation, match="nobody approved"):
        oracle.at_boot(memory, 0, stories.FACTORY, False, Past())
    with pytest.raises(Violation, match="no whole"):
        oracle.at_cut(bytes(memory), Past())


def test_the_counter_must_not_rise_without_a_confirmation():
    oracle = Oracle(GEOMETRY, IMAGES)
    trusted = stories.trusted_with(stories.FACTORY, False)
    life = world.Life(
        world.SETTLED, 0, stories.FACTORY, False, stories.NEW, trusted_before=trusted, trusted=trusted
    )
    with pytest.raises(Violation, match="rose"):
        oracle.at_end_of_life(life, Past())
    life.counter = 1
    with pytest.raises(Violation, match="fell"):
        oracle.at_end_of_life(life, Past())


def test_what_runs_for_good_was_on_trial_before():
    oracle = Oracle(GEOMETRY, IMAGES)
    memory = factory_flash(GEOMETRY, stories.IMAGE_SIZE)
    start = GEOMETRY.slot(1).start
    image = IMAGES[stories.NEW]
    memory[start : start + len(image)] = image
    past = Past()
    with pytest.raises(Violation, match="for good"):
        oracle.at_boot(memory, 1, stories.NEW, False, past)
    oracle.at_boot(memory, 1, stories.NEW, True, past)
    assert past.confirmed == stories.FACTORY
    # The confirming record was whole, and the power went before the device could say so.
    oracle.at_boot(memory, 1, stories.NEW, False, past)
    assert past.confirmed == stories.NEW


def test_trust_anchors_go_with_the_confirmed_image():
    oracle = Oracle(GEOMETRY, IMAGES, rotates=True)
    old = stories.trusted_with(stories.FACTORY, True)
    new = stories.trusted_with(stories.NEW, True)
    assert len(old) == 1 and len(new) == 2 and len(stories.trusted_with(stories.NEWER, True)) == 1
    life = world.Life(world.SETTLED, 0, stories.FACTORY, False, stories.FACTORY, old, new)
    with pytest.raises(Violation, match="trusts"):
        oracle.at_end_of_life(life, Past())
    life.trusted_before, life.trusted = new, old
    with pytest.raises(Violation, match="trusts"):
        oracle.at_end_of_life(life, Past())
    life.trusted_before = []
    with pytest.raises(Violation, match="nobody"):
        oracle.at_end_of_life(life, Past())
    life.trusted_before = old
    oracle.at_end_of_life(life, Past())
