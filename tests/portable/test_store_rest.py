"""The store is let go of at rest, and made again of what is on flash: then it is as after a reset."""

from firmware_agent import boot
from firmware_agent.reject import BAD_SIGNATURE
from firmware_agent.store.firmware_store import COMPLETE
from hal.flash import DEVICE, FlashError
from hal.modules import forget
from tests.portable.bench import FILE_HEADER, give, raises
from tests.portable.store_device import LONG, V2, V3, running, state

HEAP = "1M"


def rested(bench):
    """The same device, its store let go of and made again."""
    bench.handover.rest()
    assert bench.handover.store is None
    assert bench.store.device.anchors is None  # they take room, and come back from flash
    bench.store = bench.handover.reopen()
    assert bench.handover.reopen() is bench.store
    return bench


def test_a_download_goes_on_as_after_a_reset():
    bench = running()
    bench.download(LONG, 2600)
    old = bench.store
    durable = old.state.durable
    rested(bench)
    store = bench.store
    assert store is not old and store.downloading and not store.image_known and store.manifest is None
    assert store.running == 0 and store.device.file_version == bench.handover.manifest.file_version
    assert store.offer.same_image(LONG.offer())
    assert store.resume() == FILE_HEADER + durable
    assert bench.feed(LONG) == COMPLETE
    bench.verify()
    store.install()
    assert bench.power_on(boot.RESET).trial


def test_it_has_the_hook_the_clock_and_the_rules_of_before():
    bench = running()
    hook, clock = (lambda: None), (lambda: 5)
    bench.store.hook, bench.store.utc = hook, clock
    device, slots = bench.store.device, bench.store.slots
    rested(bench)
    store = bench.store
    assert (store.hook, store.utc, store.device, store.slots) == (hook, clock, device, slots)
    assert store.state.anchors == device.anchors


def test_what_runs_stays_what_runs_once_a_trial_is_confirmed():
    bench = running()
    bench.update(V2)
    assert bench.handover.slot == 1
    rested(bench)
    assert bench.store.running == 1 == bench.store.state.primary
    bench.update(V3)


def test_without_a_slot_that_runs_none_runs_after():
    bench = running()
    bench.handover = boot.recover(bench.store, boot.POWER_ON)
    rested(bench)
    assert bench.store.running == boot.NO_SLOT and bench.store.device.file_version is None


def test_an_image_that_waits_or_is_on_trial_is_not_let_go_of():
    bench = running()
    bench.download(V2)
    bench.verify()
    raises(ValueError, bench.handover.rest)
    bench.store.install()
    raises(ValueError, bench.handover.rest)
    bench.power_on(boot.RESET)
    raises(ValueError, bench.handover.rest)
    bench.store.accept()
    rested(bench)


def test_a_proof_does_not_outlive_the_store():
    bench = running()
    bench.download(V2)
    bench.store.verify_start()
    rested(bench)
    raises(ValueError, bench.store.verify_step)
    raises(ValueError, bench.store.install)
    assert bench.store.complete
    bench.verify()


def test_the_store_that_was_let_go_of_writes_nothing():
    bench = running()
    bench.download(LONG, 2600)
    old = bench.store
    rested(bench)
    before = bytes(bench.memory)
    raises(AttributeError, old.commit)
    for use in (
        lambda: give(old, LONG.data, 2600, len(LONG.data)),
        lambda: old.install(),
        lambda: old.start(V3.offer()),
        lambda: old.describe(V3, FILE_HEADER, len(V3.data)),
        lambda: old.resume() and old.write(LONG.data, old.position - FILE_HEADER, 1000),
        lambda: old.reject(BAD_SIGNATURE),
        lambda: old.verify_start(),
        lambda: old.hold(True),
    ):
        try:
            use()
        except (ValueError, AttributeError, IndexError):
            pass
    assert bytes(bench.memory) == before


def test_a_refusal_is_remembered():
    bench = running()
    bench.store.start(V2.offer())
    bench.store.reject(BAD_SIGNATURE)
    bench.store.forget_rejected()  # in RAM, for one more try
    rested(bench)
    assert bench.store.rejected_before(V2.offer())


def test_its_first_record_begins_a_bank_as_after_a_reset():
    bench = running()
    bench.store.start(V2.offer())
    sequence = bench.store.state.sequence
    rested(bench)
    bench.store.cancel()
    assert bench.store.state.sequence == sequence + 16
    bench.power_on()
    assert bench.store.state.sequence > sequence + 16 and not bench.store.downloading


def test_a_journal_that_is_lost_meanwhile_is_a_failure_of_the_flash():
    bench = running()
    bench.handover.rest()
    kept = bytes(bench.memory)
    size = bench.journal_units * bench.erase_size
    bench.memory[:size] = b"\xff" * size
    failure = raises(FlashError, bench.handover.reopen)
    assert (failure.kind, failure.address) == (DEVICE, 0)
    assert bench.handover.store is None
    # It may be read again later.
    bench.memory[:size] = kept[:size]
    assert bench.handover.reopen().running == 0


def test_its_code_may_be_unloaded_meanwhile():
    bench = running()
    bench.download(LONG, 2600)
    bench.handover.rest()
    bench.store = None
    forget("firmware_agent.store")
    bench.store = bench.handover.reopen()
    bench.store.resume()
    assert bench.feed(LONG) == COMPLETE
    bench.verify()
    assert state(bench) == 2
