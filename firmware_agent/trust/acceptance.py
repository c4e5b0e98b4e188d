"""Every rule by which an image is accepted, in their order. Pure: bytes in, a Manifest or a refusal out.

All of it is decided on the envelope's head, before the first erase. The order:

- The envelope keeps to its bounds and decodes as far as its signature
  (MALFORMED_ENVELOPE, UNSUPPORTED_MANIFEST).
- There is a trust anchor (NO_TRUST_ANCHOR), and the signer's key is one (UNKNOWN_KEY).
- The declared digest is this manifest's, and the signature over it is good (BAD_SIGNATURE).
  From here on every value comes from signed bytes.
- The manifest has the profile's version, keys and commands, in its order (UNSUPPORTED_MANIFEST,
  MALFORMED_ENVELOPE).
- Vendor id (WRONG_VENDOR), then class id (WRONG_CLASS), are the device's.
- Manufacturer code (WRONG_MANUFACTURER), then image type (WRONG_IMAGE_TYPE), are the device's.
- The device's hardware version lies in the range, if there is one (WRONG_HARDWARE).
- The sequence number is not below the security counter (ROLLBACK); equal is a re-install.
- The file's ZigBee header says what the manifest says: manufacturer code, image type, file
  version, hardware range (HEADER_MISMATCH). This rule alone may be left out: at boot there
  is only the slot, which does not keep the header.
- The payload is as long as the manifest says and ends with the image (SIZE_MISMATCH), and the
  image fits the slot (TOO_LARGE).

What is left is the payload itself: ``verifier.SlotVerifier``, once it is stored.
"""

from hashlib import sha256

from firmware_agent.reject import (
    BAD_SIGNATURE,
    HEADER_MISMATCH,
    NO_TRUST_ANCHOR,
    ROLLBACK,
    SIZE_MISMATCH,
    TOO_LARGE,
    UNKNOWN_KEY,
    WRONG_CLASS,
    WRONG_HARDWARE,
    WRONG_IMAGE_TYPE,
    WRONG_MANUFACTURER,
    WRONG_VENDOR,
    Rejected,
)
from firmware_agent.trust import p256
from firmware_agent.trust.envelope import Envelope, key_id
from firmware_agent.trust.manifest import Manifest


class Device:
    """What an image is compared with.

    ``manufacturer_code``, ``image_type``, ``hardware_version``  u16, as in ZigBee
    ``vendor_id``, ``class_id``  16 bytes each
    ``security_counter``  the lowest sequence number that is still accepted
    ``slot_size``         bytes that a slot can hold of a Manufacturer Image
    ``anchors``           list of public keys, 65 bytes each, 04 || x || y
    """

    def __init__(
        self,
        manufacturer_code,
        image_type,
        hardware_version,
        vendor_id,
        class_id,
        security_counter,
        slot_size,
        anchors,
    ):
        self.manufacturer_code = manufacturer_code
        self.image_type = image_type
        self.hardware_version = hardware_version
        self.vendor_id = vendor_id
        self.class_id = class_id
        self.security_counter = security_counter
        self.slot_size = slot_size
        self.anchors = anchors


def accept(head, n, image_length, header, device, hook=None):
    """The Manifest of an image that passes every rule; Rejected names the first it breaks.

    ``head``          buffer whose first ``n`` bytes start the Manufacturer Image and reach at
                      least to its payload (``envelope.head_length``)
    ``image_length``  bytes of the whole Manufacturer Image, as the file says
    ``header``        the ZigBee header: manufacturer_code, image_type, file_version, hardware_min,
                      hardware_max (both None where it has no range); None leaves its rule out
    ``device``        a Device
    ``hook``          called without arguments now and then while the signature is computed,
                      which takes about a second on a small board; None for no calls
    """
    envelope = Envelope(head, n)
    _check_signature(envelope, device.anchors, hook)
    manifest = Manifest(head, envelope)
    _check_device(manifest, device)
    if manifest.sequence_number < device.security_counter:
        raise Rejected(
            ROLLBACK,
            "sequence number %d, security counter %d" % (manifest.sequence_number, device.security_counter),
        )
    if header is not None:
        _check_header(manifest, header)
    _check_sizes(manifest, image_length, device.slot_size)
    return manifest


def _check_signature(envelope, anchors, hook):
    if not anchors:
        raise Rejected(NO_TRUST_ANCHOR)
    known = [anchor for anchor in anchors if key_id(anchor) == envelope.key_id]
    if not known:
        raise Rejected(UNKNOWN_KEY, "key id %s" % _hex(envelope.key_id))
    envelope.check_digest()
    digest = sha256(envelope.signed).digest()
    for anchor in known:
        if p256.verify(anchor, digest, envelope.signature, hook) is True:
            return
    raise Rejected(BAD_SIGNATURE, "key id %s" % _hex(envelope.key_id))


def _check_device(manifest, device):
    if manifest.vendor_id != device.vendor_id:
        raise Rejected(WRONG_VENDOR, "vendor id %s" % _hex(manifest.vendor_id))
    if manifest.class_id != device.class_id:
        raise Rejected(WRONG_CLASS, "class id %s" % _hex(manifest.class_id))
    if manifest.manufacturer_code != device.manufacturer_code:
        raise Rejected(
            WRONG_MANUFACTURER,
            "manufacturer code 0x%04x, not 0x%04x" % (manifest.manufacturer_code, device.manufacturer_code),
        )
    if manifest.image_type != device.image_type:
        raise Rejected(
            WRONG_IMAGE_TYPE, "image type 0x%04x, not 0x%04x" % (manifest.image_type, device.image_type)
        )
    if not manifest.hardware_min <= device.hardware_version <= manifest.hardware_max:
        raise Rejected(
            WRONG_HARDWARE,
            "hardware 0x%04x to 0x%04x, not 0x%04x"
            % (manifest.hardware_min, manifest.hardware_max, device.hardware_version),
        )


def _check_header(manifest, header):
    _check_equal("manufacturer code", header.manufacturer_code, manifest.manufacturer_code)
    _check_equal("image type", header.image_type, manifest.image_type)
    _check_equal("file version", header.file_version, manifest.file_version)
    limited = manifest.hardware_limited
    _check_equal("minimum hardware", header.hardware_min, manifest.hardware_min if limited else None)
    _check_equal("maximum hardware", header.hardware_max, manifest.hardware_max if limited else None)


def _check_equal(what, in_header, in_manifest):
    if in_header != in_manifest:
        raise Rejected(
            HEADER_MISMATCH,
            "%s %s in the header, %s in the manifest" % (what, _number(in_header), _number(in_manifest)),
        )


def _check_sizes(manifest, image_length, slot_size):
    if manifest.payload_length != manifest.image_size:
        raise Rejected(
            SIZE_MISMATCH,
            "payload of %d bytes, %d in the manifest" % (manifest.payload_length, manifest.image_size),
        )
    end = manifest.head_length + manifest.payload_length
    if end != image_length:
        raise Rejected(SIZE_MISMATCH, "payload ends at %d of %d bytes" % (end, image_length))
    if image_length > slot_size:
        raise Rejected(TOO_LARGE, "%d bytes, the slot holds %d" % (image_length, slot_size))


def _number(value):
    return "none" if value is None else "0x%x" % value


def _hex(data):
    return "".join(["%02x" % byte for byte in data])
