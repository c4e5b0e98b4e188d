"""The firmware store: verbs in order, the durable offset, and the refusals that guard the device."""

from firmware_agent import boot, reject
from firmware_agent.store import state as states
from firmware_agent.store.firmware_store import COMPLETE, RESTART, WRITTEN, FirmwareStore, Offer
from hal.flash import FlashError
from hal.sim.cut_flash import ERASE, NOTHING, CutFlash, PowerCut
from tests.portable.bench import FILE_HEADER, Bench, Image, raises, refusal

HEAP = "1M"
V1 = Image("v1")
V2 = Image("v2")
V2_AGAIN = Image("v2-again")
V3 = Image("v3")
TINY = Image("tiny")
LONG = Image("long")


def running(**geometry):
    """A device that runs v1, confirmed."""
    bench = Bench(make_flash=CutFlash, **geometry).at_factory()
    bench.power_on()
    return bench


def state(bench):
    return bench.store.state.secondary_state


def slot_log(bench):
    """Operations of this power-on outside the journal."""
    first = bench.journal_units * bench.erase_size
    return [entry for entry in bench.flash.log if entry[1] >= first]


def cut(bench):
    bench.flash.power_on()
    bench.power_on()


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


def test_the_offer_is_on_record_before_the_first_block():
    bench = running()
    bench.store.start(V2.offer())
    cut(bench)
    assert bench.store.downloading
    assert bench.store.offer.same_image(V2.offer())
    assert bench.store.offer.server_endpoint == 1 and bench.store.offer.profile == 0x0104
    assert bench.store.resume() == 0 and not bench.store.image_known


def test_nothing_is_erased_before_the_image_is_accepted():
    bench = running()
    bench.flash.power_on()
    bench.store.start(V2.offer())
    for at in range(V2.head_length):
        assert slot_log(bench) == [], at
        assert bench.feed(V2, at + 1, 1) == WRITTEN
    assert bench.store.manifest.digest == bench.store.state.identity
    bench.feed(V2, 512)
    assert slot_log(bench)[0][0] == ERASE


def test_a_refused_image_costs_no_erase_and_is_remembered():
    other = running()
    for image, number in ((Image("relabelled"), reject.ROLLBACK), (V2, reject.BAD_SIGNATURE)):
        bench = running()
        data = bytearray(image.data)
        if number == reject.BAD_SIGNATURE:
            data[100] ^= 1
        image = Image(image.name)
        image.data = bytes(data)
        bench.flash.power_on()
        assert refusal(bench.download, image) == number
        assert slot_log(bench) == []
        bench.store.reject(number)
        assert (state(bench), bench.store.state.reason) == (states.REJECTED, number)
        assert bench.store.rejected_before(image.offer())
        assert not bench.store.rejected_before(V3.offer())
        cut(bench)
        assert bench.store.rejected_before(image.offer()) and bench.handover.slot == 0
        bench.store.forget_rejected()
        assert not bench.store.rejected_before(image.offer())
    other.update(V2)  # the same offer, honest


def test_an_image_that_expires_is_judged_by_the_board_s_clock():
    image = Image("expiring")
    bench = running()
    for time, unchecked in ((None, ["expiry"]), (999, [])):
        bench.utc = lambda time=time: time
        bench.power_on()
        assert bench.download(image) == COMPLETE
        assert bench.store.manifest.unchecked == unchecked
        bench.store.cancel()
    bench.utc = lambda: 1000
    bench.power_on()
    assert refusal(bench.download, image) == reject.EXPIRED
    # What was taken in time boots for ever.
    bench.utc = lambda: 999
    bench.power_on()
    bench.download(image)
    bench.verify()
    bench.store.install()
    bench.utc = lambda: 1001
    assert bench.power_on(boot.RESET).trial
    bench.store.accept()
    assert bench.power_on().slot == 1


def test_a_header_that_differs_is_refused():
    bench = running()
    image = Image("v2")
    image.file_version = 0x00030000
    assert refusal(bench.download, image) == reject.HEADER_MISMATCH


# rule: offer-size
def test_too_large_is_told_from_the_header_alone():
    bench = running(slot_units=1)
    assert refusal(bench.download, LONG) == reject.TOO_LARGE
    bench = running(slot_units=4)
    assert bench.download(LONG) == COMPLETE


def test_an_image_of_no_bytes_is_refused():
    bench = running()
    bench.store.start(V2.offer())
    assert refusal(bench.store.describe, V2, FILE_HEADER, 0) == reject.SIZE_MISMATCH
    assert refusal(bench.store.describe, V2, 256, 1000) == reject.SIZE_MISMATCH


def test_more_bytes_than_announced_are_refused_whole():
    for begin in (0, 100, V2.head_length, 600):
        bench = running()
        bench.store.start(V2.offer())
        bench.store.describe(V2, FILE_HEADER, len(V2.data))
        if begin:
            bench.store.write(V2.data, 0, begin)
        before = bench.store.position
        data = V2.data + b"?"
        assert refusal(bench.store.write, data, begin, len(data) - begin) == reject.SIZE_MISMATCH
        assert bench.store.position == before
        assert bench.feed(V2) == COMPLETE
        assert refusal(bench.store.write, b"?", 0, 1) == reject.SIZE_MISMATCH
        bench.verify()


def test_an_image_that_ends_within_its_head_is_refused():
    bench = running()
    bench.store.start(V2.offer())
    bench.store.describe(V2, FILE_HEADER, 200)
    assert refusal(bench.store.write, V2.data, 0, 200) == reject.MALFORMED_ENVELOPE


def test_a_tiny_image_that_fits_the_head():
    for block in (1, 63, 400):
        bench = running()
        assert bench.download(TINY, block=block) == COMPLETE
        cut(bench)
        assert bench.store.resume() == FILE_HEADER + len(TINY.data) and bench.store.complete
        bench.verify()
        bench.store.install()
        assert bench.power_on(boot.RESET).trial
        bench.store.accept()
        assert bench.slot_bytes(1, len(TINY.data)) == TINY.data


def test_the_rest_of_an_image_may_come_at_once():
    for begin in (1, 100, V2.head_length - 1, V2.head_length, 600):
        bench = running()
        bench.store.start(V2.offer())
        bench.store.describe(V2, FILE_HEADER, len(V2.data))
        bench.store.write(V2.data, 0, begin)
        assert bench.store.write(V2.data, begin, len(V2.data) - begin) == COMPLETE
        assert bench.slot_bytes(1, len(V2.data)) == V2.data


def test_an_empty_write_changes_nothing():
    bench = running()
    bench.store.start(V2.offer())
    bench.store.describe(V2, FILE_HEADER, len(V2.data))
    for until in (0, 100, 500, len(V2.data)):
        bench.feed(V2, until)
        log = list(bench.flash.log)
        assert bench.store.write(b"", 0, 0) == WRITTEN
        assert bench.flash.log == log


# Resume


# rule: resume
def test_a_download_goes_on_at_its_durable_offset():
    for erase_size in (256, 512, 1024):
        for until in range(0, len(LONG.data), 97):
            bench = running(erase_size=erase_size, slot_units=4096 // erase_size)
            bench.download(LONG, until)
            cut(bench)
            offset = bench.store.resume() - (FILE_HEADER if bench.store.image_known else 0)
            assert offset <= until
            assert until - offset < max(erase_size, 512), (erase_size, until)
            bench.fetched = 0
            assert bench.feed(LONG) == COMPLETE
            assert bench.fetched == len(LONG.data) - offset
            bench.verify()


def test_start_with_the_same_image_resumes_and_may_come_from_another_server():
    bench = running()
    bench.download(LONG, 2500)
    cut(bench)
    offer = LONG.offer()
    offer.server_address = 0x4321
    assert bench.store.start(offer) == FILE_HEADER + 2048
    assert bench.store.offer.server_address == 0x4321
    assert bench.feed(LONG) == COMPLETE
    bench.verify()
    cut(bench)
    assert bench.store.state.server_address == 0x4321


def test_until_boundary_ends_blocks_at_erase_units():
    bench = running()
    assert bench.store.until_boundary(0) == 0xFFFF
    bench.store.start(V2.offer())
    assert bench.store.position == 0
    bench.store.describe(V2, FILE_HEADER, len(V2.data))
    assert bench.store.until_boundary(FILE_HEADER) == 1024
    assert bench.store.until_boundary(FILE_HEADER + 1023) == 1
    assert bench.store.until_boundary(FILE_HEADER + 1024) == 1024


# rule: resume-identity
def test_another_image_under_the_accepted_identity_starts_again():
    for block in (50, 1000):  # also by one that goes on behind what is held of the head
        bench = running()
        bench.download(V2, 600)  # accepted; the first unit is not durable
        cut(bench)
        assert bench.store.resume() == FILE_HEADER
        assert bench.feed(V2_AGAIN, block=block) == RESTART
        assert not bench.store.state.accepted and not bench.store.image_known
        cut(bench)
        assert bench.store.resume() == 0
        assert bench.feed(V2_AGAIN) == COMPLETE
        bench.verify()
        assert bench.slot_bytes(1, len(V2_AGAIN.data)) == V2_AGAIN.data


def test_a_durable_offset_within_a_unit_is_refused():
    bench = running()
    bench.download(LONG, 2500)
    bench.store.state.durable = 2047
    raises(ValueError, bench.store.resume)


def test_another_image_s_bytes_behind_what_is_durable_do_not_verify():
    again = Image("long")
    again.data = LONG.data[:2048] + bytes(len(LONG.data) - 2048)
    bench = running()
    bench.download(LONG, 2048)
    cut(bench)
    assert bench.store.resume() == FILE_HEADER + 2048
    assert bench.feed(again) == COMPLETE
    assert refusal(bench.verify) == reject.DIGEST_MISMATCH
    assert not bench.store.candidate


def test_a_slot_that_is_not_what_the_journal_says_starts_again():
    bench = running()
    bench.download(LONG, 2048)
    start = (bench.journal_units + bench.slot_units) * bench.erase_size
    bench.memory[start + 150] ^= 1
    bench.power_on()
    assert bench.store.resume() == 0
    assert bench.store.downloading and not bench.store.state.accepted
    assert bench.feed(LONG) == COMPLETE
    bench.verify()


def test_without_a_download_there_is_nothing_to_resume():
    bench = running()
    raises(ValueError, bench.store.resume)
    bench.update(V2)
    raises(ValueError, bench.store.resume)


# An offer beside an accepted image


def test_a_promise_throws_no_progress_away():
    for whole in (False, True):
        for end in ("cut", "reject", "cancel"):
            bench = running()
            bench.download(LONG, None if whole else 2500)
            if whole:
                bench.verify()
            kept = state(bench)
            assert bench.store.start(V3.offer()) == 0
            bench.feed(V3, 100)
            assert state(bench) == kept and not bench.store.complete
            if end == "cut":
                cut(bench)
            elif end == "reject":
                bench.store.reject(reject.BAD_SIGNATURE)
                assert bench.store.rejected_before(V3.offer())
                assert not bench.store.rejected_before(LONG.offer())
            else:
                bench.store.cancel()
            assert state(bench) == kept
            assert bench.store.offer.same_image(LONG.offer())
            expected = len(LONG.data) if whole else 2048
            assert bench.store.resume() == FILE_HEADER + expected, end
            if not whole:
                assert bench.feed(LONG) == COMPLETE
            bench.verify()


def test_once_accepted_the_newcomer_takes_the_slot():
    bench = running()
    bench.download(LONG, 2500)
    bench.store.start(V3.offer())
    assert bench.feed(V3, V3.head_length - 1) == WRITTEN
    assert bench.store.state.file_version == LONG.file_version
    bench.feed(V3, V3.head_length)
    assert bench.store.state.file_version == V3.file_version and bench.store.state.durable == 0
    cut(bench)
    assert bench.store.resume() == FILE_HEADER
    assert bench.feed(V3) == COMPLETE
    bench.verify()
    assert bench.slot_bytes(1, len(V3.data)) == V3.data


def test_an_offer_that_was_never_accepted_gives_way_at_once():
    bench = running()
    bench.download(LONG, 100)
    bench.store.start(V3.offer())
    cut(bench)
    assert bench.store.offer.same_image(V3.offer())


# What must not be possible


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
    raises(ValueError, store.write, V3.data, 0, 400)
    assert bytes(bench.memory) == before


def test_no_write_without_an_offer():
    bench = running()
    raises(ValueError, bench.store.write, V2.data, 0, 10)
    bench.store.describe(V2, FILE_HEADER, len(V2.data))
    before = bytes(bench.memory)
    raises(ValueError, bench.store.write, V2.data, 0, 400)
    assert bytes(bench.memory) == before
    bench.store.start(V2.offer())
    bench.store.cancel()
    bench.store.describe(V2, FILE_HEADER, len(V2.data))
    raises(ValueError, bench.store.write, V2.data, 0, 400)


def test_accept_only_the_trial_that_runs():
    bench = running()
    raises(ValueError, bench.store.accept)
    bench.stage(V2)
    raises(ValueError, bench.store.accept)
    bench.power_on(boot.RESET)
    bench.store.accept()
    raises(ValueError, bench.store.accept)


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


# The end of an image


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


# Failures of the part


class Failing(CutFlash):
    """Fails as ``failure`` says from now on: an error number to raise, or a result to give."""

    failure = None
    first = 0  # unit from which on it fails

    def writeblocks(self, block, buf, offset=None):
        if self.failure is not None and block >= self.first:
            if self.failure < 0:
                return self.failure
            raise OSError(self.failure)
        CutFlash.writeblocks(self, block, buf, offset)


def test_a_failure_of_the_slot_s_flash_ends_the_download_and_not_the_device():
    for failure in (5, -5):
        bench = Bench(make_flash=Failing).at_factory()
        bench.power_on()
        bench.store.start(V2.offer())
        bench.flash.failure = failure
        bench.flash.first = bench.journal_units
        raises(FlashError, bench.feed, V2)
        bench.store.reject(reject.FLASH_FAILED)
        assert (state(bench), bench.store.state.reason) == (states.REJECTED, reject.FLASH_FAILED)
        assert bench.power_on().slot == 0


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


def cut_in_the_first_erase():
    """A bench that lost its power right after the acceptance of version 2."""
    bench = running()
    bench.store.start(V2.offer())
    bench.feed(V2, V2.head_length)
    bench.flash.power_on()
    bench.flash.arm(1, NOTHING)
    raises(PowerCut, bench.feed, V2)
    cut(bench)
    return bench


def test_a_cut_in_the_first_erase_leaves_the_acceptance():
    bench = cut_in_the_first_erase()
    assert bench.store.state.accepted
    assert bench.store.resume() == FILE_HEADER
    assert bench.feed(V2) == COMPLETE


# The same image as before?


def test_proof_is_the_digest_that_names_the_image():
    image = Image("v2")
    bench = Bench().at_factory()
    bench.power_on()
    bench.store.start(image.offer())
    assert bench.store.proof is None
    for until in (5, 13):
        bench.feed(image, until)
        assert bench.store.proof is None, "too little of it came"
    bench.feed(image, 20)
    assert bench.store.proof == (FILE_HEADER + 13, image.data[13:20])
    bench.feed(image, 100)
    assert bench.store.proof == (FILE_HEADER + 13, image.data[13:45])
    bench.feed(image, len(image.data) - 1)
    assert bench.store.proof == (FILE_HEADER + 13, image.data[13:45]) and bench.store.manifest
    bench.power_on()
    bench.store.resume()
    if bench.store.position > FILE_HEADER + 45:
        assert bench.store.proof == (FILE_HEADER + 13, image.data[13:45])


# rule: resume-content
def test_accepted_image_has_its_proof_before_a_byte_of_it_is_on_flash():
    bench = cut_in_the_first_erase()
    assert bench.store.resume() == FILE_HEADER and bench.store.state.durable == 0
    assert bench.store.proof == (FILE_HEADER + 13, V2.data[13:45]), "the hub may have another one by now"
    bench.store.doubt()
    assert bench.store.proof is None


# rule: resume-content
def test_doubted_image_stays_until_the_other_one_is_accepted():
    image = Image("long")
    bench = Bench().at_factory()
    bench.power_on()
    bench.download(image, 2500)
    durable = bench.store.state.durable
    assert durable
    assert bench.store.doubt() == 0 and not bench.store.image_known
    bench.feed(image, 100)
    assert bench.store.state.accepted and bench.store.state.durable == durable
    bench.power_on()
    assert bench.store.resume() == FILE_HEADER + durable, "a promise took nothing away"
    bench.store.doubt()
    bench.feed(image, image.head_length + 60)
    assert bench.store.state.durable == 0 and bench.store.downloading, "the other one took its place"
    assert bench.feed(image) == COMPLETE
    bench.verify()
    assert bench.store.candidate


def test_doubt_before_anything_is_accepted_begins_again():
    image = Image("v2")
    bench = Bench().at_factory()
    bench.power_on()
    bench.download(image, 100)
    assert bench.store.doubt() == 0
    assert bench.feed(image) == COMPLETE


# What is left behind, by what mutants survived


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


def test_the_hook_is_called_between_the_steps_of_a_signature_check():
    bench = running()
    calls = []
    old = bench.store
    store = FirmwareStore(old._journal._area, old.slots, old.device, hook=lambda: calls.append(1))
    assert store.load()
    store.running = 0
    store.start(V2.offer())
    store.describe(V2, FILE_HEADER, len(V2.data))
    # The bench's memory of signatures is not in force here.
    assert store.write(V2.data, 0, V2.head_length) == WRITTEN
    assert len(calls) > 2


def test_only_the_acceptance_asks_for_room_for_progress():
    bench = running()
    commit = bench.store._journal.commit
    rooms = []

    def noting(state, room=0):
        rooms.append(room)
        return commit(state, room)

    bench.store._journal.commit = noting
    bench.store.start(V2.offer())
    bench.feed(V2, 512)
    bench.store.hold(True)
    bench.store.cancel()
    assert rooms == [0, bench.slot_units, 0, 0]


def test_the_same_offer_again_goes_on_with_what_is_in_ram():
    for until in (100, 600, 2500):
        bench = running()
        bench.download(LONG, until)
        assert bench.store.start(LONG.offer()) == FILE_HEADER + until
        assert bench.feed(LONG) == COMPLETE
        assert bench.fetched == len(LONG.data)


def test_resume_drops_the_newcomer():
    bench = running()
    bench.download(LONG, 2500)
    bench.store.start(V3.offer())
    bench.feed(V3, 100)
    assert bench.store.resume() == FILE_HEADER + 2048
    assert bench.feed(LONG) == COMPLETE and bench.store.complete
    bench.verify()


def test_what_reaches_to_the_head_s_limit_proves_what_it_belongs_to():
    bench = running(erase_size=512, slot_units=8)
    bench.download(LONG, 600)
    cut(bench)
    assert bench.store.resume() == FILE_HEADER + 512
    assert bench.store.manifest.digest == bench.store.state.identity


def test_what_is_on_flash_of_a_head_stays_when_it_is_admitted_again():
    bench = running(erase_size=256, slot_units=16)
    bench.download(LONG, 450)
    assert bench.store.state.durable == 256
    cut(bench)
    assert bench.store.resume() == FILE_HEADER + 256
    bench.flash.log = []
    bench.feed(LONG, 500)
    assert bench.store.manifest and bench.store.state.durable == 256
    # No record and none of the first unit's bytes is written again.
    first = (bench.journal_units + bench.slot_units) * 256
    assert [at for _, at, _ in bench.flash.log if at < first + 256] == []


def test_a_head_that_is_refused_under_an_accepted_identity_starts_again():
    bench = running()
    bench.download(V2, 600)
    cut(bench)
    assert bench.store.resume() == FILE_HEADER
    forged = Image("v2")
    forged.data = V2.data[:100] + bytes([V2.data[100] ^ 1]) + V2.data[101:]
    assert bench.feed(forged) == RESTART
    assert bench.store.downloading and not bench.store.state.accepted


def test_where_an_image_may_lie_in_its_file_and_how_long_it_may_be():
    bench = running()
    bench.store.start(V2.offer())
    size = bench.store.slots[1].size
    for offset, length in ((0, 100), (255, 100), (FILE_HEADER, 1), (FILE_HEADER, size)):
        bench.store.describe(V2, offset, length)
        assert bench.store.position == offset and bench.store.image_known
    assert refusal(bench.store.describe, V2, -1, 100) == reject.SIZE_MISMATCH
    assert refusal(bench.store.describe, V2, FILE_HEADER, size + 1) == reject.TOO_LARGE


def test_an_image_without_its_file_s_header_is_refused():
    # Without one the rules of the offer would be left out.
    bench = running()
    bench.store.start(V2.offer())
    bench.store.describe(None, FILE_HEADER, len(V2.data))
    raises(ValueError, bench.store.write, V2.data, 0, 400)
    assert not bench.store.state.accepted


def test_a_slot_whose_image_is_longer_than_what_was_accepted_is_not_verified():
    bench = running()
    bench.download(V2)
    bench.store.state.image_length -= 1
    bench.store.state.durable -= 1
    assert bench.store.complete
    assert refusal(bench.store.verify_start) == reject.DIGEST_MISMATCH


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


def test_a_trial_that_does_not_run_cannot_be_confirmed():
    bench = running()
    bench.stage(V2)
    bench.power_on(boot.RESET)
    bench.store.running = 0  # as where the attempt could not be recorded
    raises(ValueError, bench.store.accept)
    assert bench.store.state.primary == 0


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


def test_a_newcomer_that_is_accepted_was_not_told_to_wait():
    bench = running()
    bench.download(LONG)
    bench.verify()
    bench.store.hold(True)
    bench.store.start(V3.offer())
    bench.feed(V3, 512)
    assert bench.store.state.file_version == V3.file_version and not bench.store.state.hold
