"""Activation commands as a supplier sends them, GBCS CS06, signed by a key that everybody knows."""

import hashlib

from tools.keys import Signer


def command(
    key: Signer,
    image_hash: bytes,
    eui64: bytes,
    counter: int = 1000,
    when: bytes = b"",
    originator: bytes = bytes.fromhex("90b3d51f30010000"),
    **changed: bytes,
) -> bytes:
    """From its 0xDF to the end of its signature. ``eui64``: of the device, as on the air; ``when``: 15 bytes.

    ``changed``: parts that are something else: kind, code, payload_counter, date_length,
    recipient_length.
    """
    number = (counter.bit_length() // 8 + 1) or 1
    payload_counter = changed.get("payload_counter", counter.to_bytes(number, "big"))
    inner = b"\x04\x20" + image_hash + bytes([2, len(payload_counter)]) + payload_counter
    if when:
        inner += b"\x18" + changed.get("date_length", bytes([len(when)])) + when
    payload = bytes([0x30, len(inner)]) + inner
    signed = b"\x09" + changed.get("kind", b"\x01") + counter.to_bytes(8, "big")
    signed += b"\x08" + originator + changed.get("recipient_length", b"\x08") + eui64[::-1]
    signed += b"\x00\x02" + changed.get("code", b"\x00\x12") + bytes([len(payload)]) + payload
    return b"\xdf" + signed + b"\x40" + key.sign(signed)


def hash_of(image: bytes) -> bytes:
    """The Manufacturer Image Hash."""
    return hashlib.sha256(image).digest()
