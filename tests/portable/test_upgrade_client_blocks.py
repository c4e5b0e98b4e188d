"""The upgrade client's blocks: answers that are none, and servers that stop."""

from firmware_agent.protocol import session as ss
from firmware_agent.protocol import states
from tests.portable.scripted import (
    BLOCK,
    BLOCK_REQUEST,
    END,
    IMAGE,
    NEW,
    OLD,
    QUERY,
    Identity,
    Rig,
    block,
    block_status,
    default_response,
    notify,
    offer,
)


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
