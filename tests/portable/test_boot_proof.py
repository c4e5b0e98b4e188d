"""Only proven bytes boot."""

import sys

from firmware_agent import boot, reject
from firmware_agent.store import state as states
from firmware_agent.store.facts import no_anchors
from firmware_agent.store.firmware_store import COMPLETE
from tests.portable.bench import Bench, raises, refusal
from tests.portable.boot_device import on_trial, spoil
from tests.portable.store_device import V1, V2, V3

HEAP = "1M"
# Every byte of the head and every 7th of the payload (its hash knows no places); fewer on MicroPython.
if sys.implementation.name == "cpython":
    ALTERED = list(range(V2.head_length)) + list(range(V2.head_length, len(V2.data), 7))
else:
    ALTERED = list(range(0, len(V2.data), 29))


def test_a_trial_image_that_does_not_hold_is_rejected_and_the_primary_boots():
    for at, number in ((100, reject.BAD_SIGNATURE), (900, reject.DIGEST_MISMATCH)):
        bench = Bench().at_factory()
        bench.power_on()
        bench.stage(V2)
        spoil(bench, 1, at)
        handover = bench.power_on(boot.RESET)
        assert (handover.slot, handover.reverted, handover.trial) == (0, number, False)
        assert bench.store.state.secondary_state == states.FAILED
        assert bench.store.state.reason == number
        assert bench.power_on().reverted == 0


def test_nothing_boots_without_proof():
    bench = on_trial()
    spoil(bench, 0, 900)
    spoil(bench, 1, 100)
    failure = raises(boot.NothingBoots, bench.power_on)
    assert failure.reasons == [reject.DIGEST_MISMATCH, reject.BAD_SIGNATURE]
    bench = Bench().at_factory()
    spoil(bench, 0, 10)
    failure = raises(boot.NothingBoots, bench.power_on)
    assert failure.reasons[0] != 0 and failure.reasons[1] == 0


def test_a_device_without_its_trust_anchor_does_not_boot():
    bench = Bench()
    bench.store.device.anchors = no_anchors()
    bench.at_factory()
    assert raises(boot.NothingBoots, bench.power_on).reasons == [reject.NO_TRUST_ANCHOR, 0]


def test_an_older_image_in_the_primary_slot_does_not_boot():
    bench = Bench().at_factory()
    bench.power_on()
    bench.update(V3)
    start = (bench.journal_units + bench.slot_units) * bench.erase_size
    bench.memory[start : start + len(V2.data)] = V2.data  # genuine, but from before
    assert raises(boot.NothingBoots, bench.power_on).reasons == [0, reject.ROLLBACK]


def continue_with(bench, step):
    """The update from ``step`` on, as an agent would; whatever it refuses, refuse. Boots at the end."""
    store = bench.store
    try:
        if step == "written":
            bench.verify()
        if step in ("written", "verified"):
            store.install()
    except reject.Rejected as refused:
        store.reject(refused.number)
    return bench.power_on(boot.RESET)


def test_bytes_altered_after_any_step_never_run():
    for step in ("written", "verified", "staged", "on trial"):
        bench = Bench().at_factory()
        bench.power_on()
        assert bench.download(V2) == COMPLETE
        if step != "written":
            bench.verify()
        if step in ("staged", "on trial"):
            bench.store.install()
        if step == "on trial":
            bench.power_on(boot.RESET)
        kept = bytes(bench.memory)
        kept_store = bench.store
        for at in ALTERED:
            bench.memory[:] = kept
            if step in ("written", "verified"):
                # The same session goes on: what it knows in RAM is as it was.
                bench.store = kept_store
                kept_store._journal.load(kept_store.state)
                kept_store._verified = step == "verified"
            spoil(bench, 1, at)
            handover = continue_with(bench, step)
            assert (handover.slot, handover.trial) == (0, False), (step, at)
            assert bench.slot_bytes(0, len(V1.data)) == V1.data


def test_a_trial_whose_head_was_altered_is_not_confirmed():
    bench = on_trial()
    spoil(bench, 1, 100)
    assert refusal(bench.store.accept) == reject.BAD_SIGNATURE
    assert bench.store.state.primary == 0
    assert bench.power_on(boot.RESET).slot == 0
