"""Every rule by which an image is accepted, in their order. Pure: bytes in, a Manifest or a refusal out.

All of it is decided on the envelope's head, before the first erase. The order, which is that of RULES:

- envelope: it keeps to its bounds and decodes as far as its signature (MALFORMED_ENVELOPE,
  UNSUPPORTED_MANIFEST).
- trust anchor: the device has one (NO_TRUST_ANCHOR).
- known key: the signer's key is one (UNKNOWN_KEY).
- test key: it is none that everybody knows, unless the device was built for test (TEST_KEY).
- key usage: it may sign firmware (WRONG_KEY_USAGE).
- digest: the declared digest is this manifest's (BAD_SIGNATURE).
- signature: it is good for this manifest (BAD_SIGNATURE). From here on every value comes from signed bytes.
- manifest: it has the profile's version, keys and commands, in its order (UNSUPPORTED_MANIFEST,
  MALFORMED_ENVELOPE).
- vendor id (WRONG_VENDOR), class id (WRONG_CLASS), manufacturer code (WRONG_MANUFACTURER) and image type
  (WRONG_IMAGE_TYPE) are the device's.
- device: an image for one device is for this one (WRONG_DEVICE).
- hardware: the device's hardware version lies in the range, if there is one (WRONG_HARDWARE).
- interface: the device's boot files offer the one that the payload needs, if it says so (WRONG_INTERFACE).
- sequence number: it is not below the security counter (ROLLBACK); equal is a re-install.
- trust anchors: a change of them, if there is one, is allowed (WRONG_KEY_USAGE, TEST_KEY, ANCHOR_CHANGE;
  the rules are in ``anchors``).
- header*: the file's ZigBee header says what the manifest says: manufacturer code, image type, file
  version, destination, hardware range (HEADER_MISMATCH).
- file version*: it may be lower than the running one only if the sequence number is above the security
  counter (DOWNGRADE): going back is the manufacturer's decision, signed as such, and never a hub's.
- upgrade pathway*: the running version is not below the lowest one to upgrade from (UPGRADE_PATHWAY).
- size: the payload is as long as the manifest says and ends with the image (SIZE_MISMATCH).
- slot: the image fits it (TOO_LARGE).
- expiry*: its date has not passed (EXPIRED). A device without the time cannot judge that: the rule's name
  is then in the Manifest's ``unchecked``, which goes into the event.

The rules with a star are the offer's: they compare the file with this day and with the firmware that runs
now. They are judged where a header is given: before the download. What boots later is bound to what was
judged by the manifest's digest, which the store keeps; and a confirmed image stays good when its date passes.

What is left is the payload itself: ``verifier.SlotVerifier``, once it is stored.
"""

from firmware_agent.reject import (
    BAD_SIGNATURE,
    DOWNGRADE,
    EXPIRED,
    HEADER_MISMATCH,
    NO_TRUST_ANCHOR,
    ROLLBACK,
    SIZE_MISMATCH,
    TEST_KEY,
    TOO_LARGE,
    UNKNOWN_KEY,
    UPGRADE_PATHWAY,
    WRONG_CLASS,
    WRONG_DEVICE,
    WRONG_HARDWARE,
    WRONG_IMAGE_TYPE,
    WRONG_INTERFACE,
    WRONG_KEY_USAGE,
    WRONG_MANUFACTURER,
    WRONG_VENDOR,
    Rejected,
)
from firmware_agent.trust import sha256, signature
from firmware_agent.trust.anchors import FIRMWARE, unpack, usage_text
from firmware_agent.trust.envelope import Envelope
from firmware_agent.trust.manifest import Manifest


class Case:
    """One image before one device: accept()'s arguments, and what a rule found for the rules after it.

    ``anchors``: the device's, an Anchors. ``envelope``, ``signer`` (an Anchor) and ``manifest`` are None
    until their rules have passed.
    """

    def __init__(self, head, n, image_length, header, device, hook=None):
        self.head = head
        self.n = n
        self.image_length = image_length
        self.header = header
        self.device = device
        self.hook = hook
        self.anchors = unpack(device.anchors)
        self.envelope = None
        self.signer = None
        self.manifest = None
        self.unchecked = []


def accept(head, n, image_length, header, device, hook=None):
    """The Manifest of an image that passes every rule; Rejected names the first it breaks.

    ``head``          buffer whose first ``n`` bytes start the Manufacturer Image and reach at
                      least to its payload (``envelope.head_length``)
    ``image_length``  bytes of the whole Manufacturer Image, as the file says
    ``header``        the ZigBee header: manufacturer_code, image_type, file_version, destination,
                      hardware_min, hardware_max (None where it has none); without a header the
                      rules of the offer are left out
    ``device``        a Device (firmware_agent.store.facts)
    ``hook``          called without arguments now and then while the signature is computed,
                      which takes about a second on a small board; None for no calls
    """
    case = Case(head, n, image_length, header, device, hook)
    for _, judge, of_the_offer in RULES:
        if header is not None or not of_the_offer:
            judge(case)
    case.manifest.unchecked = case.unchecked
    return case.manifest


def _envelope(case):
    case.envelope = Envelope(case.head, case.n)


def _trust_anchor(case):
    if not case.anchors.entries:
        raise Rejected(NO_TRUST_ANCHOR)


def _known_key(case):
    case.signer = case.anchors.find(case.envelope.key_id)
    if case.signer is None:
        raise Rejected(UNKNOWN_KEY, "key id %s" % _hex(case.envelope.key_id))


def _test_key(case):
    if case.signer.for_test() and not case.device.for_test:
        raise Rejected(TEST_KEY, "key id %s" % _hex(case.signer.key_id))


def _key_usage(case):
    if not case.signer.usage & FIRMWARE:
        raise Rejected(
            WRONG_KEY_USAGE,
            "key id %s is for %s" % (_hex(case.signer.key_id), usage_text(case.signer.usage)),
        )


def _digest(case):
    case.envelope.check_digest()


def _signature(case):
    digest = sha256(case.envelope.signed).digest()
    if signature.verify(case.signer.public_key, digest, case.envelope.signature, case.hook) is not True:
        raise Rejected(BAD_SIGNATURE, "key id %s" % _hex(case.signer.key_id))


def _manifest(case):
    case.manifest = Manifest(case.head, case.envelope)


def _vendor_id(case):
    if case.manifest.vendor_id != case.device.vendor_id:
        raise Rejected(WRONG_VENDOR, "vendor id %s" % _hex(case.manifest.vendor_id))


def _class_id(case):
    if case.manifest.class_id != case.device.class_id:
        raise Rejected(WRONG_CLASS, "class id %s" % _hex(case.manifest.class_id))


def _manufacturer_code(case):
    signed = case.manifest.manufacturer_code
    if signed != case.device.manufacturer_code:
        raise Rejected(
            WRONG_MANUFACTURER,
            "manufacturer code 0x%04x, not 0x%04x" % (signed, case.device.manufacturer_code),
        )


def _image_type(case):
    signed = case.manifest.image_type
    if signed != case.device.image_type:
        raise Rejected(WRONG_IMAGE_TYPE, "image type 0x%04x, not 0x%04x" % (signed, case.device.image_type))


def _this_device(case):
    signed = case.manifest.destination
    if signed is not None and signed != case.device.eui64:
        raise Rejected(WRONG_DEVICE, "for the device %s" % eui64_text(signed))


def _hardware(case):
    manifest = case.manifest
    if not manifest.hardware_min <= case.device.hardware_version <= manifest.hardware_max:
        raise Rejected(
            WRONG_HARDWARE,
            "hardware 0x%04x to 0x%04x, not 0x%04x"
            % (manifest.hardware_min, manifest.hardware_max, case.device.hardware_version),
        )


def _interface(case):
    needed = case.manifest.interface
    oldest, newest = case.device.interfaces
    if needed is not None and not oldest <= needed <= newest:
        raise Rejected(
            WRONG_INTERFACE, "interface %d, these boot files offer %d to %d" % (needed, oldest, newest)
        )


def _sequence_number(case):
    signed = case.manifest.sequence_number
    if signed < case.device.security_counter:
        raise Rejected(
            ROLLBACK, "sequence number %d, security counter %d" % (signed, case.device.security_counter)
        )


def _anchor_change(case):
    case.anchors.change(case.manifest, case.device.for_test)


def _header(case):
    header = case.header
    manifest = case.manifest
    _check_equal("manufacturer code", header.manufacturer_code, manifest.manufacturer_code)
    _check_equal("image type", header.image_type, manifest.image_type)
    _check_equal("file version", header.file_version, manifest.file_version)
    if header.destination != manifest.destination:
        raise Rejected(
            HEADER_MISMATCH,
            "destination %s in the header, %s in the manifest"
            % (eui64_text(header.destination), eui64_text(manifest.destination)),
        )
    limited = manifest.hardware_limited
    _check_equal("minimum hardware", header.hardware_min, manifest.hardware_min if limited else None)
    _check_equal("maximum hardware", header.hardware_max, manifest.hardware_max if limited else None)


def _check_equal(what, in_header, in_manifest):
    if in_header != in_manifest:
        raise Rejected(
            HEADER_MISMATCH,
            "%s %s in the header, %s in the manifest" % (what, _number(in_header), _number(in_manifest)),
        )


def _file_version(case):
    running = case.device.file_version
    if running is None or case.manifest.file_version >= running:
        return
    if case.manifest.sequence_number <= case.device.security_counter:
        raise Rejected(
            DOWNGRADE,
            "file version 0x%08x, 0x%08x runs, sequence number %d, security counter %d"
            % (
                case.manifest.file_version,
                running,
                case.manifest.sequence_number,
                case.device.security_counter,
            ),
        )


def _upgrade_pathway(case):
    running = case.device.file_version
    lowest = case.manifest.upgrade_from
    if running is not None and lowest is not None and running < lowest:
        raise Rejected(UPGRADE_PATHWAY, "0x%08x runs, 0x%08x must run first" % (running, lowest))


def _size(case):
    manifest = case.manifest
    if manifest.payload_length != manifest.image_size:
        raise Rejected(
            SIZE_MISMATCH,
            "payload of %d bytes, %d in the manifest" % (manifest.payload_length, manifest.image_size),
        )
    end = manifest.head_length + manifest.payload_length
    if end != case.image_length:
        raise Rejected(SIZE_MISMATCH, "payload ends at %d of %d bytes" % (end, case.image_length))


def _slot(case):
    if case.image_length > case.device.slot_size:
        raise Rejected(TOO_LARGE, "%d bytes, the slot holds %d" % (case.image_length, case.device.slot_size))


def _expiry(case):
    expiry = case.manifest.expiry
    if expiry is None:
        return
    if case.device.time is None:
        case.unchecked.append("expiry")
    elif case.device.time >= expiry:
        raise Rejected(EXPIRED, "at %d s from 2000, it is %d" % (expiry, case.device.time))


# name, what judges it, whether it is a rule of the offer: judged where there is a header
RULES = (
    ("envelope", _envelope, False),
    ("trust anchor", _trust_anchor, False),
    ("known key", _known_key, False),
    ("test key", _test_key, False),
    ("key usage", _key_usage, False),
    ("digest", _digest, False),
    ("signature", _signature, False),
    ("manifest", _manifest, False),
    ("vendor id", _vendor_id, False),
    ("class id", _class_id, False),
    ("manufacturer code", _manufacturer_code, False),
    ("image type", _image_type, False),
    ("device", _this_device, False),
    ("hardware", _hardware, False),
    ("interface", _interface, False),
    ("sequence number", _sequence_number, False),
    ("trust anchors", _anchor_change, False),
    ("header", _header, True),
    ("file version", _file_version, True),
    ("upgrade pathway", _upgrade_pathway, True),
    ("size", _size, False),
    ("slot", _slot, False),
    ("expiry", _expiry, True),
)


def eui64_text(eui64):
    """As people write it, most significant byte first; "none" for None."""
    return "none" if eui64 is None else _hex(bytes(reversed(eui64)))


def _number(value):
    return "none" if value is None else "0x%x" % value


def _hex(data):
    return "".join(["%02x" % byte for byte in data])
