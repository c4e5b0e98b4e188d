"""What is in an upgrade file, and whether a device that it is meant for would take it.

The judgement is the device's own: its file parser, ``firmware_agent.trust.acceptance`` and the slot
verifier run here on the file's bytes. Only what a device knows of itself is not judged, so identity,
hardware, security counter and slot are those that suit the image.
"""

import uuid
from dataclasses import dataclass, field

from firmware_agent import reject
from firmware_agent.protocol import upgrade_file as device
from firmware_agent.reject import MALFORMED_FILE, NO_TRUST_ANCHOR, Rejected
from firmware_agent.store import facts
from firmware_agent.trust import acceptance, verifier
from firmware_agent.trust.anchors import ANCHORS, FIRMWARE, Anchor, Anchors, usage_text
from firmware_agent.trust.manifest import Manifest, decode
from tools import envelope, gbcs_image, upgrade_file, zigbee_time
from tools.gbcs_image import GbcsImage
from tools.upgrade_file import Element, Header

ACCEPTED = "accepted"
REFUSED = "refused"
# An OTA file that is larger is none: ZigBee would carry it for days.
SIZE_MAXIMUM = 64 * 1024 * 1024
_NO_ANCHOR = "no trust anchor"


@dataclass
class Report:
    """One file's findings. ``reason`` is "" where the verdict is ACCEPTED."""

    header: Header | None = None
    elements: list[Element] = field(default_factory=list)
    manifest: Manifest | None = None
    gbcs: GbcsImage | None = None
    verdict: str = REFUSED
    reason: str = ""


def examine(data: bytes, anchors: list[bytes]) -> Report:
    """Read and judge any bytes at all; never raises. ``anchors``: public keys, 65 bytes each, for all that a
    key can be for."""
    report = Report()
    try:
        _judge(data, anchors, report)
    except Rejected as refusal:
        report.reason = _reason(refusal, anchors)
    else:
        report.verdict = ACCEPTED
    return report


def _judge(data: bytes, anchors: list[bytes], report: Report) -> None:
    if len(data) > SIZE_MAXIMUM:
        raise Rejected(MALFORMED_FILE, f"more than {SIZE_MAXIMUM} bytes")
    file = upgrade_file.describe(data)
    report.header = file.header
    report.elements = file.elements
    report.gbcs = gbcs_image.describe(data, file, anchors)
    if file.problem is not None:
        raise file.problem
    parsed = device.UpgradeFile()
    parsed.feed(data, 0, len(data))
    if not parsed.ready:
        raise Rejected(MALFORMED_FILE, f"{len(data)} bytes end before the Manufacturer Image")
    image = data[parsed.image_offset : parsed.image_offset + parsed.image_length]
    try:
        report.manifest = decode(image, len(image))
    except Rejected:
        pass  # shown as missing; what is wrong with it is judged below, in the rules' order
    suiting = _suiting_device(report.manifest, anchors)
    accepted = acceptance.accept(image, len(image), parsed.image_length, parsed, suiting)
    check = verifier.SlotVerifier(_reader(image), accepted)
    while not check.step():
        pass


def _suiting_device(found: Manifest | None, anchors: list[bytes]) -> facts.Device:
    trusted = Anchors([Anchor(key, FIRMWARE | ANCHORS) for key in anchors])
    if found is None:  # accept will say why; what the device is does not come into it
        return facts.Device(0, 0, 0, b"", b"", 0, 0, trusted, for_test=True)
    suiting = facts.Device(
        found.manufacturer_code,
        found.image_type,
        found.hardware_min,
        envelope.vendor_id(found.manufacturer_code),
        envelope.class_id(found.manufacturer_code, found.image_type),
        found.sequence_number,
        SIZE_MAXIMUM,
        trusted,
        found.destination,
        True,
    )
    if found.interface is not None:
        suiting.interfaces = (found.interface, found.interface)
    return suiting


def _reader(image: bytes):
    def read(offset: int, buf: memoryview) -> None:
        buf[:] = image[offset : offset + len(buf)]

    return read


def _reason(refusal: Rejected, anchors: list[bytes]) -> str:
    if refusal.number == NO_TRUST_ANCHOR:
        return _NO_ANCHOR
    text = f"{reject.name(refusal.number)}: {reject.text(refusal.number)}"
    if refusal.detail:
        text += f" ({refusal.detail})"
    return text if anchors else f"{text}; also {_NO_ANCHOR}"


def as_json(name: str, report: Report) -> dict:
    """The report as ``hanota inspect --json`` prints it."""
    return {
        "file": name,
        "header": None if report.header is None else header_fields(report.header),
        "elements": [element_fields(element) for element in report.elements],
        "manifest": None if report.manifest is None else manifest_fields(report.manifest),
        "gbcs": None if report.gbcs is None else gbcs_image.fields(report.gbcs),
        "verdict": report.verdict,
        "reason": report.reason,
    }


def header_fields(header: Header) -> dict:
    """A header's fields by name: codes and versions in hex, sizes as numbers."""
    return {
        "header_version": f"0x{header.header_version:04x}",
        "header_length": header.header_length,
        "field_control": f"0x{header.field_control:04x}",
        "manufacturer_code": f"0x{header.manufacturer_code:04x}",
        "image_type": f"0x{header.image_type:04x}",
        "file_version": f"0x{header.file_version:08x}",
        "stack_version": f"0x{header.stack_version:04x}",
        "header_string": _printable(header.header_string),
        "image_size": header.image_size,
        "security_credential_version": header.security_credential_version,
        "destination": None if header.destination is None else header.destination[::-1].hex(),
        "hardware_min": header.hardware_min,
        "hardware_max": header.hardware_max,
    }


def element_fields(element: Element) -> dict:
    """An element's fields by name; ``offset`` is its data's, in the file."""
    return {
        "tag": f"0x{element.tag:04x}",
        "name": element.name,
        "offset": element.offset,
        "length": element.length,
    }


def manifest_fields(found: Manifest) -> dict:
    """A manifest's fields by name; what it does not have is null."""
    anchor = found.new_anchor
    return {
        "sequence_number": found.sequence_number,
        "vendor_id": str(uuid.UUID(bytes=found.vendor_id)),
        "class_id": str(uuid.UUID(bytes=found.class_id)),
        "manufacturer_code": f"0x{found.manufacturer_code:04x}",
        "image_type": f"0x{found.image_type:04x}",
        "file_version": f"0x{found.file_version:08x}",
        "hardware_min": found.hardware_min if found.hardware_limited else None,
        "hardware_max": found.hardware_max if found.hardware_limited else None,
        "upgrade_from": None if found.upgrade_from is None else f"0x{found.upgrade_from:08x}",
        "destination": None if found.destination is None else acceptance.eui64_text(found.destination),
        "expiry": None if found.expiry is None else zigbee_time.text(found.expiry),
        "new_anchor": None if anchor is None else f"{anchor.key_id.hex()} ({usage_text(anchor.usage)})",
        "revoked": None if found.revoked is None else found.revoked.hex(),
        "interface": found.interface,
        "image_size": found.image_size,
        "image_digest": found.image_digest.hex(),
        "payload_length": found.payload_length,
        "head_length": found.head_length,
        "digest": found.digest.hex(),
        "key_id": found.key_id.hex(),
    }


def _printable(data: bytes) -> str:
    """Text for a terminal: what follows the padding is cut, what could steer it is escaped."""
    text = data.rstrip(b"\0").decode("ascii", "backslashreplace")
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)
