"""Servers that set the pace: wait for data, and the minimum block period."""

from firmware_agent.protocol import states
from tests.portable.scripted import (
    BLOCK_REQUEST,
    HOUR,
    IMAGE,
    NOW,
    QUERY,
    Rig,
    block,
    gaps,
    notify,
    offer,
    wait_for_data,
)


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
    rig.offered_after_failure(0x00030000)
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
