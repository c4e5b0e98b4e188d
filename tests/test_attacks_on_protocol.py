"""Attacks on frames and files that worked on others, each as a test named after it.

They go over the link to a whole device (tools/fuzzing/home.py), whose flash watches every write. Each has a
guard that it is for: GUARDS takes it out, and the test must miss it.
"""

import struct
import subprocess
import sys

import crcmod.predefined
import pytest

from firmware_agent import reject
from firmware_agent.protocol import states
from firmware_agent.protocol.session import BLOCK
from firmware_agent.protocol.upgrade_file import UpgradeFile
from tests.command_line.test_inspect import DATA
from tools import layout
from tools.fuzzing.home import GEOMETRY, Home, linked
from tools.simulator import stories
from tools.simulator.explorer import remembered_signatures

NEW = stories.upgrade(stories.NEW, stories.IMAGE_SIZE)
IDENTITY = NEW[10:18]
HEADER = 56


@pytest.fixture(autouse=True)
def signatures():
    with remembered_signatures():
        yield


def say(home, zcl, cluster=0x0019):
    """A frame from the hub."""
    home.hear(linked(struct.pack("<BBHHBBHH", 1, 0, 0, 0x1234, 1, 1, cluster, 0x0104) + zcl))
    home.check()


def block(offset, data, size=None, identity=IDENTITY):
    head = b"\x19\x03\x05\x00" + identity
    return head + struct.pack("<IB", offset, len(data) if size is None else size) + data


def asked(home):
    """(offset, bytes) of the block request that is out."""
    assert home.asked[14] == 3, home.asked.hex()
    return struct.unpack_from("<IB", home.asked, 24)


WHOLE = len(NEW)


def offered(size=WHOLE, identity=IDENTITY, **ways):
    """A device that was offered a file."""
    home = Home(**ways)
    home.pass_time(3000)
    assert home.asked[14] == 1
    say(home, b"\x19\x02\x02\x00" + identity + struct.pack("<I", size))
    return home


def serve(data, blocks=200, identity=None, **ways):
    """A device that a hub served a file to, as an answer to all that it asked for."""
    home = offered(len(data), identity or bytes(data[10:18]), **ways)
    for _ in range(blocks):
        before = home.asked
        if before[14] != 3 or home.board.refusals:
            break
        offset, size = asked(home)
        say(home, block(offset, bytes(data[offset : offset + size]), identity=before[16:24]))
        if home.asked == before:
            break
    return home


def refused(home, *numbers):
    """The device refused the file for one of these reasons, and had not touched a slot."""
    assert home.board.refusals and home.board.refusals[-1] in numbers, home.board.events
    assert home.flash.writes == 0
    home.rescue()


def patched(at, new, data=NEW):
    changed = bytearray(data)
    changed[at : at + len(new)] = new
    return bytes(changed)


def test_what_is_no_attack_is_taken():
    home = serve(NEW)
    home.pass_time(100)
    assert "verified" in home.board.events and home.board.refusals == []


# Row 2: a ZigBee frame that says it is longer than it is (Philips Hue bridge).


def test_a_block_that_announces_more_than_it_brings__cve_2020_6007():
    home = offered()
    offset, size = asked(home)
    for brought in (0, 1, size - 1):
        say(home, block(offset, NEW[offset : offset + brought], size))
        assert asked(home) == (0, size) and home.client.download.offset == 0
    home.rescue()


# Row 3: a parser of what is not verified yet writes to flash.


def test_no_slot_is_written_before_the_signature__cve_2022_24936():
    home = serve(stories.spoiled_head(stories.NEW, stories.IMAGE_SIZE))
    refused(home, reject.BAD_SIGNATURE)


# Row 4: lengths in an update file that nobody bounds.


@pytest.mark.parametrize("length", [0, 9, 55, 97, 102, 0x100, 0x7FFF, 0xFFFF])
def test_a_header_of_a_length_that_cannot_be__cve_2023_4041(length):
    refused(serve(patched(6, struct.pack("<H", length))), reject.MALFORMED_FILE)


# Row 5: sums that wrap.


@pytest.mark.parametrize("size", [1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x100000000 - HEADER - 6])
def test_an_element_whose_end_wraps__cve_2023_3487(size):
    home = serve(patched(HEADER + 2, struct.pack("<I", size)))
    refused(home, reject.MALFORMED_FILE)


def test_an_element_that_ends_in_time_by_wrapping__cve_2023_3487():
    """The element's end is the file's end, but only in 32 bits."""
    parser = UpgradeFile()
    length = 0x100000000 - HEADER - 6 + 40
    data = patched(52, struct.pack("<I", 40))
    data = patched(HEADER + 2, struct.pack("<I", length), data)
    with pytest.raises(reject.Rejected):
        parser.feed(data, 0, HEADER + 6)


@pytest.mark.parametrize("offset", [0xFFFFFFFF, 0xFFFFFFC1, 0x80000000, 0x7FFFFFFF])
def test_a_block_whose_end_wraps__cve_2023_3487(offset):
    home = offered(page_size=200)
    say(home, block(offset, NEW[:63]))
    assert home.client.download.offset == 0 and home.flash.writes == 0
    home.rescue()


# Row 6: malformed frames of every kind (EmberZNet CVE-2022-24938, CVE-2026-47145 and on).


def test_every_frame_cut_at_every_byte__cve_2022_24938():
    """Behind the cut lies what an earlier frame left in the buffer: it must not be read."""
    whole = [
        b"\x19\x02\x02\x00" + IDENTITY + struct.pack("<I", len(NEW)),
        block(0, NEW[:63]),
        b"\x19\x03\x05\x97" + struct.pack("<IIH", 0, 3600, 5000),
        b"\x19\x04\x07" + IDENTITY + bytes(8),
        b"\x18\x05\x0b\x03\x81",
        b"\x10\x05\x02\x00\x00\x42\x10" + bytes(16),
        b"\x10\x05\x06\x00\x06\x00\x30" + bytes(4),
    ]
    for frame in whole:
        home = offered()
        client = home.client
        say(home, b"\x11\x09\x77" + b"\x97" + b"\xff" * 100)
        for end in range(len(frame)):
            if frame[3] == 0x97 and end in (12, 13):
                # Whole without its last field.
                continue
            say(home, frame[:end])
            assert client.state == states.DOWNLOADING and client.download.offset == 0, frame[:end]
            assert client.outstanding == BLOCK and client.poll_timeout() == 3000, frame[:end]
            assert client.download.minimum_block_period == 0, frame[:end]
        home.rescue()


# Row 11: a block longer than what was asked for (TF-M CVE-2021-43619).


@pytest.mark.parametrize("more", [1, 64, 192])
def test_a_block_longer_than_asked__cve_2021_43619(more):
    home = offered()
    offset, size = asked(home)
    say(home, block(offset, NEW[: size + more]))
    assert asked(home) == (0, size) and home.client.download.offset == 0
    home.rescue()


# Row 12: elements that overrun (TF-M CVE-2025-53022); among real files, 124 have one.


@pytest.mark.parametrize("by", [-900, -1, 1, 2, 1000])
def test_an_element_that_does_not_end_with_its_file__cve_2025_53022(by):
    length = struct.unpack_from("<I", NEW, HEADER + 2)[0]
    refused(serve(patched(HEADER + 2, struct.pack("<I", length + by))), reject.MALFORMED_FILE)


@pytest.mark.parametrize("tag", [1, 2, 3, 4, 5, 6, 0xEFFF, 0xF000, 0xF11E, 0xFFFF])
def test_an_element_of_another_kind_first__telink_and_others(tag):
    refused(serve(patched(HEADER, struct.pack("<H", tag))), reject.MALFORMED_FILE)


def test_a_second_header_is_no_element__esp_zigbee_268():
    """Its identifier makes a tag of 0xF11E, and a length of 16 MiB: both are refused."""
    inner = NEW[:HEADER] + NEW
    data = patched(52, struct.pack("<I", len(inner)), inner)
    refused(serve(data), reject.MALFORMED_FILE)


@pytest.mark.parametrize("prefix", [b"OTA:", b"NGIS" + bytes(60), bytes(1)])
def test_a_vendor_s_prefix_before_the_file(prefix):
    refused(serve(prefix + NEW, identity=IDENTITY), reject.MALFORMED_FILE)


def test_another_file_identifier__vendors_own():
    refused(serve(patched(0, b"\x1e\xf1\xee\x0c")), reject.MALFORMED_FILE)


# Row 13: a header in pieces goes past a check (TF-M CVE-2026-73063).


@pytest.mark.parametrize("size", range(1, 64))
def test_a_header_in_pieces_of_any_size_must_be_the_offered_one__cve_2026_73063(size):
    data = patched(14, struct.pack("<I", stories.NEWER))
    refused(serve(data, identity=IDENTITY, data_size=size), reject.OFFER_MISMATCH)


# Row 14: answers that nothing had asked for (Zephyr CVE-2020-10060 and others).


def test_answers_before_any_question__cve_2020_10060():
    home = Home()
    for zcl in (
        b"\x19\x02\x02\x00" + IDENTITY + struct.pack("<I", len(NEW)),
        block(0, NEW[:63]),
        block(0, b""),
        b"\x19\x03\x05\x97" + struct.pack("<II", 0, 0xFFFFFFFF),
        b"\x19\x03\x05\x95",
        b"\x19\x04\x07" + b"\xff" * 8 + bytes(8),
        b"\x18\x05\x0b\x03\x81",
    ):
        say(home, zcl)
        assert home.client.state == states.IDLE and home.board.events == []
    home.rescue()


# Row 21: a server that ignores the offset, so that byte 0 is written at offset k (esp-idf PR 17960).


def test_a_block_from_elsewhere_is_not_the_one_asked_for__esp_idf_17960():
    home = offered()
    say(home, block(0, NEW[:63]))
    offset, size = asked(home)
    assert offset == 63
    for other in (0, 62, 64, 126, len(NEW) - size):
        say(home, block(other, NEW[other : other + size]))
        assert asked(home) == (offset, size) and home.client.download.offset == offset
    home.rescue()


def test_blocks_without_bytes_never_count__herdsman_past_the_end():
    home = offered()
    question = home.asked
    for _ in range(50):
        say(home, block(0, b"") + bytes(5))
        assert home.asked == question and home.client.download.offset == 0
    home.pass_time(3000)
    assert home.client.tries == 1, "no progress, so a try in vain"
    home.rescue()


# Row 22: defaults that allow everything (Silicon Labs: downgrades on, signatures off).


def test_with_default_settings_a_hub_cannot_bring_an_old_version_back__silabs_defaults():
    refused(serve(stories.upgrade(stories.OLDER, stories.IMAGE_SIZE)), reject.ROLLBACK)


# Row 23: another device's firmware under this one's name (zigbee-OTA 620, ZigbeeTLc 186).


@pytest.mark.parametrize(
    "identity", [struct.pack("<HHI", *one) for one in ((0x1234, 0x0085, 9), (0x1233, 0x0084, 9))]
)
def test_another_device_s_file_is_not_even_asked_for__zigbee_ota_620(identity):
    home = offered(identity=identity)
    assert home.asked[14] == 1 and home.client.state == states.IDLE
    home.rescue()


@pytest.mark.parametrize("name", ["dcc_sr11_1_esme.ota", "dcc_sr11_4_ppmid.ota"])
def test_the_dcc_s_samples_under_our_name_are_refused(name):
    """Real files: their headers are whole, their images are not signed for this device."""
    data = patched(10, IDENTITY, (DATA / name).read_bytes())
    refused(serve(data), reject.MALFORMED_FILE, reject.MALFORMED_ENVELOPE)


# Row 24: a file larger than there is room for (AWS OTA 476).


@pytest.mark.parametrize("size", [GEOMETRY.slot_units * GEOMETRY.erase_size + 200, 1 << 24, 0xFFFFFFFF])
def test_a_file_that_cannot_fit_is_not_begun__aws_ota_476(size):
    home = offered(size)
    assert home.asked[14] == 1 and home.client.state == states.IDLE
    home.rescue()


# Row 25: more than a device has room for in one frame (Legrand, herdsman-converters 6193).


def test_more_than_a_reply_holds__legrand_6193():
    home = offered()
    for command in (0x00, 0x02, 0x03, 0x06, 0x08):
        for filling in (
            b"\x04\x00",
            b"\x05\x00",
            b"\x00\x40",
            b"\x04\x00\x42\xff",
            b"\x00\x04\x00\x20\x00\x00\x00\x00",
        ):
            for cluster in (0x0000, 0x0019):
                say(home, b"\x10\x05" + bytes((command,)) + (filling * 250)[:490], cluster)
    say(home, block(0, bytes(400), 0xFF))
    assert asked(home)[0] == 0 and len(home.agent.updater.endpoint.reply) == 128
    home.rescue()


def test_frames_longer_than_the_link_allows__legrand_6193():
    home = offered()
    fcs = crcmod.predefined.mkCrcFun("x-25")
    for length in (513, 600, 5000, 100000):
        # Whole, and without a byte that is escaped.
        for filling in range(0x100):
            contents = bytes((1, 0, 0, 0, 0x34, 0x12)) + bytes((filling,)) * (length - 6)
            frame = contents + fcs(contents).to_bytes(2, "little")
            if not {0x7D, 0x7E} & set(frame):
                break
        home.hear(b"\x7e" + frame + b"\x7e")
        home.check()
    assert home.agent._receiver.dropped == 4
    home.rescue()


_DOWNLOAD = "firmware_agent/protocol/download.py"
_QUERY = "firmware_agent/protocol/image_query.py"
_FILE = "firmware_agent/protocol/upgrade_file.py"
_AGENT = "firmware_agent/updater.py"
_ACCEPTANCE = "firmware_agent/trust/acceptance.py"
_SIZES = "if length <= 0 or offset + length != self.size:"
# fmt: off
# test, with its arguments: where its guard stands, and what stands there without it
GUARDS = [
    ("a_block_that_announces_more_than_it_brings__cve_2020_6007()", _DOWNLOAD, " or end - at < ota.BLOCK_DATA_AT + size:", ":"),
    ("no_slot_is_written_before_the_signature__cve_2022_24936()", _ACCEPTANCE, "case.envelope.signature, case.hook) is not True:", "case.envelope.signature, case.hook) is None:"),
    ("a_header_of_a_length_that_cannot_be__cve_2023_4041(0xFFFF)", _FILE, "if not least <= length <= MAX_HEADER:", "if not least <= length:"),
    ("an_element_whose_end_wraps__cve_2023_3487(0xFFFFFFFF)", _FILE, _SIZES, "if False:"),
    ("an_element_that_ends_in_time_by_wrapping__cve_2023_3487()", _FILE, _SIZES, "if (offset + length) & 0xFFFFFFFF != self.size:"),
    ("a_block_whose_end_wraps__cve_2023_3487(0xFFFFFFFF)", _DOWNLOAD, "    for i in range(4):\n        if buf[at + ota.BLOCK_OFFSET_AT + i] != offset[i]:\n            return False\n", ""),
    ("every_frame_cut_at_every_byte__cve_2022_24938()", _DOWNLOAD, "        if end - at < ota.WAIT_LENGTH:\n            return zcl.MALFORMED_COMMAND\n", ""),
    ("every_frame_cut_at_every_byte__cve_2022_24938()", _DOWNLOAD, "        if end - at < 1:\n            return zcl.MALFORMED_COMMAND\n", ""),
    ("a_block_longer_than_asked__cve_2021_43619(1)", _DOWNLOAD, "if size > self._asked:", "if False:"),
    ("an_element_that_does_not_end_with_its_file__cve_2025_53022(1)", _FILE, _SIZES, "if False:"),
    ("an_element_of_another_kind_first__telink_and_others(0xF000)", _FILE, "if tag != UPGRADE_IMAGE_TAG:", "if False:"),
    ("another_file_identifier__vendors_own()", _FILE, "if u32(head, 0) != MAGIC:", "if False:"),
    ("a_header_in_pieces_of_any_size_must_be_the_offered_one__cve_2026_73063(7)", _AGENT, "file.check(self.client.image, store.offer.file_size, self._board.identity.eui64)", "pass"),
    ("answers_before_any_question__cve_2020_10060()", _QUERY, "if client.state != states.QUERYING or specific", "if specific"),
    ("a_block_from_elsewhere_is_not_the_one_asked_for__esp_idf_17960()", _DOWNLOAD, "        if buf[at + ota.BLOCK_OFFSET_AT + i] != offset[i]:\n            return False\n", "        pass\n"),
    ("blocks_without_bytes_never_count__herdsman_past_the_end()", _DOWNLOAD, "if size == 0 or end - at", "if end - at"),
    ("with_default_settings_a_hub_cannot_bring_an_old_version_back__silabs_defaults()", _ACCEPTANCE, "signed < case.device.security_counter", "False"),
    ("another_device_s_file_is_not_even_asked_for__zigbee_ota_620(struct.pack('<HHI', 0x1234, 0x0085, 9))", _QUERY, " or self.image_type != identity.image_type:", ":"),
    ("a_file_that_cannot_fit_is_not_begun__aws_ota_476(1 << 24)", _QUERY, "if client.space and self.file_size > client.space:", "if False:"),
    ("more_than_a_reply_holds__legrand_6193()", "firmware_agent/protocol/general_commands.py", "        if not _fits(out, n):\n            break\n        attribute = u16(buf, i)", "        attribute = u16(buf, i)"),
    ("frames_longer_than_the_link_allows__legrand_6193()", "hal/byte_loops.py", " and fill <= limit\n", "\n"),
]
# fmt: on
_ATTACK = """
import struct, sys
from tools.seeded_bugs import Bug, Patched
sys.meta_path.insert(0, Patched(Bug("guard", *sys.argv[2:5])))
for name in [one for one in sys.modules if one.startswith(("firmware_agent", "hal"))]:
    del sys.modules[name]
from tests import test_attacks_on_protocol as attacks
with attacks.remembered_signatures():
    eval("attacks.test_" + sys.argv[1])
"""


@pytest.mark.parametrize(
    "guard", GUARDS, ids=[guard[0].split("(")[0] + f"-{at}" for at, guard in enumerate(GUARDS)]
)
def test_without_its_guard_an_attack_is_noticed(guard):
    done = subprocess.run(
        [sys.executable, "-c", _ATTACK, *guard], capture_output=True, text=True, check=False, cwd=layout.ROOT
    )
    assert done.returncode == 1 and "Traceback" in done.stderr, done.stderr
    assert "SystemExit" not in done.stderr and "in test_" in done.stderr, done.stderr


def test_each_guard_stands_where_it_is_taken_out():
    for _, path, line, _ in GUARDS:
        assert (layout.ROOT / path).read_text().count(line) == 1, line
