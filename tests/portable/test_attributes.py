"""Read Attributes of the Basic and OTA Upgrade clusters."""

import struct

from firmware_agent.protocol.attributes import dotted
from tests.portable.scripted import (
    BASIC,
    HOUR,
    IMAGE,
    NEW,
    NO_IMAGE,
    OTA,
    Identity,
    Rig,
    aps,
    end_response,
    notify,
    wait_for_data,
)

U8, U16, U32, ENUM8, STRING, EUI64 = 0x20, 0x21, 0x23, 0x30, 0x42, 0xF0


def read(rig, cluster, *attributes, control=0x10, tsn=9):
    """The records of the Read Attributes Response, as bytes."""
    wanted = b"".join([struct.pack("<H", attribute) for attribute in attributes])
    rig.hear(bytes([control, tsn, 0]) + wanted, cluster=cluster)
    reply = rig.take_reply()
    assert reply[8:10] == struct.pack("<H", cluster)
    assert reply[12] == (0x10 if control & 0x08 else 0x18) and reply[13:15] == bytes([tsn, 1])
    return reply[15:]


def value(rig, cluster, attribute):
    record = read(rig, cluster, attribute)
    assert record[:3] == struct.pack("<HB", attribute, 0)
    return record[3:]


def test_basic_attributes():
    rig = Rig()
    for attribute, expected in (
        (0x0000, b"\x20\x08"),
        (0x0001, b"\x20\x00"),
        (0x0002, b"\x20\x02"),
        (0x0003, b"\x20\x02"),
        (0x0004, b"\x42\x06hanota"),
        (0x0005, b"\x42\x07A model"),
        (0x0006, b"\x42\x0820261122"),
        (0x0007, b"\x30\x01"),
        (0x4000, b"\x42\x070.1.0.0"),
        (0xFFFD, b"\x21\x03\x00"),
    ):
        assert value(rig, BASIC, attribute) == expected


def test_firmware_version_is_written_with_dots():
    assert dotted(0x01020003) == "1.2.0.3" and dotted(0xFFFFFFFF) == "255.255.255.255"


# rule: read-attributes
def test_ota_attributes_of_an_idle_device():
    rig = Rig()
    for attribute, expected in (
        (0x0000, b"\xf0" + b"\xff" * 8),
        (0x0001, b"\x23\xff\xff\xff\xff"),
        (0x0002, b"\x23\x00\x00\x01\x00"),
        (0x0003, b"\x21\x02\x00"),
        (0x0004, b"\x23\xff\xff\xff\xff"),
        (0x0005, b"\x21\xff\xff"),
        (0x0006, b"\x30\x00"),
        (0x0007, b"\x21\x34\x12"),
        (0x0008, b"\x21\xff\xff"),
        (0x0009, b"\x21\x00\x00"),
        (0x000A, b"\x23\x01\xee\xff\xc0"),
        (0x000B, b"\x30\x00"),
        (0x000C, b"\x30\x00"),
        (0xFFFD, b"\x21\x04\x00"),
    ):
        assert value(rig, OTA, attribute) == expected


SERVER = bytes(range(8))


def question(rig):
    out = bytearray(64)
    return bytes(out[: rig.endpoint.put_question(out)])


def question_tsn(rig):
    return bytes([rig.endpoint.zdo_tsn])


def ieee_address(rig, eui64=SERVER, address=0x0000, status=0, length=12, **where):
    answer = (b"\x01" + bytes([status]) + eui64 + struct.pack("<H", address))[:length]
    rig.hear(answer, cluster=0x8001, endpoint=0, source_endpoint=0, profile=0, **where)


def test_server_s_eui64_is_asked_for_once_it_was_heard():
    rig = Rig()
    assert question(rig) == b"", "nobody was heard"
    rig.hear(notify())
    assert (
        question(rig) == bytes([1, 0, 0x34, 0x12]) + bytes(4) + b"\x01\x00\x00\x00" + b"\x01\x00\x00\x00\x00"
    )
    assert question(rig) == b"", "one question"
    rig.hear(notify(tsn=2))
    assert question(rig) == b"", "the query is still the same"
    ieee_address(rig)
    assert value(rig, OTA, 0x0000) == b"\xf0" + SERVER


# rule: server-replaced
def test_server_s_eui64_is_asked_for_again_whenever_another_may_be_at_its_address():
    """The next Communications Hub is at address 0x0000, too."""

    def next_query(rig):
        rig.hear(NO_IMAGE)
        rig.asked.clear()
        rig.query()

    def silence(rig):
        next_query(rig)
        assert len(question(rig)) == 17
        rig.pass_time(5000)
        assert question(rig)[8:10] == b"\x06\x00", "a search"
        rig.hear(NO_IMAGE)

    for happens in (next_query, silence, lambda rig: rig.endpoint.rejoined()):
        rig = Rig(query_period=HOUR, server_errors=1)
        rig.query()
        rig.hear(NO_IMAGE)
        assert len(question(rig)) == 17
        ieee_address(rig)
        for _ in range(3):
            rig.hear(NO_IMAGE)
            assert question(rig) == b""
        happens(rig)
        assert value(rig, OTA, 0x0000) == b"\xf0" + SERVER, "until it is known better"
        assert question(rig)[4:] == b"\x00\x00\x00\x00\x01\x00\x00\x00" + question_tsn(rig) + bytes(4)
        assert question(rig) == b""
        ieee_address(rig, b"\x33" * 8)
        assert value(rig, OTA, 0x0000) == b"\xf0" + b"\x33" * 8


def test_server_s_eui64_is_that_of_the_server_of_now():
    rig = Rig()
    rig.hear(notify())
    ieee_address(rig)
    rig.endpoint.server_address = 0x4321
    assert value(rig, OTA, 0x0000) == b"\xf0" + b"\xff" * 8
    assert question(rig)[4:6] == b"\x21\x43", "another server, another question"
    ieee_address(rig, bytes(8), 0x4321, source=0x4321)
    assert value(rig, OTA, 0x0000) == b"\xf0" + bytes(8)


def test_server_s_eui64_is_believed_only_from_the_server_about_itself():
    for wrong in ({"source": 0x4321}, {"address": 0x4321}, {"status": 0x81}, {"length": 11}):
        rig = Rig()
        rig.hear(notify())
        ieee_address(rig, **wrong)
        assert value(rig, OTA, 0x0000) == b"\xf0" + b"\xff" * 8, wrong


def test_ota_attributes_follow_a_download():
    rig = Rig().downloading(2)
    rig.take()
    assert value(rig, OTA, 0x0001) == struct.pack("<BI", U32, 126)
    assert value(rig, OTA, 0x0006) == b"\x30\x01" and value(rig, OTA, 0x0008) == b"\x21\x84\x00"
    rig.hear(wait_for_data(0, 0, 250))
    assert value(rig, OTA, 0x0009) == struct.pack("<BH", U16, 250)
    rig = Rig().downloading(2)
    rig.hear(notify())
    rig.answer()
    assert value(rig, OTA, 0x0001) == struct.pack("<BI", U32, 189), "also while it queries in between"
    assert value(rig, OTA, 0x0006) == b"\x30\x01"


# rule: end-success, end-countdown
def test_ota_attributes_of_a_verified_image():
    rig = Rig().verifying()
    assert value(rig, OTA, 0x0001) == struct.pack("<BI", U32, len(IMAGE))
    rig = Rig().ending()
    assert value(rig, OTA, 0x0001) == b"\x23\xff\xff\xff\xff"
    assert value(rig, OTA, 0x0004) == struct.pack("<BI", U32, NEW)
    assert value(rig, OTA, 0x0005) == b"\x21\x02\x00" and value(rig, OTA, 0x0006) == b"\x30\x02"
    rig.hear(end_response(0, 9))
    assert value(rig, OTA, 0x0006) == b"\x30\x04"


# rule: end-invalid
def test_ota_attributes_after_a_refusal():
    rig = Rig().reporting()
    assert value(rig, OTA, 0x0004) == b"\x23\xff\xff\xff\xff" and value(rig, OTA, 0x0006) == b"\x30\x00"
    assert value(rig, OTA, 0x0008) == b"\x21\xff\xff"


def test_time_out_policy_is_the_settings():
    assert value(Rig(upgrade_timeout_policy=1), OTA, 0x000C) == b"\x30\x01"
    assert value(Rig(upgrade_activation_policy=1), OTA, 0x000B) == b"\x30\x01"


# rule: hub-version-read
def test_replies_flip_the_direction():
    """zigpy reads versions with 0x18, herdsman Basic with 0x10; replies are 0x10 and 0x18."""
    rig = Rig()
    for control in (0x00, 0x10, 0x08, 0x18):
        assert read(rig, OTA, 0x0002, control=control) == b"\x02\x00\x00\x23\x00\x00\x01\x00"
        assert read(rig, BASIC, 0x0007, control=control) == b"\x07\x00\x00\x30\x01"


def test_several_attributes_are_answered_in_the_order_asked():
    rig = Rig()
    assert read(rig, BASIC, 0x0005, 0x1234, 0x0000, 0x0005) == (
        b"\x05\x00\x00\x42\x07A model"
        + b"\x34\x12\x86"
        + b"\x00\x00\x00\x20\x08"
        + b"\x05\x00\x00\x42\x07A model"
    )


def test_unknown_attributes_are_unsupported():
    rig = Rig()
    for cluster in (BASIC, OTA):
        for attribute in (0x000D, 0x0010, 0x4001, 0xFFFE):
            assert read(rig, cluster, attribute) == struct.pack("<HB", attribute, 0x86)


def test_malformed_reads():
    for payload in (b"", b"\x02", b"\x02\x00\x03"):
        rig = Rig()
        rig.hear(b"\x18\x03\x00" + payload)
        assert rig.take_reply()[12:] == b"\x10\x03\x0b\x00\x80"


def test_read_of_more_than_fits_is_answered_as_far_as_it_fits():
    rig = Rig()
    records = read(rig, BASIC, *([0x0005] * 100))
    record = b"\x05\x00\x00\x42\x07A model"
    assert len(records) % len(record) == 0 and records == record * (len(records) // len(record))
    assert 5 <= len(records) // len(record) and len(records) <= 128 - 15


def test_names_too_long_for_the_standard_are_cut():
    identity = Identity()
    identity.model = "x" * 200
    rig = Rig(identity=identity)
    assert value(rig, BASIC, 0x0005) == b"\x42\x20" + b"x" * 32
    assert len(rig.endpoint.reply) == 128


def test_read_of_every_attribute_number_is_answered():
    rig = Rig()
    for cluster in (BASIC, OTA):
        for attribute in range(0, 0x10000, 7):
            rig.hear_frame(aps(struct.pack("<BBBH", 0x10, 1, 0, attribute), cluster=cluster))
            assert rig.take_reply()[15:17] == struct.pack("<H", attribute)
