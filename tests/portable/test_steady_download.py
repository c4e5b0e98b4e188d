"""A steady download's short way: two devices hear the same, one is kept from it, and nobody sees which."""

from firmware_agent.protocol import session as ss
from tests.portable.scripted import BASIC, IMAGE, SIZE, Rig, aps, block, notify, offer, wait_for_data

HEAP = "1M"
STEP = 20
OTHER = 0x4321  # the address of another server


class Pair:
    """``short`` may go the short way, ``whole`` never does; hear() and pass_time() hold them together."""

    def __init__(self, **settings):
        self.short = Rig(max_data_size=STEP, **settings)
        self.whole = Rig(max_data_size=STEP, **settings)
        self.was_short = 0
        self.looked = 0  # frames that the first one looked at in full
        self._handle_block = self.short.endpoint._handle_block
        self.short.endpoint._handle_block = self.look
        for rig in (self.short, self.whole):
            rig.downloading()
        self.compare()

    def look(self, *frame):
        self.looked += 1
        return self._handle_block(*frame)

    def hear(self, frame):
        """An APS frame."""
        self.whole.endpoint._answer_length = 0
        before = self.looked, len(self.short.file)
        self.short.hear_frame(frame)
        self.was_short += self.looked == before[0] and len(self.short.file) > before[1]
        self.whole.hear_frame(frame)
        self.compare()

    def pass_time(self, milliseconds):
        self.short.pass_time(milliseconds)
        self.whole.endpoint._answer_length = 0
        self.whole.pass_time(milliseconds)
        self.compare()

    def answer(self):
        """As the hub does it."""
        request = self.short.asked[-1]
        return aps(block(request.offset, IMAGE[request.offset : request.offset + request.size]))

    def compare(self):
        for rig in (self.short, self.whole):
            rig.seen = [
                [(request.frame, request.time) for request in rig.asked],
                rig.replies,
                rig.actions,
                bytes(rig.file),
                rig.endpoint.server_address,
                rig.endpoint.profile,
                rig.endpoint.ignored,
                rig.endpoint.heard,
            ]
            for part in (rig.client, rig.client.download):
                rig.seen += [(name, _plain(getattr(part, name))) for name in sorted(part.__dict__)]
        assert self.short.seen == self.whole.seen


def _plain(value):
    return (
        bytes(value) if isinstance(value, bytearray) else value if isinstance(value, (int, bytes)) else None
    )


def steady(**settings):
    pair = Pair(**settings)
    for _ in range(3):
        pair.hear(pair.answer())
    assert pair.was_short == 2
    return pair


def test_block_after_block_goes_the_short_way():
    pair = steady()
    while len(pair.short.file) < SIZE - STEP:
        pair.hear(pair.answer())
    assert pair.was_short == SIZE // STEP - 2 and bytes(pair.short.file) == IMAGE[: SIZE - STEP]
    pair.hear(pair.answer())
    assert bytes(pair.whole.file) == IMAGE


def test_each_byte_of_the_answer_s_head_counts():
    taken = []
    for at in range(12 + 3 + 14):
        for change in (1, 0x80):
            pair = steady()
            frame = bytearray(pair.answer())
            frame[at] ^= change
            before = len(pair.short.file)
            pair.hear(bytes(frame))
            if len(pair.short.file) > before:
                taken.append(at)
            if at != 13:
                assert pair.was_short == 2, (at, change)
            # Whatever it was, the download goes on.
            pair.pass_time(60000)
            pair.hear(pair.answer())
    # The source's endpoint, the profile, and of the ZCL header the reserved bits and the number mean nothing.
    assert set(taken) == {6, 10, 11, 12, 13}


def test_another_length_is_another_answer():
    for more in (-30, -1, 1, 9):
        pair = steady()
        frame = pair.answer()
        pair.hear(frame[:more] if more < 0 else frame + bytes(more))
        assert pair.was_short == 2, more
        pair.pass_time(5000)
        pair.hear(pair.answer())


def test_an_answer_that_comes_twice_counts_once():
    pair = steady()
    frame = pair.answer()
    pair.hear(frame)
    pair.hear(frame)
    assert pair.was_short == 3 and len(pair.short.file) == 4 * STEP
    pair.hear(pair.answer())
    assert len(pair.short.file) == 5 * STEP


def test_an_answer_that_comes_twice_before_the_next_request_went_out():
    pair = steady()
    frame = pair.answer()
    for rig in (pair.short, pair.whole):
        rig.send = lambda: None
    pair.hear(frame)
    pair.hear(frame)
    assert pair.was_short == 3 and len(pair.short.file) == 4 * STEP


def test_a_server_that_answers_in_another_profile():
    pair = Pair()
    for _ in range(4):
        frame = bytearray(pair.answer())
        frame[10:12] = b"\x09\x01"
        pair.hear(bytes(frame))
    assert pair.short.asked[-1].head[10:12] == b"\x09\x01" and pair.was_short > 0


def test_a_file_whose_offsets_need_four_bytes():
    rig = Rig(max_data_size=STEP).downloading(2, size=1 << 24)
    assert len(rig.file) == 2 * STEP and not rig.client.download.steady


def test_whatever_comes_in_between():
    query = b"\x00\x07\x00\x04\x00"
    others = (
        aps(notify()),
        aps(notify(), source=OTHER),
        aps(notify(), broadcast=True),
        aps(query, cluster=BASIC),
        aps(query, cluster=BASIC, profile=0x0109),
        aps(query, cluster=BASIC, source=OTHER),
        aps(offer()),
        aps(wait_for_data(0, 1)),
        aps(wait_for_data(0, 1, 250)),
        aps(b"\x19\x03\x05\x95"),
        aps(b"\x18\x05\x0b\x03\x81"),
        b"",
    )
    for other in others:
        pair = steady()
        answer = pair.answer()
        pair.hear(other)
        pair.hear(answer)
        for _ in range(4):
            if pair.short.asked[-1].command == 3:
                pair.hear(pair.answer())
            pair.pass_time(1100)
        pair.pass_time(200000)


def test_a_lost_answer_and_the_late_one():
    pair = steady()
    late = pair.answer()
    pair.pass_time(4000)
    assert len(pair.short.asked) == 5
    pair.hear(late)
    pair.hear(pair.answer())
    assert pair.was_short == 2 and len(pair.short.file) == 5 * STEP
    pair.hear(pair.answer())
    pair.hear(pair.answer())
    assert pair.was_short > 2


def test_a_boundary_shortens_a_request():
    pair = steady()
    for limit in (7, 1, 1000):
        pair.short.limit = pair.whole.limit = limit
        pair.hear(pair.answer())
        assert pair.short.asked[-1].size == min(limit, STEP)


def test_an_answer_that_comes_before_its_request_went_out_is_no_pattern():
    """Found by the explorer: there was no request yet to be sent again but for its offset."""
    rig = Rig(max_data_size=STEP)
    rig.query()
    rig.send = lambda: None
    rig.hear(offer())
    rig.hear(block(0, IMAGE[:STEP]))
    assert rig.client.waiting == ss.BLOCK and len(rig.file) == STEP
    del rig.send
    rig.send()
    assert rig.take().head[4:6] == b"\x00\x00" and rig.endpoint.put_request(bytearray(128)) == 0


def test_settings_that_have_no_short_way():
    for settings in (
        {"request_node_address": 1},
        {"request_block_period": 1},
        {"page_size": 5 * STEP},
        {"minimum_block_period": 100},
    ):
        pair = Pair(**settings)
        for _ in range(4):
            pair.hear(pair.answer())
            pair.pass_time(100)
        assert pair.was_short == 0, settings
