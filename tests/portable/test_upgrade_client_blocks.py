"""The upgrade client: answers that are none, servers that stop, and servers that set the pace."""

from firmware_agent.protocol import session as ss
from firmware_agent.protocol import states
from tests.portable.scripted import (
    BLOCK,
    BLOCK_REQUEST,
    END,
    HOUR,
    IMAGE,
    NEW,
    NOW,
    OLD,
    QUERY,
    Identity,
    Rig,
    block,
    block_status,
    default_response,
    gaps,
    notify,
    offer,
    wait_for_data,
)

DAY = 24 * HOUR


# Blocks that are not the answer


# rule: block-answers, hub-version-echoed
def test_blocks_that_do_not_answer_the_request_are_ignored_and_counted():
    data = IMAGE[63:126]
    for frame in (
        block(0, data),
        block(62, data),
        block(126, data),
        block(63 + 0x100, data),
        block(63 + 0x01000000, data),
        block(63, data, version=NEW + 1),
        block(63, data, version=OLD),
        block(63, data, version=NEW ^ 0x80000000),
        block(63, data, manufacturer=0x9999),
        block(63, data, image_type=0x0085),
        block(63, b""),
        block(63, b"", size=5),
        block(63, data, size=0),
        block(63, data[:10], size=11),
        block(63, data + b"x"),
        block(63, bytes(200)),
        block(63, data)[:10],
        block(63, data)[:4],
    ):
        rig = Rig().downloading(1)
        rig.take()
        rig.hear(frame)
        assert rig.client.ignored == 1 and rig.quiet() and bytes(rig.file) == IMAGE[:63]
        rig.pass_time(3000)
        assert rig.answer().offset == 63
        assert bytes(rig.file) == IMAGE[:126]


def test_bytes_behind_the_data_of_a_block_are_not_taken():
    rig = Rig().downloading()
    rig.take()
    rig.hear(block(0, IMAGE[:10] + b"more", size=10))
    assert bytes(rig.file) == IMAGE[:10]


# rule: hub-zero-length
def test_zero_length_blocks_for_ever_end_in_back_off():
    """herdsman sends success blocks of length 0 for ever when asked for nothing or past the end."""
    rig = Rig(block_tries=10).downloading(1)
    for _ in range(2000):
        rig.hear(block(63, b""))
        if rig.state != states.DOWNLOADING:
            break
        rig.pass_time(50)
    assert rig.state == states.IDLE and rig.client.base == ss.DOWNLOAD
    assert len(rig.asked) == 10


def test_empty_block_response_is_malformed():
    rig = Rig().downloading()
    rig.take()
    rig.hear(b"\x19\x03\x05")
    assert rig.take_reply()[12:] == b"\x10\x03\x0b\x05\x80" and rig.state == states.DOWNLOADING


def test_block_that_was_not_asked_for_is_ignored():
    rig = Rig()
    rig.hear(block(0, IMAGE[:50]))
    assert rig.quiet() and rig.client.ignored == 1
    rig = Rig().verifying()
    rig.hear(block(0, IMAGE[:50]))
    rig.hear(block_status(0x95))
    assert rig.quiet() and rig.client.ignored == 2 and rig.state == states.VERIFYING


# The server stops


# rule: abort, hub-abort
def test_abort_keeps_progress():
    rig = Rig(back_off=30000).downloading(4)
    rig.take()
    rig.hear(block_status(0x95))
    assert rig.state == states.IDLE and rig.quiet() and rig.client.upgrade_status() == 0
    rig.hear(notify())
    assert rig.take().command == QUERY
    rig.on_offer = "go on"
    rig.hear(offer())
    assert rig.take().offset == 252


# rule: abort
def test_abort_without_a_new_notify_is_followed_by_a_query_after_the_back_off():
    rig = Rig(back_off=30000).downloading(4)
    rig.take()
    rig.hear(block_status(0x95))
    rig.pass_time(29999)
    assert rig.quiet()
    rig.pass_time(1)
    assert rig.take().command == QUERY


def test_malformed_and_unknown_block_status_stop_but_keep_progress():
    """zigpy says 0x80 to an offset past the end."""
    for status in (0x80, 0x81, 0x98, 0x7E, 0x01, 0xFF):
        rig = Rig().downloading(4)
        rig.take()
        rig.hear(block_status(status))
        assert rig.state == states.IDLE and rig.client.base == ss.DOWNLOAD


# rule: block-refused
def test_default_response_to_a_block_request_stops_but_keeps_progress():
    for status in (0x80, 0x81, 0x98):
        rig = Rig().downloading(4)
        rig.take()
        rig.hear(default_response(BLOCK_REQUEST, status))
        assert rig.state == states.IDLE and rig.client.base == ss.DOWNLOAD and rig.quiet()


def test_default_response_to_a_query_ends_it():
    rig = Rig()
    rig.query()
    rig.hear(default_response(QUERY, 0x81))
    assert rig.state == states.IDLE and rig.quiet()


def test_default_response_to_what_is_not_outstanding_is_ignored():
    querying, pausing = Rig(), Rig(minimum_block_period=1000).downloading()
    querying.query()
    pausing.answer()
    for rig in (Rig(), querying, pausing, Rig().verifying(), Rig().waiting()):
        before = rig.state
        rig.hear(default_response(BLOCK_REQUEST, 0x80))
        if before != states.QUERYING:
            rig.hear(default_response(QUERY, 0x81))
        assert rig.state == before and rig.quiet() and rig.client.ignored > 0


def test_other_default_responses_are_ignored_and_never_answered():
    for command, status in ((BLOCK_REQUEST, 0), (QUERY, 0x81), (END, 0x80), (BLOCK, 0x80)):
        rig = Rig().downloading(4)
        rig.take()
        rig.hear(default_response(command, status))
        rig.hear(b"\x18\x09\x0b")
        assert rig.state == states.DOWNLOADING and rig.quiet()
        assert rig.client.ignored == 1


# Wishes of the server about pace


def paced(frame, **settings):
    """Milliseconds from the WAIT_FOR_DATA ``frame`` to the next block request."""
    rig = Rig(**settings).downloading(2)
    rig.take()
    rig.pass_time(400)
    rig.hear(frame)
    assert rig.quiet() and rig.state == states.DOWNLOADING
    began = rig.now
    rig.pass_time(3 * HOUR)
    request = rig.asked[0]
    assert request.offset == 126
    return request.time - began


# rule: wait-difference, wait-same-offset
def test_wait_for_data_with_absolute_times():
    assert paced(wait_for_data(NOW, NOW + 7)) == 7000


# rule: wait-relative, wait-same-offset
def test_wait_for_data_with_a_relative_time():
    assert paced(wait_for_data(0, 90)) == 90000


# rule: wait-zero, wait-shortest
def test_wait_for_data_of_zero_uses_the_minimum_block_period():
    assert paced(wait_for_data(NOW, NOW, 1000)) == 1000 - 400
    assert paced(wait_for_data(NOW, NOW), shortest_wait=50) == 50


# rule: wait-passed
def test_wait_for_data_with_times_the_wrong_way():
    assert paced(wait_for_data(NOW, NOW - 1), senseless_wait=300000) == 300000


# rule: wait-cap
def test_wait_for_data_is_capped():
    assert paced(wait_for_data(0, 3601), longest_wait=HOUR) == HOUR
    assert paced(wait_for_data(0, 0xFFFFFFFF), longest_wait=HOUR) == HOUR


# rule: wait-period
def test_wait_for_data_with_a_period_sets_the_attribute():
    for period, value in ((None, 0), (0, 0), (250, 250), (0xFFFE, 0xFFFE), (0xFFFF, 0xFFFE)):
        rig = Rig(minimum_block_period=77).downloading()
        rig.take()
        rig.hear(wait_for_data(0, 1, period))
        assert rig.client.download.minimum_block_period == value
    assert paced(wait_for_data(0, 1, 5000)) == 5000 - 400
    assert paced(wait_for_data(0, 6, 5000)) == 6000


# rule: duty-cycle
def test_wait_for_data_is_no_error():
    rig = Rig(block_tries=3).downloading(2)
    for _ in range(50):
        rig.take()
        rig.hear(wait_for_data(0, 10))
        rig.pass_time(10000)
    assert rig.answer().offset == 126


# rule: wait-progress
def test_wait_for_data_begins_the_count_of_tries_anew():
    rig = Rig(block_tries=3).downloading(2)
    for _ in range(5):
        rig.pass_time(3000 + 4500)
        rig.asked.clear()
        rig.hear(wait_for_data(0, 1))
        rig.pass_time(1000)
    assert rig.answer().offset == 126


def test_wait_for_data_is_over_with_its_download():
    rig = Rig().downloading(1)
    rig.take()
    rig.hear(wait_for_data(0, 3600, 5000))
    rig.client.refused(0x96)
    rig.send()
    rig.take()
    rig.hear(default_response(END, 0))
    rig.hear(notify())
    rig.take()
    rig.file[:] = b""
    rig.hear(offer(0x00030000))
    assert rig.take().command == BLOCK_REQUEST


def test_wait_for_data_is_not_shortened_by_a_notify():
    rig = Rig().downloading(2)
    rig.take()
    rig.hear(wait_for_data(0, 60))
    rig.pass_time(10000)
    rig.hear(notify())
    assert rig.take().command == QUERY
    rig.on_offer = "go on"
    rig.hear(offer())
    rig.pass_time(49999)
    assert rig.quiet()
    rig.pass_time(1)
    assert rig.take().offset == 126


def test_short_wait_for_data_is_malformed():
    for length in range(4, 12):
        rig = Rig().downloading()
        rig.take()
        rig.hear(wait_for_data(0, 60)[:length])
        assert rig.take_reply()[12:] == b"\x10\x03\x0b\x05\x80"
        assert rig.state == states.DOWNLOADING and rig.client.poll_timeout() == 3000


# rule: block-period
def test_minimum_block_period_is_obeyed_to_the_millisecond():
    rig = Rig(minimum_block_period=300).downloading()
    times = []
    for i in range(10):
        times.append(rig.take().time)
        rig.pass_time(i)
        rig.hear(block(i * 63, IMAGE[i * 63 : i * 63 + 63]))
        assert rig.quiet()
        rig.pass_time(300 - i - 1)
        assert rig.quiet()
        rig.pass_time(1)
    assert gaps(times) == 9 * [300]


def test_slow_answers_owe_nothing_to_the_minimum_block_period():
    rig = Rig(minimum_block_period=300).downloading()
    rig.pass_time(500)
    rig.answer()
    assert rig.take().time == rig.now


def test_retries_obey_the_minimum_block_period():
    rig = Rig(minimum_block_period=60000).downloading()
    rig.take()
    rig.pass_time(59999)
    assert rig.quiet()
    rig.pass_time(1)
    assert rig.take().offset == 0


def test_answer_is_waited_for_as_long_as_the_minimum_block_period():
    rig = Rig(minimum_block_period=60000).downloading()
    rig.pass_time(30000)
    rig.answer()
    assert len(rig.file) == 63


# rule: block-period-default
def test_minimum_block_period_goes_back_to_its_default_when_the_download_ends():
    for end in ("complete", "refused"):
        rig = Rig(minimum_block_period=5).downloading()
        rig.take()
        rig.hear(wait_for_data(0, 0, 250))
        assert rig.client.download.minimum_block_period == 250
        rig.pass_time(250)
        if end == "complete":
            while rig.asked:
                rig.answer()
                rig.pass_time(250)
        else:
            rig.client.refused(0x96)
        assert rig.client.download.minimum_block_period == 5


# The same image as before?

PROOF = (75, IMAGE[75:107])


def doubted(proof=PROOF, **settings):
    """A download goes on after an ABORT at byte 315; the server has to show that it has the same image."""
    rig = Rig(**settings).downloading(5)
    rig.take()
    rig.hear(block_status(0x95))
    rig.hear(notify())
    rig.take()
    rig.on_offer = None
    rig.proof = proof
    rig.hear(offer())
    return rig


# rule: resume-content
def test_image_is_proven_by_a_few_bytes_before_a_download_goes_on():
    rig = doubted()
    request = rig.take()
    assert (request.command, request.offset, request.size) == (BLOCK_REQUEST, 75, 32)
    rig.hear(block(75, IMAGE[75:107]))
    assert rig.answer().offset == 315
    while rig.asked:
        rig.answer()
    assert bytes(rig.file) == IMAGE


def test_proof_in_pieces():
    rig = doubted()
    asked = [(request.offset, request.size) for request in [rig.answer(largest=10) for _ in range(4)]]
    assert asked == [(75, 32), (85, 22), (95, 12), (105, 2)]
    assert rig.take().offset == 315 and len(rig.file) == 315


# rule: resume-content
def test_other_bytes_are_told_and_nothing_of_them_is_taken():
    for at in (0, 7, 31):
        rig = doubted()
        rig.take()
        other = bytearray(IMAGE[75:107])
        other[at] ^= 1
        rig.hear(block(75, bytes(other)))
        assert rig.actions[-1] == ss.CHANGED and rig.quiet() and len(rig.file) == 315
        rig.client.download.written(0, 0xFFFF)
        rig.send()
        request = rig.take()
        assert request.offset == 0 and request.size == 63


def test_changed_image_can_be_left_alone():
    rig = doubted(back_off=30000)
    rig.take()
    rig.hear(block(75, bytes(32)))
    rig.client.abandon()
    assert rig.state == states.IDLE and rig.client.base == ss.DOWNLOAD
    rig.pass_time(59999)
    assert rig.quiet(), "the second back-off"
    rig.pass_time(1)
    assert rig.take().command == QUERY


def test_lost_or_useless_proof_is_asked_for_again():
    rig = doubted()
    for frame in (block(315, IMAGE[315:347]), block(75, IMAGE[75:108]), block(75, b""), None):
        rig.take()
        if frame:
            rig.hear(frame)
        assert rig.quiet() and ss.CHANGED not in rig.actions
        rig.pass_time(rig.client.poll_timeout())
    assert rig.answer().offset == 75
    assert rig.take().offset == 315


def test_proof_after_a_reset():
    rig = Rig()
    rig.client.restore(0x1234, 0x0084, NEW)
    rig.client.start_download(500, 12, len(IMAGE), PROOF)
    rig.send()
    assert rig.answer().offset == 75
    request = rig.take()
    assert request.offset == 500 and request.size == 12


def test_proof_comes_before_a_page():
    rig = Rig(page_size=300)
    rig.client.restore(0x1234, 0x0084, NEW)
    rig.client.start_download(500, 0xFFFF, len(IMAGE), PROOF)
    rig.send()
    assert rig.answer().command == BLOCK_REQUEST
    assert rig.take().command == 4


class SlowServer:
    """Serves one block request an hour, tells all others to wait, and sends a Notify just before."""

    def __init__(self, rig, notify_every):
        self.rig = rig
        self.notify_every = notify_every
        self.served = 0
        self._last = -HOUR

    def run(self, hours):
        rig = self.rig
        for minute in range(hours * 60):
            if minute % self.notify_every == self.notify_every - 1:
                rig.hear(notify())
            left = 60000
            while left:
                while rig.asked:
                    self._answer(rig.asked.pop(0))
                step = max(1, min(left, rig.client.poll_timeout()))
                rig.pass_time(step)
                left -= step

    def _answer(self, request):
        rig = self.rig
        if request.command == QUERY:
            rig.hear(offer())
        elif rig.now - self._last < HOUR:
            rig.hear(wait_for_data(0, 3600))
        else:
            self._last = rig.now
            self.served += 1
            rig.hear(block(request.offset, IMAGE[request.offset : request.offset + request.size]))


# rule: notify-no-starvation
def test_hourly_notifies_while_the_server_says_wait_do_not_stop_a_download():
    for notify_every in (60, 45, 13, 61):
        rig = Rig(max_data_size=16)
        server = SlowServer(rig, notify_every)
        server.run(2)
        rig.on_offer = None
        rig.proof = (4, IMAGE[4:36])
        began = len(rig.file)
        server.run(96)
        assert server.served >= 45, "a block an hour, when it was asked for"
        blocks = (len(rig.file) - began) // 16
        # The 32 bytes that name the image take two requests, too.
        assert blocks >= server.served // 3 - 2 > 20, (notify_every, blocks, server.served)
        assert bytes(rig.file) == IMAGE[: len(rig.file)]


# rule: block-captured
def test_block_captured_in_the_field():
    identity = Identity()
    identity.manufacturer_code, identity.image_type = 0x2794, 0x0101
    rig = Rig(identity=identity, max_data_size=36)
    rig.client.restore(0x2794, 0x0101, 0x30)
    rig.client.start_download(211140, 0xFFFF, 300000)
    rig.send()
    assert rig.take().payload[:14] == b"\x00\x94\x27\x01\x01\x30\x00\x00\x00\xc4\x38\x03\x00\x24"
    data = b"\x80\x02\x79" + bytes(33)
    head = b"\x09\xd9\x05\x00\x94\x27\x01\x01\x30\x00\x00\x00\xc4\x38\x03\x00\x24"
    rig.hear(head + data)
    assert bytes(rig.file) == data and not rig.replies
