"""Why a device takes an image or refuses it, rule by rule, for a person.

The judge is the device's own: its file parser, each rule of ``firmware_agent.trust.acceptance.RULES`` in
its order, and the slot verifier. Here they go on after the first refusal, so that a person sees all of
what is wrong at once; the device stops there, and its reason is the first one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from firmware_agent import reject
from firmware_agent.protocol.upgrade_file import UpgradeFile
from firmware_agent.reject import MALFORMED_FILE, SIZE_MISMATCH, Rejected
from firmware_agent.store.facts import Device
from firmware_agent.trust import acceptance
from firmware_agent.trust.acceptance import Case, eui64_text
from firmware_agent.trust.anchors import unpack, usage_text
from firmware_agent.trust.verifier import SlotVerifier
from tools import zigbee_time

PASSED = "passed"
REFUSED = "refused"
SKIPPED = "left out"  # the device cannot judge it, and goes on
NOT_JUDGED = "not judged"  # an earlier rule left nothing to judge

FILE_RULE = "upgrade file"
PAYLOAD_RULE = "payload"

_NEEDS_ENVELOPE = ("known key", "digest", "manifest")
_NEEDS_SIGNER = ("test key", "key usage", "signature")
_BEFORE_THE_MANIFEST = ("envelope", "trust anchor", *_NEEDS_ENVELOPE, *_NEEDS_SIGNER)


@dataclass(frozen=True)
class Finding:
    """One rule's verdict. ``reason`` is a name of reject.py where it is REFUSED, else ""."""

    rule: str
    verdict: str
    reason: str
    detail: str


def explain(data: bytes, device: Device) -> list[Finding]:
    """Judge any bytes at all as this device would; never raises."""
    file = UpgradeFile()
    findings = [_judge(FILE_RULE, lambda: _parse(file, data), lambda: _file_text(file))]
    if not file.ready:
        rest = [name for name, _, _ in acceptance.RULES] + [PAYLOAD_RULE]
        return findings + [Finding(name, NOT_JUDGED, "", "there is no image to look at") for name in rest]
    image = data[file.image_offset :]
    case = Case(image, len(image), file.image_length, file, device)
    for name, judge, _ in acceptance.RULES:
        findings.append(_judge_rule(name, judge, case))
    findings.append(_judge_payload(case, image))
    return findings


def refusal(findings: list[Finding]) -> Finding | None:
    """The one that the device reports: the first."""
    return next((finding for finding in findings if finding.verdict == REFUSED), None)


def as_json(findings: list[Finding]) -> list[dict]:
    """The ``rules`` of ``hanota inspect --explain --json``."""
    return [
        {
            "rule": finding.rule,
            "verdict": finding.verdict,
            "reason": finding.reason or None,
            "detail": finding.detail,
        }
        for finding in findings
    ]


def device_fields(device: Device) -> dict:
    """Who was asked, for a person: the ``device`` of ``--json``."""
    return {
        "manufacturer_code": f"0x{device.manufacturer_code:04x}",
        "image_type": f"0x{device.image_type:04x}",
        "hardware_version": device.hardware_version,
        "eui64": None if device.eui64 is None else eui64_text(device.eui64),
        "file_version": None if device.file_version is None else f"0x{device.file_version:08x}",
        "security_counter": device.security_counter,
        "slot_size": device.slot_size,
        "interfaces": list(device.interfaces),
        "time": None if device.time is None else zigbee_time.text(device.time),
        "built_for_test": device.for_test,
        "trust_anchors": [
            {"key_id": anchor.key_id.hex(), "usage": usage_text(anchor.usage)}
            for anchor in unpack(device.anchors).entries
        ],
    }


def _judge(rule: str, judge: Callable[[], None], passed: Callable[[], str]) -> Finding:
    try:
        judge()
    except Rejected as found:
        text = reject.text(found.number)
        detail = f"{text} ({found.detail})" if found.detail else text
        return Finding(rule, REFUSED, reject.name(found.number), detail)
    return Finding(rule, PASSED, "", passed())


def _parse(file: UpgradeFile, data: bytes) -> None:
    file.feed(data, 0, len(data))
    if not file.ready:
        raise Rejected(MALFORMED_FILE, f"{len(data)} bytes end before the Manufacturer Image")
    if file.size != len(data):
        raise Rejected(SIZE_MISMATCH, f"the header says {file.size} bytes, the file has {len(data)}")


def _file_text(file: UpgradeFile) -> str:
    layout = "in an element" if file.image_offset > file.header_length else "behind the header"
    return f"{file.size} bytes, the image {layout}"


def _judge_rule(name: str, judge: Callable[[Case], None], case: Case) -> Finding:
    if name in _NEEDS_ENVELOPE and case.envelope is None:
        return Finding(name, NOT_JUDGED, "", "the envelope does not decode")
    if name in _NEEDS_SIGNER and case.signer is None:
        return Finding(name, NOT_JUDGED, "", "the key is not known")
    if name not in _BEFORE_THE_MANIFEST and case.manifest is None:
        return Finding(name, NOT_JUDGED, "", "the manifest does not decode")
    left_out = len(case.unchecked)
    finding = _judge(name, lambda: judge(case), lambda: _TEXTS[name](case))
    if len(case.unchecked) > left_out:
        return Finding(name, SKIPPED, "", finding.detail)
    return finding


def _judge_payload(case: Case, image: bytes) -> Finding:
    manifest = case.manifest
    if manifest is None:
        return Finding(PAYLOAD_RULE, NOT_JUDGED, "", "the manifest does not decode")

    def read(offset: int, buf: memoryview) -> None:
        part = image[offset : offset + len(buf)]
        if len(part) < len(buf):
            raise Rejected(SIZE_MISMATCH, "the file ends before the payload")
        buf[:] = part

    def verify() -> None:
        check = SlotVerifier(read, manifest)
        while not check.step():
            pass

    return _judge(PAYLOAD_RULE, verify, lambda: f"SHA-256 {manifest.image_digest.hex()[:16]}… as signed")


def _optional(value, text: str) -> str:
    return "the image does not ask for it" if value is None else text


def _expiry_text(case: Any) -> str:
    expiry = case.manifest.expiry
    if expiry is None:
        return "it does not expire"
    until = f"until {zigbee_time.text(expiry)}"
    if case.device.time is None:
        return f"{until}; this device does not know the time"
    return f"{until}, it is {zigbee_time.text(case.device.time)}"


def _change_text(case: Any) -> str:
    new, revoked = case.manifest.new_anchor, case.manifest.revoked
    parts = []
    if new is not None:
        parts.append(f"adds {new.key_id.hex()} for {usage_text(new.usage)}")
    if revoked is not None:
        parts.append(f"revokes {revoked.hex()}")
    return ", ".join(parts) or "the image changes none"


def _range(lowest: int, highest: int) -> str:
    return f"{lowest}" if lowest == highest else f"{lowest} to {highest}"


def _running(case: Case) -> str:
    running = case.device.file_version
    return "nothing runs yet" if running is None else f"0x{running:08x} runs"


# What there is to say where a rule has passed.
_TEXTS: dict[str, Callable[[Any], str]] = {
    "envelope": lambda case: f"{case.envelope.head_length} bytes before the payload",
    "trust anchor": lambda case: f"the device has {len(case.anchors.entries)}",
    "known key": lambda case: f"key id {case.signer.key_id.hex()}",
    "test key": lambda case: (
        "a test key, on a device built for test"
        if case.signer.for_test()
        else "it is none that everybody knows"
    ),
    "key usage": lambda case: f"it is for {usage_text(case.signer.usage)}",
    "digest": lambda case: f"{case.envelope.digest.hex()[:16]}… is the manifest's",
    "signature": lambda case: f"good for {case.signer.key_id.hex()}",
    "manifest": lambda case: "version 1, the profile's keys and commands",
    "vendor id": lambda case: "the device's",
    "class id": lambda case: "the device's",
    "manufacturer code": lambda case: f"0x{case.manifest.manufacturer_code:04x} is the device's",
    "image type": lambda case: f"0x{case.manifest.image_type:04x} is the device's",
    "device": lambda case: (
        "for any device"
        if case.manifest.destination is None
        else f"{eui64_text(case.manifest.destination)} is this one"
    ),
    "hardware": lambda case: (
        f"{case.manifest.hardware_min} to {case.manifest.hardware_max}, it is {case.device.hardware_version}"
        if case.manifest.hardware_limited
        else "for any hardware"
    ),
    "interface": lambda case: _optional(
        case.manifest.interface,
        f"{case.manifest.interface}, these boot files offer {_range(*case.device.interfaces)}",
    ),
    "sequence number": lambda case: (
        f"{case.manifest.sequence_number}, the security counter is {case.device.security_counter}"
    ),
    "trust anchors": _change_text,
    "header": lambda case: "it says what the manifest says",
    "file version": lambda case: f"0x{case.manifest.file_version:08x}, {_running(case)}",
    "upgrade pathway": lambda case: _optional(
        case.manifest.upgrade_from, f"from 0x{case.manifest.upgrade_from or 0:08x} on, {_running(case)}"
    ),
    "size": lambda case: f"{case.manifest.payload_length} bytes, as signed",
    "slot": lambda case: f"{case.image_length} bytes, a slot has {case.device.slot_size}",
    "expiry": _expiry_text,
}
