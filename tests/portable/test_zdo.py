"""The ZigBee Device Object: what a hub's interview asks on endpoint 0."""

import struct

from tests.portable.scripted import Identity, Rig

NWK, IEEE, NODE, POWER, SIMPLE, ACTIVE, ANNOUNCE = 0, 1, 2, 3, 4, 5, 0x0013
EUI64 = Identity.eui64
MINE = b"\x34\x12"


def ask(cluster, payload, rig=None, **where):
    """The answer's ZDO frame, None if there is none; checks its APS header."""
    rig = rig or Rig(endpoint=11)
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
    assert ask(SIMPLE, MINE + b"\x01") == b"\x82" + MINE + b"\x00"


def test_simple_descriptor_has_the_profile_of_the_server():
    rig = Rig(endpoint=11, profile=0x0109)
    assert ask(SIMPLE, MINE + b"\x0b", rig)[5:7] == b"\x09\x01"


def test_address_requests():
    addresses = b"\x00" + EUI64 + MINE
    assert ask(NWK, EUI64 + b"\x00\x00") == addresses
    assert ask(NWK, EUI64 + b"\x00\x00", broadcast=True) == addresses
    assert ask(IEEE, MINE + b"\x00\x00") == addresses


def test_search_for_another_device_is_not_answered():
    assert ask(NWK, b"\x09" * 8 + b"\x00\x00") is None
    assert ask(NWK, EUI64[:7]) is None
    assert ask(IEEE, b"\x35\x12\x00\x00") is None
    assert ask(IEEE, b"\x34") is None


def test_question_about_another_device():
    for cluster, payload in ((NODE, b""), (POWER, b""), (ACTIVE, b""), (SIMPLE, b"\x0b")):
        assert ask(cluster, b"\x35\x12" + payload) == b"\x81\x35\x12"
        assert ask(cluster, b"\x35\x12" + payload, broadcast=True) is None


def test_short_and_unknown_questions():
    for cluster in (NODE, POWER, ACTIVE, SIMPLE):
        for payload in (b"", b"\x34"):
            assert ask(cluster, payload) == b"\x80"
            assert ask(cluster, payload, broadcast=True) is None
    assert ask(SIMPLE, MINE) == b"\x84"
    assert ask(0x0031, MINE) == b"\x84"
    assert ask(0x0036, MINE, broadcast=True) is None


def test_responses_and_announcements_of_others_are_not_answered():
    for cluster in (ANNOUNCE, 0x8000, 0x8002, 0x8005, 0xFFFF):
        assert ask(cluster, MINE + EUI64 + b"\x8e") is None


def test_same_question_is_answered_again():
    rig = Rig(endpoint=11)
    assert ask(ACTIVE, MINE, rig) == ask(ACTIVE, MINE, rig)


def test_device_announce():
    rig = Rig(endpoint=11)
    out = bytearray(64)
    numbers = []
    for _ in range(300):
        length = rig.endpoint.put_announce(out)
        assert length == 24
        assert out[:12] == b"\x01\x01\x34\x12\xfd\xff\x00\x00\x13\x00\x00\x00"
        assert out[13:length] == MINE + EUI64 + b"\x8c"
        numbers.append(out[12])
    assert numbers[:2] == [1, 2] and numbers[254:257] == [255, 0, 1]
