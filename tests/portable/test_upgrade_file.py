"""The upgrade file's head: every split, both layouts, every way to be malformed."""

import struct

from firmware_agent.protocol.upgrade_file import UpgradeFile
from firmware_agent.reject import MALFORMED_FILE, OFFER_MISMATCH, Rejected

EUI64 = b"\x01\x02\x03\x04\x05\x06\x07\x08"
PAYLOAD = b"\xd8\x6b" + bytes(range(98))
MAGIC = 0x0BEEF11E


def upgrade_file(
    options=b"",
    control=0,
    payload=PAYLOAD,
    element=True,
    length=None,
    size=None,
    tag=0,
    element_length=None,
    magic=MAGIC,
    version=0x0100,
):
    if element:
        payload = (
            struct.pack("<HI", tag, len(payload) if element_length is None else element_length) + payload
        )
    header_length = 56 + len(options) if length is None else length
    head = struct.pack("<IHHHHHIH", magic, version, header_length, control, 0x1234, 0x0084, 0xACDCACDC, 2)
    head += b"a header string" + bytes(17)
    assert len(head) == 52
    total = 56 + len(options) + len(payload)
    return head + struct.pack("<I", total if size is None else size) + options + payload


def parsed(data, step=None, file=None):
    """The parser and the image's bytes, as the agent takes them, fed ``step`` bytes at a time."""
    file = file or UpgradeFile()
    image = b""
    step = step or len(data)
    for at in range(0, len(data), step):
        end = min(len(data), at + step)
        if not file.ready:
            at += file.feed(data, at, end - at)
            if file.ready:
                image += bytes(file.head[file.image_offset : file.fill])
        if file.ready:
            image += data[at:end]
    return file, image


def refused(data, *words):
    """It is refused, in every split at the same byte, for a reason that names ``words``."""
    texts = []
    for step in (1, 3, 7, 50, len(data)):
        try:
            parsed(data, step)
        except Rejected as refusal:
            assert refusal.number == MALFORMED_FILE
            texts.append(refusal.detail)
            continue
        raise AssertionError("accepted")
    assert len(set(texts)) == 1, texts
    for word in words:
        assert word in texts[0], texts[0]


def test_every_split_of_both_layouts():
    for element in (True, False):
        for options, control in ((b"", 0), (b"\x02" + EUI64 + b"\x01\x00\x05\x00", 7)):
            data = upgrade_file(options, control, element=element)
            for step in range(1, len(data) + 1):
                file, image = parsed(data, step)
                assert image == PAYLOAD
                assert file.image_length == len(PAYLOAD) and file.size == len(data)
                assert file.image_offset == len(data) - len(PAYLOAD)


def test_every_cut_in_two():
    for element in (True, False):
        data = upgrade_file(element=element)
        for cut in range(1, len(data)):
            file = UpgradeFile()
            taken = file.feed(data, 0, cut)
            assert taken == cut or file.ready
            file.feed(data, taken, len(data) - taken)
            assert file.ready and file.image_offset in (56, 62)


def test_header_fields():
    file, _ = parsed(upgrade_file())
    assert (file.manufacturer_code, file.image_type) == (0x1234, 0x0084)
    assert (file.file_version, file.stack_version) == (0xACDCACDC, 2)
    assert (file.header_length, file.destination) == (56, None)
    assert file.hardware_min is None and file.hardware_max is None


def test_optional_fields_are_where_the_field_control_says():
    credential, hardware = b"\x02", b"\x01\x02\x03\x04"
    for control in range(8):
        options = b""
        if control & 1:
            options += credential
        if control & 2:
            options += EUI64
        if control & 4:
            options += hardware
        file, image = parsed(upgrade_file(options, control))
        assert file.destination == (EUI64 if control & 2 else None)
        assert file.hardware_min == (0x0201 if control & 4 else None)
        assert file.hardware_max == (0x0403 if control & 4 else None)
        assert image == PAYLOAD and file.header_length == 56 + len(options)


def test_fields_of_one_file_do_not_stay_for_the_next():
    file, _ = parsed(upgrade_file(EUI64 + b"\x01\x02\x03\x04", 6))
    assert file.destination == EUI64
    file.reset()
    assert not file.ready
    parsed(upgrade_file(), file=file)
    assert file.destination is None and file.hardware_min is None and file.hardware_max is None


def test_extra_header_bytes_are_skipped():
    for extra in (1, 13, 40):
        for element in (True, False):
            file, image = parsed(upgrade_file(bytes(range(extra)), element=element), 5)
            assert file.header_length == 56 + extra and image == PAYLOAD


def test_bytes_of_the_image_are_not_taken_after_ready():
    data = upgrade_file() + b"more"
    file = UpgradeFile()
    assert file.feed(data, 0, len(data)) == 62 and file.ready
    assert file.feed(data, 62, 20) == 0


def test_feed_takes_from_the_middle_of_a_buffer():
    data = upgrade_file()
    file = UpgradeFile()
    assert file.feed(b"noise" + data + b"noise", 5, len(data)) == 62 and file.ready


# Against the offer


class Offered:
    manufacturer_code = 0x1234
    image_type = 0x0084
    file_version = 0xACDCACDC
    file_size = len(upgrade_file())


def mismatch(file, offer, eui64=EUI64):
    """The detail of the refusal, None if there is none."""
    try:
        image = struct.pack("<HHI", offer.manufacturer_code, offer.image_type, offer.file_version)
        file.check(image, offer.file_size, eui64)
    except Rejected as refusal:
        assert refusal.number == OFFER_MISMATCH
        return refusal.detail
    return None


# rule: header-checked
def test_header_must_be_that_of_the_offer():
    file, _ = parsed(upgrade_file())
    assert mismatch(file, Offered()) is None
    for name in ("manufacturer_code", "image_type", "file_version", "file_size"):
        offer = Offered()
        setattr(offer, name, getattr(offer, name) - 1)
        assert mismatch(file, offer) == "header: 0x1234 0x0084 0xacdcacdc, 162 bytes"


def test_file_for_another_device():
    file, _ = parsed(upgrade_file(EUI64, 2))
    offer = Offered()
    offer.file_size += 8
    assert mismatch(file, offer) is None
    assert mismatch(file, offer, bytes(8)) == "the file is for another device"


# Malformed


def test_wrong_file_identifier():
    refused(upgrade_file(magic=0x0BEEF11F), "file identifier", "0x0BEEF11E")
    refused(bytes(100), "file identifier")
    refused(b"Telink vendor prefix" + upgrade_file(), "file identifier")


def test_wrong_header_version():
    refused(upgrade_file(version=0x0200), "header version", "0x0200")


def test_header_shorter_than_its_fields():
    for control, options, least in ((0, b"", 56), (1, b"", 57), (2, b"", 64), (4, b"", 60), (7, b"", 69)):
        for length in (0, 10, least - 1):
            refused(upgrade_file(options, control, length=length), "header length %d" % length, str(least))


def test_header_longer_than_any():
    for length in (97, 0x8000, 0xFFFF):
        refused(upgrade_file(length=length), "header length %d" % length)


def test_first_element_of_another_tag():
    """Telink-style files begin with 0xF000; a second header inside reads as tag 0xF11E."""
    refused(upgrade_file(tag=0xF000), "tag 0xf000")
    refused(upgrade_file(tag=1), "tag 0x0001")
    refused(upgrade_file(payload=upgrade_file(), element=False), "tag 0xf11e")


# rule: hub-clipped-file
def test_element_that_ends_elsewhere_than_the_file():
    size = len(upgrade_file())
    for length in (0, 1, 99, 101, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFF - 61):
        refused(upgrade_file(element_length=length), str(size), str(62 + length))


def test_sizes_that_leave_no_room_for_the_image():
    for size in (0, 1, 55, 56, 61, 62, 100, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF):
        refused(upgrade_file(size=size), "Manufacturer Image", "the file at %d" % size)
    for size in (0, 1, 55, 56):
        refused(upgrade_file(size=size, element=False), "the file at %d" % size)


def test_further_elements_are_refused():
    """The Manufacturer Image is all there is: no integrity code, no second image."""
    more = struct.pack("<HI", 3, 16) + bytes(16)
    refused(upgrade_file(size=len(upgrade_file() + more)) + more, "Manufacturer Image ends")


def test_incomplete_head_is_never_ready():
    data = upgrade_file()
    for length in range(62):
        file = UpgradeFile()
        assert file.feed(data, 0, length) == length and not file.ready
