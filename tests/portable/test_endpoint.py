"""The endpoint: what is for us, who the server is, what is answered and how."""

from firmware_agent.protocol import states
from tests.portable.scripted import (
    BASIC,
    BLOCK_REQUEST,
    IMAGE,
    QUERY,
    SIZE,
    Rig,
    aps,
    block,
    block_status,
    default_response,
    notify,
    offer,
)

SMART_ENERGY = 0x0109
READ_VERSION = b"\x18\x03\x00\x02\x00"


# What is for us


def test_frames_that_are_not_for_us_are_ignored_and_counted():
    good = aps(notify())
    for frame in (
        b"",
        good[:4],
        good[:12],
        good[:13],
        good[:14],
        b"\x02" + good[1:],
        b"\x01\x02" + good[2:],
        good[:4] + b"\x35\x12" + good[6:],
        good[:7] + b"\x02" + good[8:],
        good[:7] + b"\x00" + good[8:],
        aps(b"\x02" + notify()[1:]),
        aps(b"\x03" + notify()[1:]),
        aps(b"\x04\x34\x12\x01"),
    ):
        rig = Rig()
        rig.hear_frame(frame)
        assert rig.endpoint.ignored == 1 and rig.quiet() and not rig.endpoint.heard
    rig = Rig()
    rig.hear_frame(good)
    assert rig.endpoint.ignored == 0 and rig.take().command == QUERY and rig.endpoint.heard


def test_broadcast_and_the_broadcast_endpoint_reach_us():
    rig = Rig(endpoint=11)
    rig.hear(notify(), endpoint=0xFF, broadcast=True)
    assert rig.take().command == QUERY
    rig.hear(READ_VERSION, endpoint=0xFF)
    assert rig.take_reply()[6:8] == b"\x0b\x01", "from our endpoint"


# rule: hub-reply-endpoint
def test_answers_have_the_profile_and_endpoint_of_the_asker():
    for profile in (0x0104, SMART_ENERGY):
        for source_endpoint in (1, 11, 240):
            rig = Rig(endpoint=11)
            where = {"endpoint": 11, "profile": profile, "source_endpoint": source_endpoint, "source": 0x5678}
            rig.hear(READ_VERSION, **where)
            reply = rig.take_reply()
            assert reply[:6] == b"\x01\x00\x34\x12\x78\x56"
            assert reply[6:8] == bytes([11, source_endpoint])
            assert reply[8:10] == b"\x19\x00" and reply[10] | reply[11] << 8 == profile


def test_requests_go_to_the_server_that_notified():
    """zigpy sends from the device's own endpoint number, herdsman from 1."""
    rig = Rig(endpoint=11, profile=SMART_ENERGY)
    request = rig.query()
    assert request.head == b"\x01\x00\x34\x12\x00\x00\x0b\x01\x19\x00\x09\x01", "at first the coordinator"
    rig.hear(b"\x19\x02\x02\x98", endpoint=11, profile=SMART_ENERGY)
    rig.hear(notify(), endpoint=11, source_endpoint=11)
    assert rig.take().head == b"\x01\x00\x34\x12\x00\x00\x0b\x0b\x19\x00\x04\x01"
    rig.hear(offer(), endpoint=11, source_endpoint=11)
    rig.take()
    rig.hear(notify(), endpoint=11, source_endpoint=2, source=0x4321, profile=SMART_ENERGY)
    rig.pass_time(3000)
    assert rig.take().head == b"\x01\x00\x34\x12\x21\x43\x0b\x02\x19\x00\x09\x01"


def test_broadcast_notify_that_is_dropped_names_no_server():
    rig = Rig()
    rig.dice = [50]
    rig.hear(notify(0, 1), broadcast=True, source=0x4321)
    assert rig.endpoint.server_address == 0 and rig.quiet()


def test_only_the_server_is_listened_to():
    rig = Rig().downloading(1)
    rig.take()
    for frame in (
        block(63, IMAGE[63:126]),
        block_status(0x95),
        default_response(BLOCK_REQUEST, 0x80),
    ):
        rig.hear(frame, source=0x4321)
        assert rig.quiet() and rig.state == states.DOWNLOADING and len(rig.file) == 63
    rig.hear(READ_VERSION, source=0x4321)
    rig.hear(b"\x01\x01\x04\x00\x00", source=0x4321, cluster=BASIC)
    assert len(rig.replies) == 2, "anybody may read"
    assert rig.endpoint.server_address == 0


def test_profile_of_our_own_frames_is_the_servers_last():
    rig = Rig(profile=0x0104)
    rig.hear(b"\x00\x01\x00\x04\x00", cluster=BASIC, profile=SMART_ENERGY)
    assert rig.query().head[10:] == b"\x09\x01"
    rig.hear(b"\x00\x01\x00\x04\x00", cluster=BASIC, profile=0x0104, source=0x4321)
    assert rig.endpoint.profile == SMART_ENERGY, "not anybody's"


def test_heard_is_only_what_the_server_said():
    rig = Rig()
    rig.hear(READ_VERSION, source=0x4321)
    rig.hear(b"\x01\x34\x12", cluster=0x0002, endpoint=0, profile=0, source=0x4321)
    assert not rig.endpoint.heard and len(rig.replies) == 2
    rig.hear(b"\x01\x34\x12", cluster=0x0002, endpoint=0, profile=0)
    assert rig.endpoint.heard


def test_broadcast_answers_to_requests_are_ignored():
    """Only Notify and Upgrade End Response may be broadcast."""
    rig = Rig()
    rig.query()
    rig.hear(offer(), broadcast=True)
    assert rig.quiet() and rig.state == states.QUERYING and rig.client.ignored == 1
    rig.hear(offer())
    rig.take()
    rig.hear(block(0, IMAGE[:63]), broadcast=True)
    rig.hear(block_status(0x95), broadcast=True)
    assert rig.quiet() and rig.state == states.DOWNLOADING and not rig.file and rig.client.ignored == 3


# Default Response


# rule: refusals, broadcast-no-response
def test_unknown_commands_and_clusters_are_refused_each_by_its_status():
    for zcl, cluster, reply in (
        (b"\x19\x05\x0a\x00", 0x0019, b"\x10\x05\x0b\x0a\x81"),
        (b"\x01\x05\x01\x00", 0x0019, b"\x18\x05\x0b\x01\x81"),
        (b"\x01\x05\x00", BASIC, b"\x18\x05\x0b\x00\x81"),
        (b"\x00\x05\x07\x00", BASIC, b"\x18\x05\x0b\x07\x82"),
        (b"\x00\x05\x00\x00\x00", 0x0006, b"\x18\x05\x0b\x00\xc3"),
        (b"\x05\x34\x12\x05\x01", 0x0019, b"\x1c\x34\x12\x05\x0b\x01\x83"),
        (b"\x04\x34\x12\x05\x00\x00\x00", BASIC, b"\x1c\x34\x12\x05\x0b\x00\x84"),
    ):
        rig = Rig()
        rig.hear(zcl, cluster=cluster)
        reply_frame = rig.take_reply()
        assert reply_frame[12:] == reply
        assert reply_frame[8] | reply_frame[9] << 8 == cluster
        rig.hear(zcl, cluster=cluster, broadcast=True)
        assert rig.quiet(), "never to a broadcast"


def test_refusals_are_told_although_default_responses_were_not_wanted():
    rig = Rig()
    rig.hear(b"\x19\x05\x0a\x00")
    assert rig.take_reply()[12:] == b"\x10\x05\x0b\x0a\x81"


# rule: no-answer-to-refusals
def test_default_response_is_never_answered():
    for cluster in (0x0019, BASIC, 0x0006):
        for control in (0x00, 0x08, 0x18):
            rig = Rig()
            rig.hear(bytes([control, 5, 0x0B, 0x77, 0x81]), cluster=cluster)
            rig.hear(bytes([control | 4, 0x34, 0x12, 5, 0x0B, 0x77, 0x81]), cluster=cluster)
            assert rig.quiet()


def test_responses_are_not_acknowledged_by_default_responses():
    """Not even where the server leaves the disable bit clear: herdsman stops at one to its Notify."""
    rig = Rig()
    rig.query()
    rig.hear(b"\x09" + offer()[1:])
    rig.hear(b"\x09" + block(0, IMAGE[:63])[1:])
    assert not rig.replies and len(rig.file) == 63


# Interleaving


# rule: hub-identical-requests
def test_identical_requests_are_answered_each_time():
    """zigpy's interview repeats frames with the same number, 38 ms apart."""
    rig = Rig()
    for _ in range(3):
        rig.hear(READ_VERSION)
    assert len(rig.replies) == 3 and rig.replies[0] == rig.replies[1] == rig.replies[2]
    assert rig.replies[0][12:] == b"\x10\x03\x01\x02\x00\x00\x23\x00\x00\x01\x00"


def test_reads_in_the_middle_of_a_download_do_not_disturb_it():
    rig = Rig().downloading()
    while rig.asked:
        request = rig.take()
        rig.hear(READ_VERSION)
        rig.hear(b"\x00\x04\x00\x04\x00\x05\x00", cluster=BASIC)
        assert len(rig.replies) == 2
        rig.replies.clear()
        rig.hear(block(request.offset, IMAGE[request.offset : request.offset + request.size]))
    assert len(rig.file) == SIZE


# rule: hub-only-ota
def test_nothing_but_requests_is_sent_unasked():
    """herdsman takes global frames 1, 3 and 6 on this cluster for OTA requests: no reports, no reads."""
    rig = Rig()
    sent = [rig.query()]
    rig.hear(offer())
    while rig.asked:
        sent.append(rig.answer())
    rig.client.verified(False)
    rig.send()
    sent += rig.asked
    assert len(sent) > SIZE // 63 and not rig.replies
    assert {request.frame[12] for request in sent} == {0x01}, "cluster-specific, client to server"


def test_default_response_by_broadcast_refuses_nothing():
    """Only who asked can be refused: a broadcast one must not end a download, nor a query."""
    rig = Rig().downloading(1)
    rig.hear(default_response(3, 0x81), broadcast=True)
    assert rig.state == states.DOWNLOADING and len(rig.asked) == 1
    rig.hear(default_response(3, 0x81))
    assert rig.state == states.IDLE
