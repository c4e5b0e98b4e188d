"""The manifest: what the manufacturer signed about an image.

A SUIT manifest (draft-ietf-suit-manifest) with one component and this one sequence of
keys and commands; anything else is refused, never skipped::

    {1: 1, 2: sequence number,
     3: bstr {2: [[h'00']],
              4: bstr [20, {1: vendor id, 2: class id, 3: bstr digest, 14: image size,
                            -256: manufacturer code, -257: image type, -258: file version,
                            (and any of these, in this order:)
                            -259: [hardware min, hardware max], -260: lowest version to upgrade from,
                            -261: EUI64 of the one device, -262: expiry,
                            -263: [new anchor, usage], -264: key id of a revoked anchor,
                            -265: interface of the boot files},
                       1, 15, 2, 15]},
     7: bstr [3, 15],
     9: bstr [23, 15],
     20: bstr [20, {21: "#firmware"}, 21, 15, 3, 15]}

``Rejected(MALFORMED_ENVELOPE)``: not deterministic CBOR, or not of the type that SUIT
prescribes in that place. ``Rejected(UNSUPPORTED_MANIFEST)``: SUIT, but another key, command,
order or value than the profile's.
"""

from firmware_agent.reject import UNSUPPORTED_MANIFEST
from firmware_agent.trust import cbor
from firmware_agent.trust.anchors import ALL_USAGES, POINT_SIZE, Anchor
from firmware_agent.trust.envelope import (  # noqa: F401  HEAD_LIMIT, head_length: for our callers
    HEAD_LIMIT,
    KEY_ID_SIZE,
    PAYLOAD,
    Envelope,
    expect,
    expect_count,
    head_length,
    read_digest,
)

VERSION = 1
# Manifest and common keys
MANIFEST_VERSION = 1
SEQUENCE_NUMBER = 2
COMMON = 3
VALIDATE = 7
INVOKE = 9
INSTALL = 20
COMPONENTS = 2
SHARED_SEQUENCE = 4
COMPONENT_ID = 0
# Commands
VENDOR_IDENTIFIER = 1
CLASS_IDENTIFIER = 2
IMAGE_MATCH = 3
OVERRIDE_PARAMETERS = 20
FETCH = 21
INVOKE_COMPONENT = 23
# A command's reporting policy: all four records (1 | 2 | 4 | 8), as the draft's examples
REPORT_ALL = 15
# Parameters; below -255 the registry leaves them for private use
VENDOR_ID = 1
CLASS_ID = 2
IMAGE_DIGEST = 3
IMAGE_SIZE = 14
URI = 21
MANUFACTURER_CODE = -256
IMAGE_TYPE = -257
FILE_VERSION = -258
HARDWARE_RANGE = -259
UPGRADE_FROM = -260
DESTINATION = -261
EXPIRY = -262
NEW_ANCHOR = -263
REVOKED = -264
INTERFACE = -265

UUID_SIZE = 16
EUI64_SIZE = 8
_REQUIRED = 7  # parameters; the others may be missing
_OPTIONAL = 7
_HARDWARE_ANY = (0, 0xFFFF)


class Manifest:
    """A decoded manifest, with what its envelope says (see Envelope for those attributes).

    ``sequence_number``    0 to 2**32 - 1; compared with the security counter
    ``vendor_id``, ``class_id``  16 bytes each
    ``image_digest``       32 bytes, SHA-256 of the payload
    ``image_size``         bytes of payload
    ``manufacturer_code``, ``image_type``, ``file_version``  as in the ZigBee OTA header
    ``hardware_limited``   whether the image is limited to some hardware versions,
                           ``hardware_min`` to ``hardware_max``; 0 and 0xFFFF where it is not
    ``upgrade_from``       lowest file version that may be replaced by this one, or None
    ``destination``        EUI64 of the one device that it is for, 8 bytes as on the air, or None
    ``expiry``             seconds from 2000-01-01 UTC until which it may be installed, or None
    ``new_anchor``         an Anchor that it adds, or None
    ``revoked``            key id of an anchor that it revokes, 8 bytes, or None
    ``interface``          of the boot files, that the payload needs, or None: any will do
    ``unchecked``          names of the acceptance rules that this device could not judge
    """

    def __init__(self, buf, envelope):
        self.head_length = envelope.head_length
        self.payload_length = envelope.payload_length
        self.digest = envelope.digest
        self.declared_digest = envelope.declared_digest
        self.key_id = envelope.key_id
        self.signature = envelope.signature
        self.signed = envelope.signed
        self.unchecked = []

        reader = cbor.Reader(buf, envelope.manifest[0], envelope.manifest[1])
        expect_count(reader, "manifest", reader.map(), 6)
        expect(reader, "manifest key", MANIFEST_VERSION)
        expect(reader, "manifest version", VERSION)
        expect(reader, "manifest key", SEQUENCE_NUMBER)
        self.sequence_number = reader.uint()
        expect(reader, "manifest key", COMMON)
        self._read_common(reader.wrapped())
        expect(reader, "manifest key", VALIDATE)
        _expect_commands(reader.wrapped(), (IMAGE_MATCH,))
        expect(reader, "manifest key", INVOKE)
        _expect_commands(reader.wrapped(), (INVOKE_COMPONENT,))
        expect(reader, "manifest key", INSTALL)
        _read_install(reader.wrapped())
        reader.finish()

    def _read_common(self, reader):
        expect_count(reader, "common", reader.map(), 2)
        expect(reader, "common key", COMPONENTS)
        expect_count(reader, "components", reader.array(), 1)
        expect_count(reader, "component identifier", reader.array(), 1)
        at = reader.pos
        start, end = reader.byte_string()
        if end - start != 1 or reader.buf[start] != COMPONENT_ID:
            reader.fail("component identifier, not h'00'", UNSUPPORTED_MANIFEST, at)
        expect(reader, "common key", SHARED_SEQUENCE)
        self._read_shared(reader.wrapped())
        reader.finish()

    def _read_shared(self, reader):
        expect_count(reader, "shared sequence", reader.array(), 6)
        expect(reader, "command", OVERRIDE_PARAMETERS)
        count = reader.map()
        if not _REQUIRED <= count <= _REQUIRED + _OPTIONAL:
            reader.fail("%d parameters" % count, UNSUPPORTED_MANIFEST)
        expect(reader, "parameter", VENDOR_ID)
        self.vendor_id = reader.copy(UUID_SIZE)
        expect(reader, "parameter", CLASS_ID)
        self.class_id = reader.copy(UUID_SIZE)
        expect(reader, "parameter", IMAGE_DIGEST)
        self.image_digest = read_digest(reader)
        expect(reader, "parameter", IMAGE_SIZE)
        self.image_size = reader.uint()
        expect(reader, "parameter", MANUFACTURER_CODE)
        self.manufacturer_code = reader.uint(0xFFFF)
        expect(reader, "parameter", IMAGE_TYPE)
        self.image_type = reader.uint(0xFFFF)
        expect(reader, "parameter", FILE_VERSION)
        self.file_version = reader.uint()
        self._read_optional(reader, count - _REQUIRED)
        _expect_each(reader, (VENDOR_IDENTIFIER, CLASS_IDENTIFIER))
        reader.finish()

    def _read_optional(self, reader, count):
        self.hardware_limited = False
        self.hardware_min, self.hardware_max = _HARDWARE_ANY
        self.upgrade_from = self.destination = self.expiry = self.new_anchor = self.revoked = None
        self.interface = None
        last = FILE_VERSION
        for _ in range(count):
            at = reader.pos
            key = reader.integer()
            if key >= last:
                # Deterministic CBOR sorts a map's keys; so none stands there twice, either.
                reader.fail("parameter %d after %d" % (key, last), UNSUPPORTED_MANIFEST, at)
            last = key
            if key == HARDWARE_RANGE:
                self._read_hardware(reader)
            elif key == UPGRADE_FROM:
                self.upgrade_from = reader.uint()
            elif key == DESTINATION:
                self.destination = reader.copy(EUI64_SIZE)
            elif key == EXPIRY:
                self.expiry = reader.uint()
            elif key == NEW_ANCHOR:
                self.new_anchor = _read_anchor(reader)
            elif key == REVOKED:
                self.revoked = reader.copy(KEY_ID_SIZE)
            elif key == INTERFACE:
                self.interface = reader.uint(0xFFFF)
            else:
                reader.fail("parameter %d" % key, UNSUPPORTED_MANIFEST, at)

    def _read_hardware(self, reader):
        at = reader.pos
        expect_count(reader, "hardware range", reader.array(), 2)
        self.hardware_limited = True
        self.hardware_min = reader.uint(0xFFFF)
        self.hardware_max = reader.uint(0xFFFF)
        if self.hardware_min > self.hardware_max:
            reader.fail("hardware range ends before it starts", offset=at)


def _read_anchor(reader):
    expect_count(reader, "new anchor", reader.array(), 2)
    point = reader.copy(POINT_SIZE)
    at = reader.pos
    usage = reader.uint(ALL_USAGES)
    if usage == 0:
        reader.fail("an anchor without usage", offset=at)
    return Anchor(b"\x04" + point, usage)


def _expect_each(reader, commands):
    for command in commands:
        expect(reader, "command", command)
        expect(reader, "reporting policy", REPORT_ALL)


def _expect_commands(reader, commands):
    expect_count(reader, "command sequence", reader.array(), 2 * len(commands))
    _expect_each(reader, commands)
    reader.finish()


def _read_install(reader):
    expect_count(reader, "install", reader.array(), 6)
    expect(reader, "command", OVERRIDE_PARAMETERS)
    expect_count(reader, "parameters", reader.map(), 1)
    expect(reader, "parameter", URI)
    if not reader.text_is(PAYLOAD):
        reader.fail("the uri is not '#firmware'", UNSUPPORTED_MANIFEST)
    _expect_each(reader, (FETCH, IMAGE_MATCH))
    reader.finish()


def decode(buf, n):
    """The manifest in ``buf[:n]``, whose first byte is the Manufacturer Image's first.

    Decoding is not accepting: nothing here checks the signature (``acceptance.accept`` does,
    before the manifest is even read). Raises Rejected, also where the head is not complete
    or the declared digest is not the manifest's.
    """
    envelope = Envelope(buf, n)
    envelope.check_digest()
    return Manifest(buf, envelope)
