"""The ZigBee Device Object: what a hub's interview asks on endpoint 0."""

import struct

from tests.portable.scripted import Identity, Rig

NWK, IEEE, NODE, POWER, SIMPLE, ACTIVE, MATCH, ANNOUNCE, LEAVE = 0, 1, 2, 3, 4, 5, 6, 0x0013, 0x0034
STAY, GO, GO_AND_REJOIN = 0, 1, 2
EUI64 = Identity.eui64
MINE = b"\x34\x12"


def ask(cluster, payload, rig=None, **where):
    """The answer's ZDO frame, None if there is none; checks its APS header."""
    rig = rig or Rig(endpoint=11)
    rig.endpoint.reply[:] = b"\xa5" * len(rig.endpoint.reply)  # what an earlier answer left
    rig.hear(b"\x2a" + payload, cluster=cluster, endpoint=0, source_endpoint=0, profile=0, **where)
    if not rig.replies:
        return None
    reply = rig.take_reply()
    assert reply[:8] == b"\x01\x00\x34\x12\x00\x00\x00\x00"
    assert reply[8:12] == struct.pack("<HH", cluster | 0x8000, 0)
    assert reply[12] == 0x2A, "the request's sequence number"
    return reply[13:]


def test_node_descriptor():
    descriptor = b"\x02\x40\x8c\x34\x12\x52\x00\x02\x00\x2c\x00\x02\x00"
    assert ask(NODE, MINE) == b"\x00" + MINE + descriptor


def test_power_descriptor():
    assert ask(POWER, MINE) == b"\x00" + MINE + b"\x10\xc1"


def test_active_endpoints():
    assert ask(ACTIVE, MINE) == b"\x00" + MINE + b"\x01\x0b"


def test_simple_descriptor():
    descriptor = b"\x0b\x04\x01\x02\x05\x00\x01\x00\x00\x01\x19\x00"
    assert ask(SIMPLE, MINE + b"\x0b") == b"\x00" + MINE + bytes([len(descriptor)]) + descriptor


def test_simple_descriptor_of_an_endpoint_that_is_not_there():
    for endpoint, status in ((1, 0x83), (10, 0x83), (0xF0, 0x83), (0, 0x82), (0xF1, 0x82), (0xFF, 0x82)):
        assert ask(SIMPLE, MINE + bytes([endpoint])) == bytes([status]) + MINE + b"\x00"


def test_simple_descriptor_has_the_profile_of_the_server():
    rig = Rig(endpoint=11, profile=0x0109)
    assert ask(SIMPLE, MINE + b"\x0b", rig)[5:7] == b"\x09\x01"


def test_address_requests():
    addresses = b"\x00" + EUI64 + MINE
    assert ask(NWK, EUI64 + b"\x00\x00") == addresses
    assert ask(NWK, EUI64 + b"\x00\x00", broadcast=True) == addresses
    assert ask(IEEE, MINE + b"\x00\x00") == addresses


def test_address_requests_in_their_extended_form_tell_that_there_are_no_children():
    assert ask(NWK, EUI64 + b"\x01\x00") == b"\x00" + EUI64 + MINE + b"\x00"
    assert ask(IEEE, MINE + b"\x01\x00") == b"\x00" + EUI64 + MINE + b"\x00"


def test_address_requests_of_a_type_that_is_none():
    for kind in (b"\x02\x00", b"\xff\x00", b""):
        assert ask(NWK, EUI64 + kind) == b"\x80" + EUI64 + MINE
        assert ask(IEEE, MINE + kind) == b"\x80" + EUI64 + MINE
        assert ask(NWK, EUI64 + kind, broadcast=True) is None


def test_search_for_another_device_is_answered_only_where_the_device_itself_was_asked():
    other = b"\x09" * 8
    assert ask(NWK, other + b"\x00\x00") == b"\x81" + other + b"\xff\xff"
    assert ask(NWK, other + b"\x00\x00", broadcast=True) is None
    assert ask(IEEE, b"\x35\x12\x00\x00") == b"\x81" + b"\xff" * 8 + b"\x35\x12"
    assert ask(IEEE, b"\x35\x12\x00\x00", broadcast=True) is None
    for cluster, short in (
        (NWK, EUI64),
        (NWK, EUI64[:7]),
        (NWK, b""),
        (IEEE, MINE),
        (IEEE, b"\x34"),
        (IEEE, b""),
    ):
        assert ask(cluster, short) == b"\x80" + EUI64 + MINE
        assert ask(cluster, short, broadcast=True) is None


def test_question_about_another_device():
    """An end device speaks for nobody else: an invalid request, with a count of nothing where one belongs."""
    for cluster, payload, rest in (
        (NODE, b"", b""),
        (POWER, b"", b""),
        (ACTIVE, b"", b"\0"),
        (SIMPLE, b"\x0b", b"\0"),
    ):
        assert ask(cluster, b"\x35\x12" + payload) == b"\x80\x35\x12" + rest
        assert ask(cluster, b"\x35\x12" + payload, broadcast=True) is None


def test_short_and_unknown_questions():
    for cluster, rest in ((NODE, b""), (POWER, b""), (ACTIVE, b"\0"), (SIMPLE, b"\0"), (MATCH, b"\0")):
        for payload in (b"", b"\x34"):
            assert ask(cluster, payload) == b"\x80" + MINE + rest
            assert ask(cluster, payload, broadcast=True) is None
    assert ask(SIMPLE, MINE) == b"\x80" + MINE + b"\0"
    for cluster in (0x0010, 0x0021, 0x0031):
        assert ask(cluster, MINE) == b"\x84"
    assert ask(0x0036, MINE, broadcast=True) is None


# Match descriptors


def match(interest=MINE, profile=0x0104, servers=(), clients=()):
    lists = b""
    for clusters in (servers, clients):
        lists += bytes([len(clusters)]) + b"".join([struct.pack("<H", cluster) for cluster in clusters])
    return interest + struct.pack("<H", profile) + lists


FOUND = b"\x00" + MINE + b"\x01\x0b"
NOT_FOUND = b"\x00" + MINE + b"\x00"


def test_match_descriptors_find_our_server_and_our_client():
    for found in (
        match(servers=(0x0000,)),
        match(servers=(0x0006, 0x0000)),
        match(clients=(0x0019,)),
        match(servers=(0x0003, 0x0019), clients=(0x0000, 0x0019)),
        match(profile=0xFFFF, clients=(0x0019,)),
        match(b"\xfd\xff", clients=(0x0019,)),
        match(b"\xf8\xff", clients=(0x0019,)),
    ):
        assert ask(MATCH, found) == FOUND
        assert ask(MATCH, found, broadcast=True) == FOUND


def test_match_descriptors_without_a_match():
    for other in (
        match(),
        match(servers=(0x0019,)),
        match(clients=(0x0000, 0x0020)),
        match(profile=0x0109, clients=(0x0019,)),
    ):
        assert ask(MATCH, other) == NOT_FOUND
        assert ask(MATCH, other, broadcast=True) is None
        assert ask(MATCH, b"\xff\xff" + other[2:]) is None, "who searches all hears only who matches"


def test_match_descriptors_for_another_device_or_cut_short():
    assert ask(MATCH, match(b"\x35\x12", clients=(0x0019,))) == b"\x80\x35\x12\x00"
    assert ask(MATCH, match(b"\xf7\xff", clients=(0x0019,))) == b"\x80\xf7\xff\x00", "no broadcast address"
    assert ask(MATCH, match(b"\x35\x12", clients=(0x0019,)), broadcast=True) is None
    whole = match(servers=(0x0006,), clients=(0x0019,))
    for length in range(len(whole)):
        assert ask(MATCH, whole[:length]) == b"\x80" + MINE + b"\x00"
        assert ask(MATCH, whole[:length], broadcast=True) is None
    assert ask(MATCH, whole[:4] + b"\xff" + whole[5:]) == b"\x80" + MINE + b"\x00"


# Leave


def test_coordinator_sends_the_device_off_the_han():
    for subject in (EUI64, bytes(8)):
        for flags, wish in ((0x00, GO), (0x40, GO), (0x7F, GO), (0x80, GO_AND_REJOIN), (0xC0, GO_AND_REJOIN)):
            rig = Rig(endpoint=11)
            assert rig.endpoint.leave == STAY
            assert ask(LEAVE, subject + bytes([flags]), rig) == b"\x00"
            assert rig.endpoint.leave == wish


def test_nobody_else_sends_the_device_off_the_han():
    whole = EUI64 + b"\x00"
    for payload, where, status in (
        (whole, {"source": 0x5678}, b"\x8d"),
        (b"\x09" * 8 + b"\x00", {}, b"\xc8"),
        (whole[:8], {}, b"\x80"),
        (b"", {}, b"\x80"),
    ):
        rig = Rig(endpoint=11)
        rig.hear(b"\x2a" + payload, cluster=LEAVE, endpoint=0, source_endpoint=0, profile=0, **where)
        assert rig.take_reply()[12:] == b"\x2a" + status
        assert rig.endpoint.leave == STAY
    rig = Rig(endpoint=11)
    assert ask(LEAVE, whole, rig, broadcast=True) is None
    assert rig.endpoint.leave == STAY, "never by broadcast"


def test_responses_and_announcements_of_others_are_not_answered():
    for cluster in (ANNOUNCE, 0x8000, 0x8002, 0x8005, 0x8034, 0xFFFF):
        assert ask(cluster, MINE + EUI64 + b"\x8e") is None


def test_same_question_is_answered_again():
    rig = Rig(endpoint=11)
    assert ask(ACTIVE, MINE, rig) == ask(ACTIVE, MINE, rig)


def test_device_announce():
    rig = Rig(endpoint=11)
    out = bytearray(64)
    for number in range(1, 300):
        length = rig.endpoint.put_announce(out)
        assert length == 24
        assert out[:12] == b"\x01\x01\x34\x12\xfd\xff\x00\x00\x13\x00\x00\x00"
        assert out[12] == number & 0xFF
        assert out[13:length] == MINE + EUI64 + b"\x8c"
