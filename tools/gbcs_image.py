"""An OTA Upgrade Image as the GB rules show it: the Manufacturer Image right behind a header of 60 bytes.

For meters and HCALCSs (GBCS 11.2) the supplier's part stands behind the image: ForceReplace, one byte; 0x40;
r || s, ECDSA with SHA-256 over the Manufacturer Image. For PPMIDs there is none. The DCC's published samples,
in tests/data, are of both kinds.
"""

import hashlib
from dataclasses import dataclass

from firmware_agent.protocol import upgrade_file as device
from firmware_agent.trust.envelope import key_id
from tools import keys
from tools.upgrade_file import Description

_HEADER_LENGTH = 60
_WITH_SUPPLIER = {0x0000: "ESME", 0x0001: "GSME", 0x000D: "HCALCS"}
_PPMID = 0x0084
_SIGNATURE_SIZE = 64
_TAIL_SIZE = 2 + _SIGNATURE_SIZE


@dataclass
class GbcsImage:
    """``image_hash``: GBCS's Manufacturer Image Hash, which an activation command names.

    ``force_replace`` and ``signature`` are None where no supplier's part is there; ``signed_by``: key id of
    the one that made the signature, of the keys that were given.
    """

    kind: str
    image_size: int
    image_hash: bytes
    force_replace: int | None = None
    signature: bytes | None = None
    signed_by: bytes | None = None


def describe(data: bytes, file: Description, public_keys: list[bytes]) -> GbcsImage | None:
    """What is in a file of this layout; None for any other."""
    header = file.header
    if header is None or file.elements and file.problem is None:
        return None
    if (header.header_length, header.field_control) != (_HEADER_LENGTH, device.HARDWARE_PRESENT):
        return None
    if header.image_size != len(data) or len(data) <= _HEADER_LENGTH:
        return None
    body = data[_HEADER_LENGTH:]
    tail = body[-_TAIL_SIZE:]
    if header.image_type in _WITH_SUPPLIER and len(body) > _TAIL_SIZE and tail[1] == _SIGNATURE_SIZE:
        image, signature = body[:-_TAIL_SIZE], tail[2:]
        signers = [key for key in public_keys if keys.verify(key, signature, image)]
        return GbcsImage(
            _WITH_SUPPLIER[header.image_type],
            len(image),
            hashlib.sha256(image).digest(),
            tail[0],
            signature,
            key_id(signers[0]) if signers else None,
        )
    kind = "PPMID" if header.image_type == _PPMID else _WITH_SUPPLIER.get(header.image_type, "another device")
    return GbcsImage(kind, len(body), hashlib.sha256(body).digest())


def fields(found: GbcsImage) -> dict:
    """By name, for ``hanota inspect``."""
    signed_by = None
    if found.signature is not None:
        signed_by = "no key that was given" if found.signed_by is None else found.signed_by.hex()
    return {
        "for": found.kind,
        "manufacturer_image_size": found.image_size,
        "manufacturer_image_hash": found.image_hash.hex(),
        "force_replace": found.force_replace,
        "supplier_signature": None if found.signature is None else found.signature.hex(),
        "supplier_signature_by": signed_by,
    }
