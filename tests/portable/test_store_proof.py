"""Only what was verified since the reset is installed, and only the trial that runs is confirmed."""

from firmware_agent import boot, reject
from firmware_agent.store import firmware_store
from firmware_agent.store.firmware_store import ADMIT, COMPLETE, RESTART, WRITTEN
from tests.portable.bench import FILE_HEADER, give, raises, refusal
from tests.portable.store_device import LONG, V2, V3, cut, running

HEAP = "1M"


def test_install_only_what_was_verified_since_the_reset():
    bench = running()
    raises(ValueError, bench.store.install)
    bench.download(V2)
    raises(ValueError, bench.store.install)
    bench.store.verify_start()
    raises(ValueError, bench.store.install)
    while not bench.store.verify_step():
        raises(ValueError, bench.store.install)
    cut(bench)
    assert bench.store.candidate
    raises(ValueError, bench.store.install)  # what was verified before the cut is not verified
    bench.verify()
    bench.store.install()
    raises(ValueError, bench.store.install)


def test_verify_only_what_is_complete():
    bench = running()
    raises(ValueError, bench.store.verify_start)
    raises(ValueError, bench.store.verify_step)
    bench.download(LONG, 2500)
    raises(ValueError, bench.store.verify_start)
    assert bench.feed(LONG) == COMPLETE
    bench.store.start(V3.offer())
    raises(ValueError, bench.store.verify_start)


def test_an_offer_takes_the_proof_away():
    bench = running()
    bench.download(V2)
    bench.verify()
    bench.store.start(V3.offer())
    raises(ValueError, bench.store.install)


def test_a_trial_cannot_be_turned_into_anything_by_the_image_on_trial():
    bench = running()
    bench.stage(V2)
    bench.power_on(boot.RESET)
    store = bench.store
    before = bytes(bench.memory)
    raises(ValueError, store.start, V3.offer())
    raises(ValueError, store.resume)
    raises(ValueError, store.verify_start)
    raises(ValueError, store.install)
    store.cancel()
    store.describe(V3, FILE_HEADER, len(V3.data))
    raises(ValueError, give, store, V3.data, 0, 600)
    assert bytes(bench.memory) == before


def test_no_write_without_an_offer():
    bench = running()
    raises(ValueError, bench.store.write, V2.data, 0, 10)
    bench.store.describe(V2, FILE_HEADER, len(V2.data))
    before = bytes(bench.memory)
    raises(ValueError, give, bench.store, V2.data, 0, 600)
    assert bytes(bench.memory) == before
    bench.store.start(V2.offer())
    bench.store.cancel()
    bench.store.describe(V2, FILE_HEADER, len(V2.data))
    raises(ValueError, give, bench.store, V2.data, 0, 600)


def test_accept_only_the_trial_that_runs():
    bench = running()
    raises(ValueError, bench.store.accept)
    bench.stage(V2)
    raises(ValueError, bench.store.accept)
    bench.power_on(boot.RESET)
    bench.store.accept()
    raises(ValueError, bench.store.accept)


def test_a_slot_whose_image_is_longer_than_what_was_accepted_is_not_verified():
    bench = running()
    bench.download(V2)
    bench.store.state.image_length -= 1
    bench.store.state.durable -= 1
    assert bench.store.complete
    assert refusal(bench.store.verify_start) == reject.DIGEST_MISMATCH
    raises(ValueError, bench.store.verify_step)


def test_the_stored_head_is_compared_once_before_the_steps():
    """That takes what decodes it, which is unloaded then."""
    bench = running()
    bench.download(V2)
    area = bench.store.slots[1]
    read, offsets = area.read, []

    def noting(offset, buf):
        offsets.append(offset)
        read(offset, buf)

    area.read = noting
    bench.store.verify_start()
    assert offsets == [0, 0]  # to judge it, and to compare it
    while not bench.store.verify_step():
        pass
    assert min(offsets[2:]) == V2.head_length


def test_what_checks_is_unloaded_after_each_check():
    bench = running()
    bench.download(V2)
    told = []
    forget = firmware_store.forget
    firmware_store.forget = told.append
    try:
        bench.store.verify_start()
        bench.memory[(bench.journal_units + bench.slot_units) * bench.erase_size + 150] ^= 1
        assert refusal(bench.store.verify_start) == reject.BAD_SIGNATURE
    finally:
        firmware_store.forget = forget
    assert told == ["firmware_agent.store.checks", "firmware_agent.trust"] * 2


def test_each_verification_begins_without_the_proof_of_the_one_before():
    bench = running()
    bench.download(V2)
    bench.verify()
    raises(ValueError, bench.store.verify_step)
    bench.store.verify_start()
    raises(ValueError, bench.store.install)
    bench.store.start(V3.offer())
    raises(ValueError, bench.store.verify_step)


def test_a_candidate_that_is_verified_again_costs_no_record():
    bench = running()
    bench.download(V2)
    bench.verify()
    cut(bench)
    bench.store.resume()
    log = list(bench.flash.log)
    bench.verify()
    assert bench.flash.log == log
    bench.store.install()


def test_the_answers_differ():
    assert len({WRITTEN, COMPLETE, RESTART, ADMIT}) == 4


def test_a_trial_that_does_not_run_cannot_be_confirmed():
    bench = running()
    bench.stage(V2)
    bench.power_on(boot.RESET)
    bench.store.running = 0  # as where the attempt could not be recorded
    raises(ValueError, bench.store.accept)
    assert bench.store.state.primary == 0
