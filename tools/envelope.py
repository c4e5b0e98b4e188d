"""The signed envelope, built: the host's half of ``firmware_agent.trust``.

cbor2 does the encoding, so that the device's decoder is held against a second opinion;
labels and numbers come from the decoder's modules, so that none is typed twice.
"""

import hashlib
import uuid
from dataclasses import dataclass
from typing import Any

import cbor2

from firmware_agent.trust import envelope as outer
from firmware_agent.trust import manifest as inner
from firmware_agent.trust.anchors import Anchor
from tools.keys import Signer

# Drawn once at random; ids derived from it are ours and nobody else's.
NAMESPACE = uuid.UUID("bb98c829-3260-412c-880d-f9b6a31d6e26")


def vendor_id(manufacturer_code: int) -> bytes:
    """The SUIT vendor id of a ZigBee manufacturer code: 16 bytes, a UUID version 5."""
    return uuid.uuid5(NAMESPACE, f"manufacturer 0x{manufacturer_code:04x}").bytes


def class_id(manufacturer_code: int, image_type: int) -> bytes:
    """The SUIT class id of a manufacturer's image type: 16 bytes, a UUID version 5."""
    vendor = uuid.UUID(bytes=vendor_id(manufacturer_code))
    return uuid.uuid5(vendor, f"image type 0x{image_type:04x}").bytes


@dataclass(frozen=True)
class Identity:
    """What an image says of itself, in its manifest and in the ZigBee header alike.

    ``hardware``     (minimum, maximum) hardware version, or None for any
    ``destination``  EUI64 of the one device that it is for, 8 bytes as on the air, or None for any
    """

    manufacturer_code: int
    image_type: int
    file_version: int
    hardware: tuple[int, int] | None = None
    destination: bytes | None = None


@dataclass(frozen=True)
class Conditions:
    """What a manifest may ask of a device, and change in it; None: not that.

    ``upgrade_from``  lowest file version that it may replace
    ``expiry``        seconds from 2000-01-01 UTC until which it may be installed
    ``new_anchor``    a trust anchor that it adds
    ``revoked``       key id of one that it revokes, 8 bytes
    ``interface``     of the boot files that its payload needs
    """

    upgrade_from: int | None = None
    expiry: int | None = None
    new_anchor: Anchor | None = None
    revoked: bytes | None = None
    interface: int | None = None


UNCONDITIONAL = Conditions()


def suit_digest(digest: bytes) -> bytes:
    """A SUIT_Digest, encoded."""
    return cbor2.dumps([outer.SHA_256, digest])


def build_manifest(
    identity: Identity, sequence_number: int, payload: bytes, conditions: Conditions = UNCONDITIONAL
) -> bytes:
    """The manifest for a payload, encoded."""
    parameters: dict[int, Any] = {
        inner.VENDOR_ID: vendor_id(identity.manufacturer_code),
        inner.CLASS_ID: class_id(identity.manufacturer_code, identity.image_type),
        inner.IMAGE_DIGEST: suit_digest(hashlib.sha256(payload).digest()),
        inner.IMAGE_SIZE: len(payload),
        inner.MANUFACTURER_CODE: identity.manufacturer_code,
        inner.IMAGE_TYPE: identity.image_type,
        inner.FILE_VERSION: identity.file_version,
    }
    if identity.hardware is not None:
        parameters[inner.HARDWARE_RANGE] = list(identity.hardware)
    anchor = conditions.new_anchor
    for label, value in (
        (inner.UPGRADE_FROM, conditions.upgrade_from),
        (inner.DESTINATION, identity.destination),
        (inner.EXPIRY, conditions.expiry),
        (inner.NEW_ANCHOR, None if anchor is None else [anchor.public_key[1:], anchor.usage]),
        (inner.REVOKED, conditions.revoked),
        (inner.INTERFACE, conditions.interface),
    ):
        if value is not None:
            parameters[label] = value
    report = inner.REPORT_ALL
    shared = [
        inner.OVERRIDE_PARAMETERS,
        parameters,
        inner.VENDOR_IDENTIFIER,
        report,
        inner.CLASS_IDENTIFIER,
        report,
    ]
    common = {
        inner.COMPONENTS: [[bytes([inner.COMPONENT_ID])]],
        inner.SHARED_SEQUENCE: cbor2.dumps(shared),
    }
    install = [
        inner.OVERRIDE_PARAMETERS,
        {inner.URI: outer.PAYLOAD.decode()},
        inner.FETCH,
        report,
        inner.IMAGE_MATCH,
        report,
    ]
    return cbor2.dumps(
        {
            inner.MANIFEST_VERSION: inner.VERSION,
            inner.SEQUENCE_NUMBER: sequence_number,
            inner.COMMON: cbor2.dumps(common),
            inner.VALIDATE: cbor2.dumps([inner.IMAGE_MATCH, report]),
            inner.INVOKE: cbor2.dumps([inner.INVOKE_COMPONENT, report]),
            inner.INSTALL: cbor2.dumps(install),
        }
    )


def wrap(manifest: bytes, payload: bytes, key: Signer, algorithm: int = outer.ESP256) -> bytes:
    """Sign an encoded manifest and put it, with its payload, into an envelope."""
    # The digest covers the manifest's byte string with its head (SUIT, 8.3).
    digest = suit_digest(hashlib.sha256(cbor2.dumps(manifest)).digest())
    protected = cbor2.dumps({outer.ALGORITHM: algorithm, outer.KEY_ID: key.key_id})
    signature = key.sign(cbor2.dumps(["Signature1", protected, b"", digest]))
    sign1 = cbor2.dumps(cbor2.CBORTag(outer.SIGN1_TAG, [protected, {}, None, signature]))
    return cbor2.dumps(
        cbor2.CBORTag(
            outer.ENVELOPE_TAG,
            {
                outer.AUTHENTICATION: cbor2.dumps([digest, sign1]),
                outer.MANIFEST: manifest,
                outer.PAYLOAD.decode(): payload,
            },
        )
    )


def build(
    payload: bytes,
    identity: Identity,
    sequence_number: int,
    key: Signer,
    conditions: Conditions = UNCONDITIONAL,
) -> bytes:
    """A Manufacturer Image: the payload in its signed envelope."""
    return wrap(build_manifest(identity, sequence_number, payload, conditions), payload, key)
