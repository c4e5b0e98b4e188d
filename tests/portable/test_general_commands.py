"""General commands: what a hub may ask of a cluster, and how each refusal is told."""

import struct

from firmware_agent.protocol import attributes
from tests.portable.scripted import BASIC, OTA, Rig

READ, WRITE, UNDIVIDED, WRITE_RESPONSE, NO_RESPONSE = 0, 2, 3, 4, 5
CONFIGURE, CONFIGURE_RESPONSE, READ_REPORTING, READ_REPORTING_RESPONSE = 6, 7, 8, 9
DISCOVER, RECEIVED, GENERATED, EXTENDED = 0x0C, 0x11, 0x13, 0x15
U8, U16, U32, ENUM8, STRING, EUI64 = 0x20, 0x21, 0x23, 0x30, 0x42, 0xF0
OTA_ATTRIBUTES = (
    (0x0000, EUI64),
    (0x0001, U32),
    (0x0002, U32),
    (0x0003, U16),
    (0x0004, U32),
    (0x0005, U16),
    (0x0006, ENUM8),
    (0x0007, U16),
    (0x0008, U16),
    (0x0009, U16),
    (0x000A, U32),
    (0x000B, ENUM8),
    (0x000C, ENUM8),
    (0xFFFD, U16),
)
BASIC_ATTRIBUTES = (
    (0x0000, U8),
    (0x0001, U8),
    (0x0002, U8),
    (0x0003, U8),
    (0x0004, STRING),
    (0x0005, STRING),
    (0x0006, STRING),
    (0x0007, ENUM8),
    (0x4000, STRING),
    (0xFFFD, U16),
)
UNSUPPORTED, READ_ONLY, UNREPORTABLE, WRONG_TYPE, MALFORMED = 0x86, 0x88, 0x8C, 0x8D, 0x80
NO_SUCH = 0x1234


def ask(command, payload, cluster=OTA, answer=None, **where):
    """The answer's payload; None if nothing is said. ``answer``: the command that it must be."""
    rig = Rig()
    rig.endpoint.reply[:] = b"\xa5" * len(rig.endpoint.reply)  # what an earlier answer left
    rig.hear(bytes([0x18, 7, command]) + payload, cluster=cluster, **where)
    if not rig.replies:
        return None
    reply = rig.take_reply()
    assert reply[8:10] == struct.pack("<H", cluster)
    assert reply[12:14] == b"\x10\x07", "direction turned, same number, no Default Response wanted"
    if answer is not None:
        assert reply[14] == answer, reply[14]
    return reply[15:]


def refused(command, payload, cluster=OTA, **where):
    """The status of the Default Response."""
    said = ask(command, payload, cluster, 0x0B, **where)
    assert said[:1] == bytes([command]) and len(said) == 2
    return said[1]


def write(attribute, kind, value):
    return struct.pack("<HB", attribute, kind) + value


# Write


# rule: write-read-only
def test_every_write_is_refused_because_the_attribute_is_read_only():
    for cluster, known in ((OTA, OTA_ATTRIBUTES), (BASIC, BASIC_ATTRIBUTES)):
        for attribute, kind in known:
            value = {U8: b"\0", U16: bytes(2), U32: bytes(4), ENUM8: b"\0", STRING: b"\2ab", EUI64: bytes(8)}[
                kind
            ]
            record = write(attribute, kind, value)
            refusal = struct.pack("<BH", READ_ONLY, attribute)
            assert ask(WRITE, record, cluster, WRITE_RESPONSE) == refusal
            assert ask(UNDIVIDED, record, cluster, WRITE_RESPONSE) == refusal
            assert ask(NO_RESPONSE, record, cluster) is None


def test_a_write_changes_nothing():
    rig = Rig()
    for attribute, kind in ((0x0009, U16), (0x000B, ENUM8), (0x000C, ENUM8), (0x0002, U32)):
        size = {U16: 2, ENUM8: 1, U32: 4}[kind]
        question = b"\x18\x01\x00" + struct.pack("<H", attribute)
        rig.hear(question)
        before = rig.take_reply()
        for command in (WRITE, UNDIVIDED, NO_RESPONSE):
            rig.hear(bytes([0x18, 2, command]) + write(attribute, kind, b"\x01" * size))
        rig.replies.clear()
        rig.hear(question)
        assert rig.take_reply() == before


# rule: write-read-only
def test_writes_are_answered_record_by_record():
    payload = write(0x0009, U16, b"\x01\x00") + write(NO_SUCH, U8, b"\x01") + write(0x000C, U8, b"\x01")
    expected = struct.pack("<BHBHBH", READ_ONLY, 0x0009, UNSUPPORTED, NO_SUCH, WRONG_TYPE, 0x000C)
    for command in (WRITE, UNDIVIDED):
        assert ask(command, payload, answer=WRITE_RESPONSE) == expected
    assert ask(NO_RESPONSE, payload) is None


def test_written_values_of_every_type_are_stepped_over():
    last = write(0x0009, U16, b"\x01\x00")
    for kind, value in (
        (0x00, b""),
        (0x08, b"1"),
        (0x0F, b"12345678"),
        (0x10, b"1"),
        (0x18, b"1"),
        (0x1B, b"1234"),
        (0x1F, b"12345678"),
        (0x20, b"1"),
        (0x22, b"123"),
        (0x27, b"12345678"),
        (0x2B, b"1234"),
        (0x30, b"1"),
        (0x31, b"12"),
        (0x38, b"12"),
        (0x39, b"1234"),
        (0x3A, b"12345678"),
        (0x41, b"\x03123"),
        (0x42, b"\x00"),
        (0x42, b"\xff"),
        (0xE0, b"1234"),
        (0xE1, b"1234"),
        (0xE2, b"1234"),
        (0xE9, b"12"),
        (0xE8, b"12"),
        (0xEA, b"1234"),
        (0xF0, b"12345678"),
    ):
        said = ask(WRITE, write(NO_SUCH, kind, value) + last, answer=WRITE_RESPONSE)
        assert said == struct.pack("<BHBH", UNSUPPORTED, NO_SUCH, READ_ONLY, 0x0009), kind


def test_a_value_without_a_known_length_ends_what_can_be_answered():
    for kind in (0x07, 0x11, 0x17, 0x32, 0x48, 0x4C, 0x77, 0xDF, 0xE3, 0xFF):
        said = ask(
            WRITE, write(0x0009, kind, b"\x01\x02") + write(0x0009, U16, b"\0\0"), answer=WRITE_RESPONSE
        )
        assert said == struct.pack("<BH", WRONG_TYPE, 0x0009)


def test_malformed_writes():
    whole = write(0x0002, U32, b"\x01\x02\x03\x04")
    for command in (WRITE, UNDIVIDED, NO_RESPONSE):
        for length in range(len(whole)):
            assert refused(command, whole[:length]) == MALFORMED
        assert refused(command, whole + whole[:2]) == MALFORMED
        assert refused(command, write(0x0005, STRING, b"\x09ab"), BASIC) == MALFORMED
        assert refused(command, write(0x0005, STRING, b""), BASIC) == MALFORMED
        assert ask(command, whole[:5], broadcast=True) is None


# Reporting


def to_report(attribute, kind, change=b""):
    return struct.pack("<BHBHH", 0, attribute, kind, 1, 60) + change


# rule: report-unreportable
def test_no_attribute_can_be_reported():
    for cluster, known in ((OTA, OTA_ATTRIBUTES), (BASIC, BASIC_ATTRIBUTES)):
        for attribute, kind in known:
            change = {U8: b"\1", U16: b"\1\0", U32: b"\1\0\0\0"}.get(kind, b"")
            refusal = struct.pack("<BBH", UNREPORTABLE, 0, attribute)
            said = ask(CONFIGURE, to_report(attribute, kind, change), cluster, CONFIGURE_RESPONSE)
            assert said == refusal
            asked = struct.pack("<BH", 0, attribute)
            assert ask(READ_REPORTING, asked, cluster, READ_REPORTING_RESPONSE) == refusal


def test_reporting_records_are_answered_one_by_one():
    payload = to_report(0x0006, ENUM8) + to_report(NO_SUCH, U16, b"\1\0") + to_report(0x0001, U16, b"\1\0")
    payload += struct.pack("<BHH", 1, 0x0001, 60)
    expected = struct.pack("<BBHBBH", UNREPORTABLE, 0, 0x0006, UNSUPPORTED, 0, NO_SUCH)
    expected += struct.pack("<BBHBBH", WRONG_TYPE, 0, 0x0001, UNSUPPORTED, 1, 0x0001)
    assert ask(CONFIGURE, payload, answer=CONFIGURE_RESPONSE) == expected
    payload = struct.pack("<BHBHBH", 0, 0x0006, 0, NO_SUCH, 1, 0x0006)
    expected = struct.pack("<BBHBBH", UNREPORTABLE, 0, 0x0006, UNSUPPORTED, 0, NO_SUCH)
    expected += struct.pack("<BBH", UNSUPPORTED, 1, 0x0006)
    assert ask(READ_REPORTING, payload, answer=READ_REPORTING_RESPONSE) == expected


def test_only_analog_types_have_a_reportable_change():
    last = to_report(0x0006, ENUM8)
    analog = {0x38: 2, 0x39: 4, 0x3A: 8, 0xE0: 4, 0xE1: 4, 0xE2: 4}
    for n in range(8):
        analog[0x20 + n] = analog[0x28 + n] = n + 1
    for kind in range(256):
        payload = to_report(NO_SUCH, kind, b"\x77" * analog.get(kind, 0)) + last
        said = ask(CONFIGURE, payload, answer=CONFIGURE_RESPONSE)
        assert said == struct.pack("<BBHBBH", UNSUPPORTED, 0, NO_SUCH, UNREPORTABLE, 0, 0x0006), kind


def test_malformed_reporting():
    whole = to_report(0x0001, U32, b"\1\0\0\0")
    for length in range(len(whole)):
        assert refused(CONFIGURE, whole[:length]) == MALFORMED
    assert refused(CONFIGURE, b"\x02" + whole[1:]) == MALFORMED, "a direction that is none"
    assert refused(CONFIGURE, struct.pack("<BH", 1, 0x0001)) == MALFORMED
    for payload in (b"", b"\0", b"\0\6", b"\0\6\0\0"):
        assert refused(READ_REPORTING, payload) == MALFORMED


# Discovery


def test_discovery_tells_every_attribute_and_its_type():
    for cluster, known in ((OTA, OTA_ATTRIBUTES), (BASIC, BASIC_ATTRIBUTES)):
        records = b"".join([struct.pack("<HB", attribute, kind) for attribute, kind in known])
        extended = b"".join([struct.pack("<HBB", attribute, kind, 0x01) for attribute, kind in known])
        for command, all_of_them in ((DISCOVER, records), (EXTENDED, extended)):
            assert ask(command, b"\0\0\xff", cluster, command + 1) == b"\x01" + all_of_them
            size = len(all_of_them) // len(known)
            for most in range(len(known) + 1):
                complete = bytes([most == len(known)])
                said = ask(command, bytes([0, 0, most]), cluster, command + 1)
                assert said == complete + all_of_them[: most * size]
            assert ask(command, b"\7\0\xff", cluster, command + 1) == b"\x01" + all_of_them[7 * size :]
            assert ask(command, b"\xfe\xff\xff", cluster, command + 1) == b"\x01"


# rule: discovery
def test_what_discovery_tells_is_what_can_be_read():
    out = bytearray(64)
    rig = Rig()
    for cluster in attributes.READERS:
        read = attributes.READERS[cluster]
        readable = [n for n in range(0x10000) if read(rig.endpoint, n, out, 0)]
        assert readable == list(attributes.IDS[cluster])


# rule: discovery
def test_discovery_of_commands():
    received, generated = commands_that_mean_something(), sorted(requests_of_a_whole_update())
    for command, commands in ((RECEIVED, received), (GENERATED, generated)):
        assert ask(command, b"\0\xff", answer=command + 1) == b"\x01" + bytes(commands)
        assert ask(command, b"\0\1", answer=command + 1) == b"\x00" + bytes(commands[:1])
        assert ask(command, bytes([commands[0] + 1, 0xFF]), answer=command + 1) == b"\x01" + bytes(
            commands[1:]
        )
        assert ask(command, b"\0\0", answer=command + 1) == b"\x00"
        assert ask(command, b"\xff\x10", answer=command + 1) == b"\x01"
        assert ask(command, b"\0\xff", BASIC, command + 1) == b"\x01", "Basic has none"


def commands_that_mean_something():
    """Cluster commands from the server that are not refused as unknown."""
    known = []
    for command in range(256):
        rig = Rig()
        rig.hear(bytes([0x19, 1, command]))
        if not rig.replies or rig.take_reply()[12:] != bytes([0x10, 1, 0x0B, command, 0x81]):
            known.append(command)
    return known


def requests_of_a_whole_update():
    rig = Rig()
    commands = {rig.query().command}
    rig = Rig().downloading()
    commands.add(rig.take().command)
    commands.add(Rig(page_size=512).downloading().take().command)
    commands.add(Rig().ending().take().command)
    rig = Rig(specific_file_size=100)
    assert rig.client.fetch(0xFFC1)
    rig.send()
    commands.add(rig.take().command)
    return commands


def test_malformed_discovery():
    for command in (DISCOVER, EXTENDED):
        for payload in (b"", b"\0", b"\0\0"):
            assert refused(command, payload) == MALFORMED
    for command in (RECEIVED, GENERATED):
        for payload in (b"", b"\0"):
            assert refused(command, payload) == MALFORMED


# All of them


# rule: refusals
def test_other_general_commands_are_unsupported():
    known = (READ, WRITE, UNDIVIDED, NO_RESPONSE, CONFIGURE, READ_REPORTING)
    known += (0x0B, DISCOVER, RECEIVED, GENERATED, EXTENDED)
    for cluster in (OTA, BASIC):
        for command in range(256):
            if command not in known:
                assert refused(command, b"\0\0\0\0", cluster) == 0x82
                assert ask(command, b"\0\0\0\0", cluster, broadcast=True) is None


def test_answers_never_outgrow_their_buffer():
    many = write(NO_SUCH, U8, b"\1") * 100
    for command, payload in (
        (READ, b"\x05\x00" * 200),
        (WRITE, many),
        (UNDIVIDED, many),
        (CONFIGURE, to_report(0x0006, ENUM8) * 50),
        (READ_REPORTING, b"\0\6\0" * 120),
    ):
        said = ask(command, payload, BASIC)
        assert 40 < len(said) <= 128 - 15
    assert ask(NO_RESPONSE, many) is None


def test_general_commands_are_answered_in_the_middle_of_a_download():
    rig = Rig().downloading(1)
    rig.take()
    for command, payload in (
        (WRITE, write(0x0009, U16, b"\0\0")),
        (DISCOVER, b"\0\0\xff"),
        (RECEIVED, b"\0\xff"),
    ):
        rig.hear(bytes([0x18, 1, command]) + payload)
        assert rig.take_reply()[14] in (WRITE_RESPONSE, DISCOVER + 1, RECEIVED + 1)
    assert not rig.asked and rig.client.ignored == 0
