"""The firmware store: its verbs in order, what each leaves behind, and what the journal does not take."""

from firmware_agent import boot, reject
from firmware_agent.store import state as states
from firmware_agent.store.firmware_store import COMPLETE, Offer
from hal.flash import FlashError
from tests.portable.bench import Bench, raises, refusal
from tests.portable.store_device import LONG, V2, V3, Failing, cut, running, slot_log, state

HEAP = "1M"


def test_a_clean_update_ends_confirmed_with_the_counter_raised():
    for geometry in ((256, 1, 8), (512, 4, 4), (1024, 16, 4), (4096, 16, 1), (4096, 256, 2), (2048, 32, 2)):
        erase_size, write_size, units = geometry
        bench = running(erase_size=erase_size, write_size=write_size, slot_units=units)
        assert bench.store.state.security_counter == 1
        bench.update(V2)
        assert bench.store.state.primary == 1 and state(bench) == states.READY
        assert bench.store.state.security_counter == 2
        assert bench.slot_bytes(1, len(V2.data)) == V2.data
        assert bench.power_on().slot == 1 and not bench.handover.trial, geometry
        bench.update(V3)
        assert bench.power_on().slot == 0
        assert bench.store.state.security_counter == 3


def test_states_on_the_way():
    bench = running()
    store = bench.store
    assert state(bench) == states.READY
    assert not (store.downloading or store.candidate or store.complete)
    assert store.start(V2.offer()) == 0
    assert (state(bench), store.downloading) == (states.WRITING, True)
    assert bench.feed(V2) == COMPLETE
    assert store.complete and store.downloading and not store.candidate
    bench.verify()
    assert (state(bench), store.downloading, store.candidate) == (states.CANDIDATE, False, True)
    store.install()
    assert state(bench) == states.STAGED
    assert bench.power_on(boot.RESET).trial and state(bench) == states.TRIAL
    assert (bench.store.slot_state(0), bench.store.slot_state(1)) == (states.UPDATED, states.TRIAL)
    bench.store.accept()
    assert (state(bench), bench.store.slot_state(1)) == (states.READY, states.UPDATED)


def test_an_offer_is_what_and_from_whom_and_the_image_is_what():
    image = ("manufacturer_code", "image_type", "file_version", "file_size")
    server = ("server_address", "server_endpoint", "profile")
    offer = Offer()
    assert offer.__dict__ == {name: 0 for name in image + server}
    for value, name in enumerate(image + server):
        setattr(offer, name, 0x51 + value)
    copy = Offer()
    copy.copy_from(offer)
    assert copy.__dict__ == offer.__dict__
    for name in image + server:
        copy.copy_from(offer)
        assert copy.same_image(offer) is True
        setattr(copy, name, 0)
        assert copy.same_image(offer) is (name in server), name


def test_a_device_is_made_once():
    bench = running()
    raises(ValueError, bench.store.format, 0)
    bench.power_on()
    assert bench.store.state.security_counter == 1


def test_two_slots_of_one_size_that_progress_can_count():
    class Area:
        def __init__(self, size):
            self.size = size

    for sizes in ((1024, 2048), (1 << 24, 1 << 24)):
        areas = [Area(size) for size in sizes]
        raises(ValueError, type(Bench().store), None, areas, None)


def test_cancel_forgets_the_download_and_nothing_else():
    for until in (100, 2500, None):
        bench = running()
        bench.download(LONG, until)
        if until is None:
            bench.verify()
        bench.store.cancel()
        assert state(bench) == states.READY and not bench.store.rejected_before(LONG.offer())
        cut(bench)
        assert state(bench) == states.READY and bench.handover.slot == 0
        bench.update(LONG)
    bench = running()
    log = list(bench.flash.log)
    bench.store.cancel()
    assert bench.flash.log == log


def test_reject_of_a_trial_reverts_it_and_names_the_reason():
    bench = running()
    bench.stage(V2)
    bench.power_on(boot.RESET)
    bench.store.reject(reject.SELF_TEST_FAILED)
    assert bench.power_on(boot.RESET).slot == 0
    assert (state(bench), bench.store.state.reason) == (states.FAILED, reject.SELF_TEST_FAILED)
    assert bench.store.rejected_before(V2.offer())
    assert bench.store.state.security_counter == 1
    bench.update(V3)


def test_hold_survives_a_cut():
    bench = running()
    bench.download(V2)
    bench.verify()
    bench.store.hold(True)
    cut(bench)
    assert bench.store.state.hold and bench.store.candidate
    bench.store.hold(False)
    cut(bench)
    assert not bench.store.state.hold
    log = list(bench.flash.log)
    bench.store.hold(False)
    assert bench.flash.log == log


def test_the_counter_never_falls():
    bench = running()
    bench.update(V3)
    assert bench.store.state.security_counter == 3
    assert refusal(bench.download, V2) == reject.ROLLBACK
    bench.store.reject(reject.ROLLBACK)
    bench.update(V3)  # equal is a re-install
    assert bench.store.state.security_counter == 3


def test_what_the_journal_did_not_take_did_not_happen():
    steps = (
        lambda bench: bench.store.start(V2.offer()),
        lambda bench: bench.feed(V2),
        lambda bench: bench.verify(),
        lambda bench: bench.store.hold(True),
        lambda bench: bench.store.install(),
        lambda bench: bench.store.accept(),
        lambda bench: bench.store.reject(reject.CRASHED),
    )
    for failing in range(len(steps)):
        bench = Bench(make_flash=Failing).at_factory()
        bench.power_on()
        for step in steps[: failing if failing < 6 else 5]:
            if step is steps[5]:
                bench.power_on(boot.RESET)
            step(bench)
        if failing >= 5:
            bench.power_on(boot.RESET)
        before = dict(bench.store.state.__dict__)
        before["sequence"] = 0
        if failing == 1:
            # The acceptance fails, before anything is erased.
            bench.flash.log = []
        bench.flash.failure = 5
        raises(FlashError, steps[failing], bench)
        bench.flash.failure = None
        after = dict(bench.store.state.__dict__)
        after["sequence"] = 0
        assert after == before, failing
        if failing == 1:
            assert slot_log(bench) == []
        slot = bench.power_on().slot
        assert slot == (1 if failing >= 5 else 0), failing


def forgotten(bench):
    """Nothing of a download is in the state, nor in RAM."""
    new = states.State()
    new.clear_download()
    kept = ("sequence", "primary", "secondary_state", "security_counter", "trial_boots", "trial_crashes")
    kept += ("reason", "rejected_version", "rejected_size", "rejected_reason", "anchors")
    for name in new.__dict__:
        if name not in kept:
            assert getattr(bench.store.state, name) == getattr(new, name), name
    store = bench.store
    assert store.manifest is None and not store.image_known and store.position == 0
    raises(ValueError, store.verify_step)
    return True


def test_a_store_that_was_not_booted_runs_no_slot_and_knows_no_image():
    store = Bench().at_factory().open_store()
    assert store.load() and store.running == boot.NO_SLOT
    assert store.manifest is None and not store.image_known


def test_what_a_verb_ends_is_forgotten():
    for until in (100, 2500):
        for end in ("cancel", "reject"):
            bench = running()
            bench.download(LONG, until)
            getattr(bench.store, end)(*([reject.CRASHED] if end == "reject" else []))
            assert forgotten(bench)
    bench = running()
    bench.download(V2)
    bench.store.reject(reject.FLASH_FAILED)
    bench.store.state.trial_crashes = 3
    bench.store.start(V2.offer())
    assert (bench.store.state.trial_crashes, bench.store.state.reason) == (0, 0)
    bench.feed(V2)
    bench.verify()
    bench.store.install()
    staged = bench.store.state
    assert (staged.trial_boots, staged.trial_crashes, staged.reason) == (0, 0, 0)
    assert staged.rejected_reason == reject.FLASH_FAILED
    bench.power_on(boot.RESET)
    bench.store.accept()
    assert bench.store.state.rejected_reason == 0 and forgotten(bench)
