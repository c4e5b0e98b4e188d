"""The ZigBee OTA upgrade file: built strictly, described from any bytes at all.

Two layouts carry a Manufacturer Image. GBCS puts it right behind the header; zigpy and
zigbee-herdsman expect elements (tag, length, data) and get it in one of tag 0x0000. What a device
makes of a file is ``firmware_agent.protocol.upgrade_file``; this describes also what it refuses.
"""

import struct
from dataclasses import dataclass, field

from firmware_agent.protocol import upgrade_file as device
from firmware_agent.reject import MALFORMED_FILE, SIZE_MISMATCH, Rejected
from tools.envelope import Identity

MAGIC = device.MAGIC.to_bytes(4, "little")
STACK_VERSION = 0x0002  # ZigBee PRO
TAG_TELINK = 0xF000
ELEMENT_NAMES = {
    device.UPGRADE_IMAGE_TAG: "upgrade image",
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


def build(image: bytes, identity: Identity, header_string: bytes, elements: bool) -> bytes:
    """An upgrade file around a Manufacturer Image.

    The header has a hardware range (4 bytes, field control 0x0004) where the identity has one, and a
    destination (8 bytes, 0x0002) where the image is for one device; without them it has 56 bytes.
    """
    body = _ELEMENT.pack(device.UPGRADE_IMAGE_TAG, len(image)) + image if elements else image
    control = 0
    options = b""
    if identity.destination is not None:
        control |= device.DESTINATION_PRESENT
        options += identity.destination
    if identity.hardware is not None:
        control |= device.HARDWARE_PRESENT
        options += _HARDWARE.pack(*identity.hardware)
    header_length = _FIXED.size + len(options)
    header = _FIXED.pack(
        MAGIC,
        device.HEADER_VERSION,
        header_length,
        control,
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
class Description:
    """What can be read of a file, and the first thing that is wrong with it (None if nothing is seen)."""

    header: Header | None = None
    elements: list[Element] = field(default_factory=list)
    problem: Rejected | None = None

    def found(self, number: int, detail: str) -> None:
        """Note a problem; the first one stays."""
        if self.problem is None:
            self.problem = Rejected(number, detail)


def describe(data: bytes) -> Description:
    """Read any bytes as an upgrade file; never raises."""
    file = Description()
    start = data.find(MAGIC)
    if start < 0:
        file.found(MALFORMED_FILE, f"no ZigBee OTA header in it: {MAGIC.hex(' ')} stands nowhere")
        return file
    if start > 0:
        file.found(MALFORMED_FILE, f"the ZigBee header starts at {start}, behind other bytes: cut them off")
    if len(data) - start < _FIXED.size:
        file.found(MALFORMED_FILE, f"{len(data) - start} bytes are no header: it has {_FIXED.size} at least")
        return file
    header = file.header = _read_header(data, start)
    end = start + header.image_size
    if end != len(data):
        file.found(
            SIZE_MISMATCH, f"the header says {header.image_size} bytes, the file has {len(data) - start}"
        )
    _read_elements(file, data, start + header.header_length, min(end, len(data)))
    return file


def _read_header(data: bytes, start: int) -> Header:
    _, *fixed = _FIXED.unpack_from(data, start)
    header = Header(*fixed)
    options = data[start + _FIXED.size : start + header.header_length]
    if header.field_control & device.CREDENTIAL_PRESENT and options:
        header.security_credential_version = options[0]
        options = options[1:]
    if header.field_control & device.DESTINATION_PRESENT and len(options) >= 8:
        header.destination = options[:8]
        options = options[8:]
    if header.field_control & device.HARDWARE_PRESENT and len(options) >= _HARDWARE.size:
        header.hardware_min, header.hardware_max = _HARDWARE.unpack_from(options)
    return header


def _read_elements(file: Description, data: bytes, at: int, end: int) -> None:
    tag = int.from_bytes(data[at : at + 2], "little")
    if tag in _RESERVED_TAGS:  # an envelope's first bytes are one, too: a Manufacturer Image stands here
        return
    while at < end:
        if end - at < _ELEMENT.size:
            telink = any(element.tag == TAG_TELINK for element in file.elements)
            hint = " (Telink's elements have 2 bytes more than ZigBee's)" if telink else ""
            file.found(MALFORMED_FILE, f"{end - at} bytes behind the last element, at {at}{hint}")
            return
        tag, length = _ELEMENT.unpack_from(data, at)
        at += _ELEMENT.size
        file.elements.append(Element(tag, at, length))
        if length > end - at:
            file.found(
                MALFORMED_FILE,
                f"element 0x{tag:04x} at {at - _ELEMENT.size} runs past the end: "
                f"{length} bytes, {end - at} are left",
            )
            return
        at += length
