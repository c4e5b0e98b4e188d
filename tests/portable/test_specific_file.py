"""A device-specific file in the client: asked for, fetched; what a hub may do wrong with it."""

import struct

from firmware_agent.protocol import session as ss
from firmware_agent.protocol import states
from tests.portable.scripted import (
    BLOCK_REQUEST,
    END,
    HOUR,
    NO_IMAGE,
    NOW,
    OLD,
    QUERY,
    SIZE,
    Rig,
    block,
    block_status,
    default_response,
    end_response,
    notify,
    offer,
    wait_for_data,
)
from tests.portable.specific_file import (
    CONFIGURATION,
    CONTENTS,
    EUI64,
    FILE,
    SPECIFIC,
    VERSION,
    asking,
    contents,
    file_block,
    file_of,
    file_offer,
)

HEAP = "1M"


def fetching(data=FILE, **settings):
    rig = asking(**settings)
    rig.take()
    rig.hear(file_offer(len(data)))
    assert rig.state == states.DOWNLOADING
    return rig


def fetched(rig, data=FILE):
    """Serve blocks until something else is asked; that request."""
    while rig.asked and rig.asked[0].command == BLOCK_REQUEST:
        rig.hear(file_block(rig.take(), data))
    return rig.take()


def told(rig):
    """The application was told, once, that there is no file, and the client is where it was."""
    return rig.actions.count(ss.FETCHED) == 1 and contents(rig) is None and rig.client.base == ss.NOTHING


# rule: specific-request
def test_request_names_device_type_and_the_version_that_runs():
    request = asking().take()
    assert request.command == SPECIFIC and request.frame[12] == 0x01
    assert request.payload == EUI64 + struct.pack("<HHIH", 0x1234, CONFIGURATION, OLD, 2)


# rule: specific-fetched
def test_file_is_fetched_by_block_requests_and_handed_over():
    rig = fetching()
    first = rig.asked[0]
    assert first.payload[1:9] == struct.pack("<HHI", 0x1234, CONFIGURATION, VERSION) and first.offset == 0
    request = fetched(rig)
    assert bytes(contents(rig)) == CONTENTS and rig.client.file.file_version == VERSION
    assert (
        rig.actions.count(ss.FETCHED) == 1 and ss.WRITE not in rig.actions and ss.OFFERED not in rig.actions
    )
    assert request.command == END and request.payload == b"\x00" + first.payload[1:9]


# rule: specific-never-applied
def test_nothing_is_applied_whatever_is_answered():
    for answer in (end_response(0, 0), end_response(NOW, NOW + 5), default_response(END, 0)):
        rig = fetching()
        fetched(rig)
        rig.hear(answer)
        assert rig.state == states.IDLE and rig.client.base == ss.NOTHING and rig.quiet()
        assert ss.REFUSED not in rig.actions and rig.actions.count(ss.FETCHED) == 1
        rig.hear(end_response(0, 0))
        assert rig.state == states.IDLE and rig.take_reply()[-1] == 0x96


def test_end_that_nobody_answers_is_not_repeated_for_ever():
    rig = fetching(end_tries=3)
    fetched(rig)
    rig.pass_time(60000)
    assert [request.command for request in rig.asked] == [END, END] and rig.state == states.IDLE


# rule: specific-query-period
def test_next_query_for_firmware_comes_when_it_was_due():
    rig = Rig(specific_file_size=512, query_period=10 * HOUR)
    rig.query()
    rig.hear(NO_IMAGE)
    due = rig.client.poll_timeout()
    assert rig.client.fetch(CONFIGURATION)
    rig.send()
    rig.take()
    rig.pass_time(1000)
    rig.hear(file_offer())
    fetched(rig)
    rig.hear(end_response(0, 0))
    assert rig.client.poll_timeout() == due
    rig.pass_time(due)
    assert rig.take().command == QUERY


# rule: specific-refused
def test_hub_without_such_a_file():
    answers = [file_offer(status=status)[:4] for status in (0x98, 0x7E, 0x01, 0x97)]
    answers += [default_response(SPECIFIC, status) for status in (0x81, 0x80, 0x01)]
    for answer in answers:
        rig = asking()
        rig.take()
        rig.hear(answer)
        assert rig.state == states.IDLE and told(rig) and rig.quiet(), answer


def test_default_response_that_refuses_nothing():
    rig = asking()
    rig.take()
    for answer in (default_response(SPECIFIC, 0), default_response(QUERY, 0x81), default_response(3, 0x81)):
        rig.hear(answer)
        assert rig.state == states.QUERYING and not rig.actions


# rule: specific-offer-checked
def test_offers_that_are_not_what_was_asked_for():
    for answer, status in (
        (file_offer(manufacturer=0x4321), 0x85),
        (file_offer(image_type=0xFFC0), 0x85),
        (file_offer(image_type=0x0084), 0x85),
        (file_offer(size=0), 0x85),
        (file_offer(size=513), 0x89),
        (file_offer(size=0xFFFFFFFF), 0x89),
    ):
        rig = asking()
        rig.take()
        rig.hear(answer)
        assert rig.take_reply()[-3:] == bytes([0x0B, 9, status]), answer
        assert rig.state == states.IDLE and told(rig) and rig.quiet()


def test_cut_answers_are_malformed_and_the_request_is_repeated():
    for cut in (3, 4, 15):
        rig = asking()
        first = rig.take()
        rig.hear(file_offer()[:cut])
        assert rig.take_reply()[-1] == 0x80 and rig.state == states.QUERYING
        rig.pass_time(3000)
        second = rig.take()
        assert second.payload == first.payload and second.tsn != first.tsn


def test_answers_to_another_question_mean_nothing():
    rig = asking()
    rig.take()
    for frame in (offer(), NO_IMAGE, block(0, FILE[:10]), block_status(0x95)):
        rig.hear(frame)
        assert rig.state == states.QUERYING and not rig.actions and rig.quiet()
    rig = Rig(specific_file_size=512)
    for frame in (file_offer(), file_offer(status=0x98)[:4]):
        rig.hear(frame)
        assert rig.state == states.IDLE and not rig.actions and rig.quiet()
    rig.query()
    ignored = rig.client.ignored
    rig.hear(file_offer())
    assert rig.state == states.QUERYING and rig.client.ignored == ignored + 1


def test_unanswered_request_is_given_up():
    rig = asking(query_tries=3)
    rig.pass_time(30000)
    assert [request.command for request in rig.asked] == [SPECIFIC] * 3
    assert rig.state == states.IDLE and told(rig)


def test_lost_blocks_are_asked_for_again_and_too_many_end_it():
    rig = fetching(block_tries=4)
    rig.hear(file_block(rig.take()))
    offset = rig.asked[0].offset
    assert offset == 63
    rig.pass_time(10000)
    assert {request.offset for request in rig.asked} == {offset} and len(rig.asked) == 3
    rig.hear(file_block(rig.asked.pop()))
    rig.asked = rig.asked[-1:] if rig.asked[-1].offset > offset else rig.asked
    rig.pass_time(HOUR)
    assert told(rig) and rig.state == states.IDLE and rig.client.base == ss.NOTHING


def test_wait_and_abort_are_obeyed():
    rig = fetching()
    rig.take()
    rig.hear(wait_for_data(0, 60, 500))
    assert rig.client.download.minimum_block_period == 500
    rig.pass_time(59999)
    assert rig.quiet()
    rig.pass_time(1)
    assert rig.take().offset == 0
    rig.hear(block_status(0x95))
    assert rig.state == states.IDLE and told(rig) and rig.quiet()
    assert rig.client.download.minimum_block_period == 0


def test_blocks_of_another_file_mean_nothing():
    rig = fetching()
    request = rig.take()
    for frame in (
        file_block(request, image_type=0xFFC0),
        block(0, FILE[:63], version=VERSION),
        block(1, FILE[1:64], version=VERSION, image_type=CONFIGURATION),
        block(0, b"", version=VERSION, image_type=CONFIGURATION),
    ):
        rig.hear(frame)
        assert rig.quiet() and rig.client.download.offset == 0


# rule: specific-header
def test_files_that_are_not_for_this_device():
    for data in (
        file_of(destination=b""),
        file_of(destination=b"\x09" + EUI64[1:]),
        file_of(image_type=0xFFC0),
        file_of(size=60),
        file_of(magic=0x0BEEF11F),
        file_of(length=0),
        file_of(length=9),
        file_of(length=56),
        file_of(length=97),
        file_of(length=0xFFFF),
        FILE[:55],
        FILE[:1],
    ):
        rig = fetching(data)
        request = fetched(rig, data)
        assert request.command == END and request.status == 0x96 and contents(rig) is None
        assert rig.actions.count(ss.FETCHED) == 1
        rig.hear(end_response(0, 0))
        assert rig.state == states.IDLE and rig.client.base == ss.NOTHING and told(rig)


# rule: specific-firmware-first
def test_notify_ends_it_and_firmware_is_asked_for():
    rig = fetching()
    rig.hear(file_block(rig.take()))
    rig.hear(notify())
    rig.hear(file_block(rig.take()))
    assert rig.take().command == QUERY and told(rig)
    rig.hear(offer())
    assert rig.take().command == BLOCK_REQUEST and rig.client.download.size == SIZE
    assert rig.actions.count(ss.FETCHED) == 1


def test_notify_of_a_version_like_that_of_the_file_is_about_firmware():
    rig = fetching()
    rig.hear(notify(3, 100, struct.pack("<HHI", 0x1234, 0x0084, VERSION)), broadcast=True)
    rig.hear(file_block(rig.take()))
    assert rig.take().command == QUERY


def test_notify_while_it_is_asked_for():
    for answer in (file_offer(), file_offer(status=0x98)[:4]):
        rig = asking()
        rig.take()
        rig.hear(notify())
        rig.hear(answer)
        assert not rig.client.fetch(CONFIGURATION)
        rig.pass_time(1)
        assert rig.take().command == QUERY and told(rig)


def test_not_while_there_is_firmware_or_a_request():
    for rig in (
        Rig(specific_file_size=512).downloading(1),
        Rig(specific_file_size=512).verifying(),
        Rig(specific_file_size=512).ending(),
        Rig(specific_file_size=512).waiting(),
        Rig(specific_file_size=512).reporting(),
    ):
        rig.asked.clear()
        state = rig.state
        assert not rig.client.fetch(CONFIGURATION)
        rig.send()
        assert rig.quiet() and rig.state == state
    rig = Rig(specific_file_size=512)
    rig.query()
    assert not rig.client.fetch(CONFIGURATION)
    rig = Rig(specific_file_size=512).downloading(1)
    rig.hear(block_status(0x95))
    assert rig.state == states.IDLE and not rig.client.fetch(CONFIGURATION)


# rule: specific-off
def test_off_unless_a_board_wants_it():
    rig = Rig()
    assert not rig.client.fetch(CONFIGURATION) and rig.client.file is None
    rig.hear(file_offer())
    assert rig.state == states.IDLE and not rig.actions


def test_attributes_meanwhile():
    rig = fetching()
    rig.hear(file_block(rig.take()))
    client = rig.client
    assert client.upgrade_status() == 1 and client.downloaded_file_version() == 0xFFFFFFFF
    rig.hear(b"\x18\x07\x00\x01\x00\x08\x00")
    values = rig.take_reply()[15:]
    assert values == b"\x01\x00\x00\x23" + struct.pack("<I", 63) + b"\x08\x00\x00\x21" + b"\xc1\xff"
    rig = asking()
    assert rig.client.upgrade_status() == 0


def test_another_one_can_be_fetched_afterwards():
    rig = fetching()
    fetched(rig)
    rig.hear(end_response(0, 0))
    assert rig.client.fetch(0xFFC0)
    rig.send()
    assert rig.take().payload[10:12] == b"\xc0\xff"
    rig.hear(file_offer())
    assert rig.take_reply()[-1] == 0x85, "the type of the one before"
    assert rig.actions.count(ss.FETCHED) == 2 and contents(rig) is None
