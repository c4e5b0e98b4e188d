"""What the store takes of an image as it comes: nothing is erased before the image is accepted."""

import sys

from firmware_agent import boot, reject
from firmware_agent.store import state as states
from firmware_agent.store.firmware_store import ADMIT, COMPLETE, WRITTEN, FirmwareStore
from firmware_agent.store.image_writer import BLOCK_LIMIT
from firmware_agent.trust.manifest import HEAD_LIMIT
from hal.flash import FlashError
from hal.sim.cut_flash import ERASE
from tests.portable.bench import FILE_HEADER, Bench, Image, RememberedSignatures, give, raises, refusal
from tests.portable.store_device import LONG, TINY, V2, V3, Failing, cut, running, slot_log, state

HEAP = "1M"


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
    for at in range(HEAD_LIMIT):
        assert slot_log(bench) == [] and bench.store.manifest is None, at
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
    for name, value in (
        ("manufacturer_code", 0x1235),
        ("image_type", 0x0085),
        ("file_version", 0x00030000),
        ("destination", bytes(8)),
        ("hardware_min", 0),
        ("hardware_max", 0xFFFF),
    ):
        bench = running()
        image = Image("v2")
        setattr(image, name, value)
        assert refusal(bench.download, image) == reject.HEADER_MISMATCH, name


def test_at_the_factory_neither_a_version_that_runs_nor_the_time_is_known():
    bench = Bench()
    assert bench.store.device.file_version is None and bench.store.device.time is None


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
    for begin in (0, 100, HEAD_LIMIT, 600):
        bench = running()
        bench.store.start(V2.offer())
        bench.store.describe(V2, FILE_HEADER, len(V2.data))
        if begin:
            give(bench.store, V2.data, 0, begin)
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
    assert bench.store.write(V2.data, 0, 200) == ADMIT
    assert refusal(bench.store.admit) == reject.MALFORMED_ENVELOPE


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
    for begin in (1, 100, HEAD_LIMIT - 1, HEAD_LIMIT, 600):
        bench = running()
        bench.store.start(V2.offer())
        bench.store.describe(V2, FILE_HEADER, len(V2.data))
        give(bench.store, V2.data, 0, begin)
        assert give(bench.store, V2.data, begin, len(V2.data)) == COMPLETE
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
    assert give(store, V2.data, 0, HEAD_LIMIT) == WRITTEN
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
    # Two for each unit of 1024 bytes that the image has, or begins.
    assert rooms == [0, 2, 0, 0]
    rooms.clear()
    bench.download(LONG, 512)
    assert rooms == [0, 8]


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
    raises(ValueError, bench.store.describe, None, FILE_HEADER, len(V2.data))
    raises(ValueError, give, bench.store, V2.data, 0, HEAD_LIMIT)
    assert not bench.store.state.accepted


def told_of(image):
    """A store that was told of ``image`` and has nothing of it yet."""
    bench = running()
    bench.flash.power_on()
    bench.store.start(image.offer())
    bench.store.describe(image, FILE_HEADER, len(image.data))
    return bench


def test_a_block_is_taken_whole_and_what_is_behind_the_head_in_it_waits():
    for last in (1, 60, BLOCK_LIMIT):
        bench = told_of(V2)
        begin = HEAD_LIMIT - 1
        assert give(bench.store, V2.data, 0, begin) == WRITTEN
        assert bench.store.write(V2.data, begin, last) == ADMIT
        assert bench.store.position == FILE_HEADER + begin + last and slot_log(bench) == []
        assert bench.store.manifest is None and not bench.store.state.accepted
        assert bench.store.admit() == WRITTEN
        assert bench.store.position == FILE_HEADER + begin + last
        assert bench.feed(V2) == COMPLETE
        assert bench.slot_bytes(1, len(V2.data)) == V2.data


def test_whatever_a_caller_does_before_the_judgement_nothing_is_written():
    bench = told_of(V2)
    store = bench.store
    raises(ValueError, store.admit)
    give(store, V2.data, 0, 100)
    raises(ValueError, store.admit)
    raises(ValueError, store._image.admitted, store.slots[1])
    raises(ValueError, store.write, V2.data, 100, 256)  # ZigBee's largest block has 255
    give(store, V2.data, 100, HEAD_LIMIT - 1)
    raises(ValueError, store.admit)
    assert store.write(V2.data, HEAD_LIMIT - 1, 10) == ADMIT
    before = store.position
    for length in (0, 1, 50):
        raises(ValueError, store.write, V2.data, HEAD_LIMIT + 9, length)
    raises(ValueError, store.verify_start)
    raises(ValueError, store.install)
    assert store.position == before and slot_log(bench) == [] and not store.state.accepted
    assert store.admit() == WRITTEN and store.manifest
    raises(ValueError, store.admit)
    assert bench.feed(V2) == COMPLETE


def test_what_was_refused_is_refused_again_and_never_written():
    forged = bytearray(V2.data)
    forged[100] ^= 1
    bench = told_of(V2)
    assert refusal(give, bench.store, forged, 0, HEAD_LIMIT + 50) == reject.BAD_SIGNATURE
    raises(ValueError, bench.store.write, V2.data, HEAD_LIMIT + 50, 50)
    assert refusal(bench.store.admit) == reject.BAD_SIGNATURE
    bench.store.cancel()
    raises(ValueError, bench.store.admit)
    raises(ValueError, bench.store.write, V2.data, 0, 50)
    assert slot_log(bench) == []


def test_a_judgement_that_the_heap_ends_half_way_is_done_again():
    __import__("firmware_agent.store.image_writer")
    image_writer = sys.modules["firmware_agent.store.image_writer"]
    made = image_writer.SlotWriter

    def full(area):
        raise MemoryError

    bench = told_of(V2)
    assert give(bench.store, V2.data, 0, HEAD_LIMIT - 1) == WRITTEN
    assert bench.store.write(V2.data, HEAD_LIMIT - 1, 60) == ADMIT
    image_writer.SlotWriter = full
    try:
        with RememberedSignatures():
            raises(MemoryError, bench.store.admit)
    finally:
        image_writer.SlotWriter = made
    assert bench.store.state.accepted and slot_log(bench) == []
    with RememberedSignatures():
        assert bench.store.admit() == WRITTEN
    assert bench.store.position == FILE_HEADER + HEAD_LIMIT - 1 + 60
    assert bench.feed(V2) == COMPLETE
    assert bench.slot_bytes(1, len(V2.data)) == V2.data
