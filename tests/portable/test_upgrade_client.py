"""The upgrade client: the plain update, its requests byte for byte, lost answers, resets."""

from binascii import hexlify, unhexlify

from firmware_agent.protocol import session as ss
from firmware_agent.protocol import states
from firmware_agent.protocol.settings import Settings
from tests.portable.scripted import (
    BLOCK_REQUEST,
    END,
    HOUR,
    IMAGE,
    NEW,
    NO_IMAGE,
    QUERY,
    SIZE,
    Identity,
    Rig,
    block,
    block_status,
    end_response,
    gaps,
    identity_bytes,
    notify,
    offer,
)

DAY = 24 * HOUR


# The plain update


# rule: block-shorter
def test_plain_update_at_any_size_asked_and_given():
    for asked in (1, 16, 40, 50, 63, 223, 255):
        for given in (1, 40, 50, 255):
            rig = Rig(max_data_size=asked)
            rig.query()
            rig.hear(offer())
            sizes = []
            while rig.asked:
                request = rig.answer(largest=given)
                sizes.append(request.size)
            assert bytes(rig.file) == IMAGE
            assert max(sizes) == asked and sizes[-1] <= min(asked, given)
            rig.client.verified(False)
            rig.send()
            end = rig.take()
            assert end.command == END and end.payload == b"\x00" + identity_bytes()
            rig.hear(end_response(0, 0))
            assert rig.state == states.ACTIVATING and rig.quiet()


# rule: hub-past-the-end
def test_last_block_asks_no_more_than_the_file_has():
    rig = Rig(max_data_size=63).downloading(15)
    request = rig.take()
    assert request.offset == 945 and request.size == 55


def test_a_block_never_crosses_the_limit_that_the_store_set():
    rig = Rig(limit=17).downloading()
    assert rig.answer().size == 17
    assert rig.take().size == 17


# Requests, byte for byte as in the recordings of real hubs' sessions


# rule: query-hardware, hub-end-payload, hub-no-options
def test_request_layouts():
    identity = Identity()
    identity.image_type = 1
    identity.hardware_version = 0xABCD
    rig = Rig(max_data_size=64, identity=identity)
    request = rig.query().frame
    assert request[:12] == unhexlify("010034120000010119000401")
    assert request[12] == 0x01 and request[14:] == unhexlify("010134120100" + "00000100" + "cdab")
    rig.hear(unhexlify("190202003412010000000200e8030000"))
    request = rig.take().frame
    assert request[:12] == unhexlify("010034120000010119000401")
    assert request[12] == 0x01 and request[14:] == unhexlify("0300341201000000020000000000" + "40")
    rig.hear(unhexlify("190305003412010000000200" + "00000000" + "32") + IMAGE[:50])
    assert hexlify(rig.take().frame[14:]) == b"0300341201000000020032000000" + b"40"
    rig.client.refused(0x96)
    rig.send()
    assert rig.take().frame[14:] == unhexlify("069634120100" + "00000200")


# rule: figure-data-size
def test_63_bytes_are_asked_for_unless_the_board_says_otherwise():
    assert Rig().downloading().take().size == 63
    assert Rig(max_data_size=40).downloading().take().size == 40


# rule: hub-first-block
def test_first_block_is_asked_for_at_once_after_a_notify():
    """zigpy waits 30 s from Notify to the first block, herdsman 60 s for the query."""
    rig = Rig()
    rig.hear(notify())
    query = rig.take()
    rig.hear(offer())
    first = rig.take()
    assert (query.command, first.command, first.offset) == (QUERY, BLOCK_REQUEST, 0)
    assert query.time == first.time == 0


# rule: hub-stall, hub-quick-request
def test_lost_blocks_are_asked_for_again_well_within_30_s():
    """zigpy ends a session 30 s after the last block request, and drops a repeated one for 10 s."""
    rig = Rig().downloading(3)
    rig.pass_time(30000)
    times = [request.time for request in rig.asked]
    assert len(times) >= 4 and {request.offset for request in rig.asked} == {189}
    assert 1000 <= gaps(times)[0] <= 5000, "herdsman 10.9 can lose what comes too soon"
    assert max(gaps(times)) <= 10000


# rule: hub-pacing
def test_slow_server_is_waited_for():
    """zigbee2mqtt takes 250 ms over each block; the largest wait here is just below a time-out."""
    for milliseconds in (250, 2999):
        rig = Rig().downloading()
        while len(rig.file) < SIZE - 63:
            rig.pass_time(milliseconds)
            rig.answer()
        assert bytes(rig.file) == IMAGE[: len(rig.file)], "nothing was asked for twice"


def test_each_request_has_a_new_transaction_sequence_number():
    rig = Rig(max_data_size=1)
    rig.dice = [0, 0xFE]  # the time of the first query, then the first number
    rig.client.__init__(Identity(), rig.settings, rig.random)
    numbers = [rig.query().tsn]
    rig.hear(offer())
    for _ in range(600):
        numbers.append(rig.answer().tsn)
    assert all([gap % 256 == 1 for gap in gaps(numbers)])


# rule: hub-new-tsn
def test_retries_have_a_new_transaction_sequence_number():
    """zigpy drops a repeated frame with the same number for 10 s."""
    rig = Rig()
    seen = {rig.query().tsn}
    rig.pass_time(3000)
    seen.add(rig.take().tsn)
    rig.hear(offer())
    for _ in range(8):
        seen.add(rig.take().tsn)
        rig.pass_time(rig.client.poll_timeout())
    assert len(seen) == 10


# Lost answers


# rule: block-retry
def test_retry_asks_for_the_same_offset_with_back_off():
    rig = Rig(block_tries=10, response_timeouts=(3000, 4500, 6500, 9000)).downloading(3)
    times = []
    for _ in range(10):
        request = rig.take()
        assert request.offset == 189 and request.size == 63
        times.append(request.time)
        rig.pass_time(rig.client.poll_timeout())
    assert gaps(times) == [3000, 4500, 6500] + 6 * [9000]


def test_timeouts_start_anew_after_every_block():
    rig = Rig().downloading()
    for _ in range(3):
        rig.pass_time(3000)
        assert len(rig.asked) == 2
        rig.asked.pop(0)
        rig.answer()
    assert len(rig.file) == 3 * 63


# rule: block-errors
def test_error_limit_leads_to_back_off_and_resume_and_never_to_zero():
    rig = Rig(block_tries=10, back_off=30000, longest_back_off=HOUR).downloading(5)
    back_offs = []
    for _ in range(10):
        rig.asked.clear()
        while rig.state == states.DOWNLOADING:
            rig.pass_time(1)
        began = rig.now
        assert rig.state == states.IDLE and rig.client.base == ss.DOWNLOAD
        rig.asked.clear()
        rig.pass_time(rig.client.poll_timeout())
        back_offs.append(rig.now - began)
        assert rig.take().command == QUERY
        rig.on_offer = "go on"
        rig.hear(offer())
        assert rig.asked[-1].offset == 315 and len(rig.file) == 315
    assert back_offs == [30000, 60000, 120000, 240000, 480000, 960000, 1920000, HOUR, HOUR, HOUR]
    rig.answer()
    rig.asked.clear()
    rig.pass_time(3 * 60 * 1000)
    began = [request for request in rig.asked if request.command == QUERY]
    assert began, "one block was enough to begin with the short back-off again"


# rule: hub-query-once
def test_repeated_query_unanswered_goes_on_with_block_requests():
    """herdsman answers one query a session, but serves blocks from any offset."""
    rig = Rig(query_tries=3).downloading(5)
    rig.hear(block_status(0x95))
    rig.asked.clear()
    rig.pass_time(30000 + 3000 + 4500 + 6500)
    assert [request.command for request in rig.asked] == [QUERY, QUERY, QUERY, BLOCK_REQUEST]
    assert rig.asked[-1].offset == 315
    del rig.asked[:-1]
    while rig.asked:
        rig.answer()
    assert bytes(rig.file) == IMAGE


# rule: hub-spontaneous-query
def test_unanswered_query_without_a_download_is_not_repeated_for_ever():
    rig = Rig(query_tries=3, query_period=DAY)
    rig.query()
    rig.pass_time(HOUR)
    assert [request.command for request in rig.asked] == [QUERY, QUERY]
    assert rig.state == states.IDLE
    rig.asked.clear()
    rig.pass_time(DAY)
    assert rig.asked[0].command == QUERY


def test_tries_of_the_query_are_not_those_of_the_first_block():
    rig = Rig(block_tries=10, query_tries=3, response_timeouts=(3000, 4500, 6500))
    rig.query()
    rig.pass_time(7500)
    rig.hear(offer())
    assert rig.client.poll_timeout() == 3000


def test_late_answer_to_the_try_before_is_taken():
    rig = Rig().downloading()
    first = rig.take()
    rig.client.handle_elapsed(3000)
    rig.hear(block(first.offset, IMAGE[:63]))
    assert len(rig.file) == 63
    assert rig.take().offset == 63


# rule: hub-duplicates
def test_duplicate_answers_are_ignored_and_counted():
    rig = Rig().downloading()
    rig.answer()
    ignored = rig.client.ignored
    rig.hear(block(0, IMAGE[:63]))
    rig.hear(block(0, IMAGE[:63]))
    assert rig.client.ignored == ignored + 2 and len(rig.file) == 63
    rig.answer()
    assert bytes(rig.file) == IMAGE[:126]


def test_after_the_link_is_back_the_outstanding_request_is_repeated_at_once():
    rig = Rig()
    first = rig.query()
    rig.client.rejoined()
    rig.send()
    again = rig.take()
    assert again.command == QUERY and again.tsn != first.tsn and again.time == first.time
    rig.hear(offer())
    first = rig.take()
    rig.client.rejoined()
    rig.send()
    assert rig.take().offset == first.offset
    rig.hear(block(0, IMAGE[:63]))
    while rig.asked:
        rig.answer()
    rig.client.rejoined()
    rig.send()
    assert rig.quiet(), "nothing was outstanding"


def test_rejoining_does_not_break_the_pace():
    rig = Rig(minimum_block_period=1000).downloading()
    rig.take()
    for _ in range(5):
        rig.pass_time(100)
        rig.client.rejoined()
        rig.send()
    assert rig.quiet()
    rig.pass_time(500)
    assert rig.take().time == rig.now


# After a reset


# rule: resume, hub-after-reboot
def test_after_a_reboot_goes_on_with_block_requests_from_the_stored_offset():
    rig = Rig()
    rig.client.restore(0x1234, 0x0084, NEW)
    rig.client.start_download(500, 12, len(IMAGE))
    rig.send()
    request = rig.take()
    assert request.command == BLOCK_REQUEST and request.offset == 500 and request.size == 12
    assert request.payload[1:9] == identity_bytes()
    rig.file[:] = IMAGE[:500]
    rig.hear(block(500, IMAGE[500:512]))
    while rig.asked:
        rig.answer()
    assert bytes(rig.file) == IMAGE


def test_after_a_reboot_queries_if_the_block_requests_fail():
    rig = Rig(block_tries=3)
    rig.client.restore(0x1234, 0x0084, NEW)
    rig.client.start_download(500, 63, len(IMAGE))
    rig.send()
    rig.pass_time(3000 + 4500 + 6500 + 30000)
    assert [request.command for request in rig.asked] == 3 * [BLOCK_REQUEST] + [QUERY]


def test_after_a_reboot_with_a_complete_image_it_is_verified_again():
    rig = Rig()
    rig.client.restore(0x1234, 0x0084, NEW)
    rig.client.complete()
    assert rig.state == states.VERIFYING and rig.client.poll_timeout() == -1
    rig.client.verified(False)
    rig.send()
    assert rig.take().payload == b"\x00" + identity_bytes()


# rule: figure-first-query, hub-notify-lost
def test_first_query_comes_at_a_random_time_after_the_start():
    rig = Rig(first_query=2000)
    rig.dice = [0, 0]
    for dice, due in ((0, 1), (1999, 2000)):
        rig.dice = [dice]
        rig.client.__init__(Identity(), rig.settings, rig.random)
        assert rig.client.poll_timeout() == due


# rule: no-image, figure-query-period, hub-notify-lost
def test_queries_of_its_own_are_a_day_apart_with_a_random_part():
    rig = Rig(query_period=DAY)
    rig.query()
    rig.dice = [DAY // 10 - 1]
    rig.hear(NO_IMAGE)
    assert rig.client.poll_timeout() == DAY + DAY // 10 - 1


# Settings


def test_every_setting_can_be_set_on_its_own():
    one, other = Settings(), Settings()
    one.max_data_size = 40
    assert other.max_data_size == 63


def test_misuse_by_our_own_caller_raises():
    rig = Rig()
    for misuse in (rig.client.decline, lambda: rig.client.verified(False), lambda: rig.client.refused(0x96)):
        try:
            misuse()
        except KeyError:
            continue
        raise AssertionError("in IDLE: " + str(misuse))
