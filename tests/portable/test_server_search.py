"""The server is silent: the client looks for it again, and takes another one by the rules only."""

import struct

from firmware_agent.protocol import states
from tests.portable.scripted import BLOCK_REQUEST, HOUR, QUERY, Rig, block_status, gaps, notify, wait_for_data

MATCH, MATCH_ANSWER = 0x0006, 0x8006
EUI64_ANSWER = 0x8001
SERVER, OTHER = 0x0000, 0x4321
HUB, STRANGER = b"\x11" * 8, b"\x22" * 8


class Search(Rig):
    """``questions``: the ZDO frames that the device sent."""

    def __init__(self, **settings):
        Rig.__init__(self, server_errors=settings.pop("server_errors", 10), **settings)
        self.questions = []
        self.tsn = 0  # of the last search

    def send(self):
        """As the agent does it: a request, then a question."""
        Rig.send(self)
        out = bytearray(64)
        length = self.endpoint.put_question(out)
        if length:
            if struct.unpack_from("<H", out, 8)[0] == MATCH:
                self.tsn = out[12]
            self.questions.append(bytes(out[:length]))

    def zdo(self, cluster, payload, source=SERVER, tsn=None):
        """An answer to a question."""
        if tsn is None:
            tsn = self.tsn if cluster == MATCH_ANSWER else 0
        payload = bytes([tsn]) + payload
        self.hear(payload, cluster=cluster, source=source, source_endpoint=0, endpoint=0, profile=0)

    def matches(self, source, endpoints=b"\x05", tsn=None, status=0, address=None):
        head = struct.pack("<BHB", status, source if address is None else address, len(endpoints))
        self.zdo(MATCH_ANSWER, head + endpoints, source, tsn)

    def tells(self, source, eui64, address=None):
        self.zdo(
            EUI64_ANSWER, b"\0" + eui64 + struct.pack("<H", source if address is None else address), source
        )

    @property
    def server(self):
        return self.endpoint.server_address, self.endpoint.server_endpoint

    @property
    def eui64(self):
        """Of the server, as the device knows it."""
        assert self.endpoint.eui64_of == self.endpoint.server_address
        return bytes(self.endpoint.server_eui64)


def known(**settings):
    """A download has begun, and the server told its EUI64; nothing asked yet is left to see."""
    rig = Search(**settings)
    rig.downloading()
    rig.hear(wait_for_data(0, 0))
    rig.tells(SERVER, HUB)
    assert rig.eui64 == HUB
    rig.asked.clear()
    rig.questions.clear()
    return rig


def searching(**settings):
    """The server of known() went away, and the client has just asked who else there is."""
    rig = known(**settings)
    lose(rig)
    rig.asked.clear()
    return rig


def lose(rig):
    while not rig.questions or struct.unpack_from("<H", rig.questions[-1], 8)[0] != MATCH:
        rig.pass_time(500)


def source_of(request):
    return struct.unpack_from("<H", request.head, 4)[0], request.head[7]


# rule: server-search
def test_ten_unanswered_requests_lead_to_a_search_by_broadcast():
    rig = known()
    lose(rig)
    assert len(rig.asked) == 10 and {request.command for request in rig.asked} == {BLOCK_REQUEST}
    (question,) = rig.questions
    assert question[1] == 1 and struct.unpack_from("<HHBBHH", question, 2) == (0x1234, 0xFFFD, 0, 0, MATCH, 0)
    assert question[13:] == b"\xfd\xff\x04\x01\x01\x19\x00\x00"
    assert rig.state == states.IDLE and rig.client.download.offset == 0


def test_each_answer_begins_the_count_anew():
    for answer in (wait_for_data(0, 0), notify(), b"\x18\x09\x0b\x03\x00"):
        rig = known()
        rig.pass_time(50000)
        assert rig.client.unanswered > 5
        rig.hear(answer)
        assert rig.client.unanswered == 0 and not rig.questions


def test_what_strangers_say_does_not_count_as_the_server():
    rig = known()
    rig.pass_time(50000)
    before = rig.client.unanswered
    for frame, broadcast in ((block_status(0x95), False), (notify(9, 100), True), (notify(0, 0), True)):
        rig.hear(frame, source=OTHER, broadcast=broadcast)
        assert rig.client.unanswered == before > 5


# rule: server-search-paced
def test_nobody_answers():
    rig = known()
    rig.pass_time(24 * HOUR)
    requests = len(rig.asked)
    assert requests // 10 - 1 <= len(rig.questions) <= requests // 10 + 1
    assert len(rig.questions) < 2 * 24 + 10, "once for each back-off, which goes up to an hour"
    assert rig.server == (SERVER, 1) and rig.client.download.size == 1000
    rig.asked.clear()
    rig.pass_time(2 * HOUR)
    assert {source_of(request) for request in rig.asked} == {(SERVER, 1)}, "it goes on asking its own"


# rule: server-coordinator
def test_coordinator_is_taken_at_its_word():
    rig = Search()
    rig.hear(notify(), source=OTHER, source_endpoint=9)
    assert rig.server == (OTHER, 9)
    rig.questions.clear()
    lose(rig)
    rig.asked.clear()
    rig.matches(SERVER, b"\x03\x01")
    assert rig.server == (SERVER, 3) and rig.client.unanswered == 0
    rig.pass_time(32001)
    assert source_of(rig.take()) == (SERVER, 3)


def test_server_that_is_where_it_was_is_left_to_its_silence():
    rig = searching()
    due = rig.client.poll_timeout()
    rig.matches(SERVER, b"\x01")
    assert rig.client.unanswered == 10 and rig.client.poll_timeout() == due and rig.quiet()


# rule: server-same-eui64
def test_server_under_another_address_is_known_by_its_eui64():
    rig = searching()
    rig.matches(OTHER)
    assert rig.questions[-1][12:] == rig.questions[-1][12:13] + b"\x21\x43\x00\x00" and rig.server == (
        SERVER,
        1,
    )
    assert struct.unpack_from("<HBBH", rig.questions[-1], 4) == (OTHER, 0, 0, 0x0001)
    rig.tells(OTHER, HUB)
    assert rig.server == (OTHER, 5) and rig.eui64 == HUB
    rig.pass_time(32001)
    request = rig.take()
    assert request.command == QUERY and source_of(request) == (OTHER, 5)


def test_download_goes_on_at_its_offset_with_the_server_that_was_found():
    rig = known()
    for _ in range(3):
        rig.pass_time(3000)
        rig.asked = rig.asked[-1:]
        rig.answer()
    offset = rig.client.download.offset
    assert offset == 189
    rig.asked.clear()
    lose(rig)
    rig.matches(OTHER)
    rig.tells(OTHER, HUB)
    rig.asked.clear()
    rig.pass_time(32001)
    rig.on_offer = "go on"
    assert rig.take().command == QUERY
    rig.hear(b"\x19\x02\x02\x00" + rig.client.image + struct.pack("<I", 1000), source=OTHER)
    assert rig.take().offset == offset == rig.client.download.offset


# rule: server-others
def test_another_server_is_taken_only_if_the_setting_allows_it():
    for allowed in (False, True):
        rig = searching(other_servers=allowed)
        rig.matches(OTHER)
        rig.tells(OTHER, STRANGER)
        assert rig.server == ((OTHER, 5) if allowed else (SERVER, 1))
        assert rig.client.unanswered == (0 if allowed else 10)
        assert rig.eui64 == (STRANGER if allowed else HUB)


def test_first_of_several_that_may_be_it_is_taken():
    rig = searching()
    rig.matches(0x1111)
    rig.matches(OTHER)
    for source, eui64 in ((0x1111, STRANGER), (OTHER, HUB), (0x1111, HUB)):
        rig.tells(source, eui64)
    assert rig.server == (OTHER, 5)


def test_candidate_has_one_say():
    rig = searching()
    rig.matches(OTHER)
    for eui64 in (STRANGER, HUB):
        rig.tells(OTHER, eui64)
    assert rig.server == (SERVER, 1)


# rule: server-hostile-answers
def test_answers_that_mean_nothing():
    rig = searching(other_servers=True)
    for answer in (
        {"endpoints": b""},
        {"endpoints": b"\x00"},
        {"endpoints": b"\xff"},
        {"status": 0x80},
        {"address": 0x1111},
        {"tsn": 0xEE},
    ):
        rig.matches(OTHER, **answer)
        assert len(rig.questions) == 1, answer
    whole = struct.pack("<BHB", 0, OTHER, 2) + b"\x05\x06"
    for length in range(len(whole)):
        rig.zdo(MATCH_ANSWER, whole[:length], OTHER)
        assert len(rig.questions) == 1, length
    rig.tells(OTHER, STRANGER)
    assert rig.server == (SERVER, 1), "it was not asked"
    rig.matches(OTHER)
    assert len(rig.questions) == 2
    rig.tells(OTHER, STRANGER, address=0x1111)
    rig.tells(0x1111, STRANGER)
    rig.tells(0x1111, STRANGER, address=OTHER)
    rig.zdo(EUI64_ANSWER, b"\0" + STRANGER, OTHER)
    rig.zdo(EUI64_ANSWER, b"\x81" + STRANGER + b"\x21\x43", OTHER)
    assert rig.server == (SERVER, 1)
    rig.tells(OTHER, STRANGER)
    assert rig.server == (OTHER, 5)


def test_nothing_is_taken_from_anybody_in_the_moment_the_server_is_back():
    """All come in one read: the next question, with which the search ends, is not due yet."""
    rig = searching(other_servers=True)
    rig.matches(OTHER)
    rig.send = lambda: None
    rig.hear(notify())
    rig.tells(OTHER, HUB)
    assert rig.server == (SERVER, 1)


def test_who_tells_its_eui64_before_it_is_asked_is_not_asked_any_more():
    rig = searching()
    send, rig.send = rig.send, lambda: None
    rig.matches(OTHER)
    rig.tells(OTHER, STRANGER)
    send()
    assert len(rig.questions) == 1, "the search alone"


def test_flood_of_answers_is_no_flood_of_questions():
    rig = searching()
    for _ in range(3):
        for address in range(0x1000, 0x1100):
            rig.matches(address)
    assert len(rig.questions) == 1 + 4
    rig = searching()
    for _ in range(4):
        rig.matches(OTHER)
    rig.matches(0x1111)
    assert len(rig.questions) == 1 + 2, "each of them once"
    rig.matches(SERVER, b"\x07")
    assert rig.server == (SERVER, 7), "there is always room for the coordinator"


def test_nothing_is_taken_from_anybody_while_the_server_answers():
    rig = known(other_servers=True)
    rig.questions.append(bytes(13))
    for _ in range(2):
        rig.matches(OTHER)
        rig.tells(OTHER, HUB)
        assert rig.server == (SERVER, 1) and len(rig.questions) == 1
    rig = searching(other_servers=True)
    rig.matches(OTHER)
    rig.hear(notify())
    assert rig.endpoint.search is None
    rig.tells(OTHER, STRANGER)
    assert rig.server == (SERVER, 1)


def test_found_server_that_is_silent_too_is_not_asked_without_a_pause():
    rig = searching(other_servers=True)
    for n in range(12):
        rig.matches(0x1000 + n)
        rig.tells(0x1000 + n, STRANGER)
        assert rig.server == (0x1000 + n, 5)
        rig.questions.clear()
        lose(rig)
    times = [request.time for request in rig.asked]
    pauses = [n for n, gap in enumerate(gaps(times)) if gap >= 29500]
    assert len(times) > 100 and max(gaps(pauses)) <= 13, "ten blocks and three queries between two back-offs"
