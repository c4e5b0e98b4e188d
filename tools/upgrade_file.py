"""The ZigBee OTA upgrade file: built strictly, read from any bytes at all.

Two layouts carry a Manufacturer Image. GBCS puts it right behind the header; zigpy and
zigbee-herdsman expect elements (tag, length, data) and get it in one of tag 0x0000.
"""

import struct
from dataclasses import dataclass, field

from firmware_agent.reject import MALFORMED_FILE, SIZE_MISMATCH, Rejected
from tools.envelope import Identity

MAGIC = b"\x1e\xf1\xee\x0b"
HEADER_VERSION = 0x0100
STACK_VERSION = 0x0002  # ZigBee PRO
HEADER_MAXIMUM = 69
HAS_CREDENTIAL = 0x0001
HAS_DESTINATION = 0x0002
HAS_HARDWARE = 0x0004

TAG_UPGRADE_IMAGE = 0x0000
TAG_TELINK = 0xF000
ELEMENT_NAMES = {
    0x0000: "upgrade image",
    0x0001: "ECDSA signature, suite 1",
    0x0002: "ECDSA certificate, suite 1",
    0x0003: "image integrity code",
    0x0004: "picture data",
    0x0005: "ECDSA signature, suite 2",
    0x0006: "ECDSA certificate, suite 2",
}
_RESERVED_TAGS = range(0x0007, 0xF000)

_FIXED = struct.Struct("<4sHHHHHIH32sI")
_ELEMENT = struct.Struct("<HI")
_HARDWARE = struct.Struct("<HH")
HEADER_STRING_SIZE = 32


def build(image: bytes, identity: Identity, header_string: bytes, elements: bool) -> bytes:
    """An upgrade file around a Manufacturer Image.

    The header has a hardware range (60 bytes, field control 0x0004) where the identity has
    one, and none (56 bytes, 0x0000) where the image is for any hardware.
    """
    body = _ELEMENT.pack(TAG_UPGRADE_IMAGE, len(image)) + image if elements else image
    options = b"" if identity.hardware is None else _HARDWARE.pack(*identity.hardware)
    header_length = _FIXED.size + len(options)
    header = _FIXED.pack(
        MAGIC,
        HEADER_VERSION,
        header_length,
        0 if identity.hardware is None else HAS_HARDWARE,
        identity.manufacturer_code,
        identity.image_type,
        identity.file_version,
        STACK_VERSION,
        header_string,
        header_length + len(body),
    )
    return header + options + body


@dataclass
class Header:
    """The file's header; an option that it does not have is None."""

    header_version: int
    header_length: int
    field_control: int
    manufacturer_code: int
    image_type: int
    file_version: int
    stack_version: int
    header_string: bytes
    image_size: int
    security_credential_version: int | None = None
    destination: bytes | None = None
    hardware_min: int | None = None
    hardware_max: int | None = None


@dataclass
class Element:
    """``offset`` is that of the data in the file, behind the element's own 6 bytes."""

    tag: int
    offset: int
    length: int

    @property
    def name(self) -> str:
        return ELEMENT_NAMES.get(self.tag, "reserved" if self.tag in _RESERVED_TAGS else "manufacturer's own")


@dataclass
class UpgradeFile:
    """What can be read of a file, and the first thing that is wrong with it (None if nothing is).

    ``image``  (start, end) of the Manufacturer Image, or None if there is none to be found
    """

    header: Header | None = None
    elements: list[Element] = field(default_factory=list)
    image: tuple[int, int] | None = None
    problem: Rejected | None = None

    def found(self, number: int, detail: str) -> None:
        """Note a problem; the first one stays."""
        if self.problem is None:
            self.problem = Rejected(number, detail)


def parse(data: bytes, bare_start: bytes) -> UpgradeFile:
    """Read any bytes as an upgrade file; never raises.

    ``bare_start``  what a Manufacturer Image that stands right behind the header starts with.
                    Read as a tag it must be a reserved one, or the two layouts look alike.
    """
    file = UpgradeFile()
    start = data.find(MAGIC)
    if start < 0:
        file.found(MALFORMED_FILE, f"no ZigBee OTA header in it: {MAGIC.hex(' ')} stands nowhere")
        return file
    if start > 0:
        file.found(MALFORMED_FILE, f"the ZigBee header starts at {start}, behind other bytes: cut them off")
    _parse_header(file, data, start)
    if file.header is None:
        return file
    end = start + file.header.image_size
    if end != len(data):
        file.found(
            SIZE_MISMATCH, f"the header says {file.header.image_size} bytes, the file has {len(data) - start}"
        )
    body = start + file.header.header_length
    _parse_body(file, data, body, min(end, len(data)), bare_start)
    return file


def _parse_header(file: UpgradeFile, data: bytes, start: int) -> None:
    if len(data) - start < _FIXED.size:
        file.found(MALFORMED_FILE, f"{len(data) - start} bytes are no header: it has {_FIXED.size} at least")
        return
    _, *fixed = _FIXED.unpack_from(data, start)
    header = Header(*fixed)
    file.header = header
    if header.header_version != HEADER_VERSION:
        file.found(
            MALFORMED_FILE, f"header version 0x{header.header_version:04x}, not 0x{HEADER_VERSION:04x}"
        )
    at = start + _FIXED.size
    end = min(start + header.header_length, len(data))
    for bit, size, read in _OPTIONS:
        if header.field_control & bit:
            if at + size > end:
                file.found(
                    MALFORMED_FILE,
                    f"header length {header.header_length} has no room for field control "
                    f"0x{header.field_control:04x}",
                )
                return
            read(header, data[at : at + size])
            at += size
    if header.field_control & ~(HAS_CREDENTIAL | HAS_DESTINATION | HAS_HARDWARE):
        file.found(MALFORMED_FILE, f"field control 0x{header.field_control:04x} has reserved bits")
    if not at - start <= header.header_length <= HEADER_MAXIMUM:
        file.found(
            MALFORMED_FILE, f"header length {header.header_length}, not {at - start} to {HEADER_MAXIMUM}"
        )
    if header.header_length > header.image_size:
        file.found(MALFORMED_FILE, f"image size {header.image_size} is below the header's own length")


def _read_credential(header: Header, data: bytes) -> None:
    header.security_credential_version = data[0]


def _read_destination(header: Header, data: bytes) -> None:
    header.destination = data


def _read_hardware(header: Header, data: bytes) -> None:
    header.hardware_min, header.hardware_max = _HARDWARE.unpack(data)


_OPTIONS = (
    (HAS_CREDENTIAL, 1, _read_credential),
    (HAS_DESTINATION, 8, _read_destination),
    (HAS_HARDWARE, 4, _read_hardware),
)


def _parse_body(file: UpgradeFile, data: bytes, body: int, end: int, bare_start: bytes) -> None:
    first_tag = int.from_bytes(data[body : body + 2], "little")
    if data[body : body + len(bare_start)] == bare_start or first_tag in _RESERVED_TAGS:
        file.image = (body, end)
        return
    at = body
    while at < end:
        if end - at < _ELEMENT.size:
            telink = " (Telink's elements have 2 bytes more than ZigBee's)" if _has_telink(file) else ""
            file.found(MALFORMED_FILE, f"{end - at} bytes behind the last element, at {at}{telink}")
            break
        tag, length = _ELEMENT.unpack_from(data, at)
        at += _ELEMENT.size
        file.elements.append(Element(tag, at, length))
        if length > end - at:
            file.found(
                MALFORMED_FILE,
                f"element 0x{tag:04x} at {at - _ELEMENT.size} runs past the end: "
                f"{length} bytes, {end - at} are left",
            )
            break
        at += length
    images = [element for element in file.elements if element.tag == TAG_UPGRADE_IMAGE]
    if len(images) != 1:
        file.found(MALFORMED_FILE, f"{len(images)} elements of tag 0x0000 (upgrade image), not 1")
    if images:
        file.image = (images[0].offset, min(images[0].offset + images[0].length, end))


def _has_telink(file: UpgradeFile) -> bool:
    return any(element.tag == TAG_TELINK for element in file.elements)
