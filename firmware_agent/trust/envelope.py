"""The signed envelope from outside: its bounds, its digest and its signature.

A SUIT envelope (draft-ietf-suit-manifest, IANA registry "SUIT") of one fixed shape::

    107({2: bstr [ bstr [-16, SHA-256 of the manifest], bstr COSE_Sign1 ],
         3: bstr manifest,
         "#firmware": bstr payload})

The payload comes last, so everything that is judged stands in the *head*: the bytes
before the payload's first. This module reads only what leads to the signature; what
the manifest says is read (``manifest.py``) after the signature was found good.

``docs/envelope.md`` shows every byte.
"""

from firmware_agent.reject import BAD_SIGNATURE, MALFORMED_ENVELOPE, UNSUPPORTED_MANIFEST, Rejected
from firmware_agent.trust import cbor, sha256

# The envelope's bytes before the payload. With an OTA header (69 at most) and an element's
# header (6) they make 512: what a device keeps in RAM, and fetches, before it can refuse.
# The profile needs 287 to 317 of them; the rest is room for a later one.
HEAD_LIMIT = 512 - 69 - 6

ENVELOPE_TAG = 107
AUTHENTICATION = 2
MANIFEST = 3
PAYLOAD = b"#firmware"
SHA_256 = -16
SIGN1_TAG = 18
ALGORITHM = 1
KEY_ID = 4
ESP256 = -9  # ECDSA on P-256 with SHA-256, RFC 9864; this is what we write
ES256 = -7  # its older name, RFC 9053
DIGEST_SIZE = 32
SIGNATURE_SIZE = 64
KEY_ID_SIZE = 8

# SUIT_Digest as it must stand, up to the digest's 32 bytes: [-16, bstr .size 32].
DIGEST_HEAD = b"\x82\x2f\x58\x20"
# Sig_structure (RFC 9052, 4.4): ["Signature1", protected, external_aad h'', payload].
_SIG_CONTEXT = b"\x84\x6aSignature1"
_SIG_DIGEST = b"\x40\x58\x24" + DIGEST_HEAD


def key_id(public_key):
    """The key id of a public key (65 bytes, 04 || x || y): 8 bytes of its SHA-256."""
    return sha256(public_key).digest()[:KEY_ID_SIZE]


def expect(reader, what, expected):
    """The next integer must be ``expected``; the profile has no other here."""
    at = reader.pos
    value = reader.integer()
    if value != expected:
        reader.fail("%s %d, not %d" % (what, value, expected), UNSUPPORTED_MANIFEST, at)


def expect_count(reader, what, count, expected):
    """An array or map must have exactly the profile's number of entries."""
    if count != expected:
        reader.fail("%s of %d entries, not %d" % (what, count, expected), UNSUPPORTED_MANIFEST)


class _Bounds:
    """Where the envelope's parts stand; walks the head without looking into the parts."""

    def __init__(self, buf, n):
        reader = cbor.Reader(buf, 0, min(n, HEAD_LIMIT), HEAD_LIMIT)
        if n and buf[0] >> 5 != cbor.TAG or reader.tag() != ENVELOPE_TAG:
            reader.fail("no SUIT envelope starts here", offset=0)
        expect_count(reader, "envelope", reader.map(), 3)
        expect(reader, "envelope key", AUTHENTICATION)
        self.authentication = reader.byte_string()
        expect(reader, "envelope key", MANIFEST)
        self.manifest_item = reader.pos  # the digest covers the byte string's head, too
        self.manifest = reader.byte_string()
        if not reader.text_is(PAYLOAD):
            reader.fail("the payload is not '#firmware'", UNSUPPORTED_MANIFEST)
        self.payload_length = reader.head(cbor.BSTR)
        self.head_length = reader.pos


def head_length(buf, n):
    """Bytes of ``buf[:n]`` before the payload's first byte, or 0 while more are needed.

    ``buf`` starts with the Manufacturer Image's first byte. Raises Rejected as soon as
    the bytes at hand cannot become an envelope whose head keeps to HEAD_LIMIT.
    """
    try:
        return _Bounds(buf, n).head_length
    except cbor.NeedMore:
        return 0


class Envelope:
    """What is known of an image before its signature is checked.

    ``head_length``      bytes before the payload
    ``payload_length``   bytes of payload, as the payload's own head says
    ``digest``           32 bytes: SHA-256 of the manifest as it stands here, its byte string's
                         head included. It names the image
    ``declared_digest``  32 bytes: what the envelope says it is. They must be equal
    ``key_id``           8 bytes: ``key_id(public_key)`` of the signer
    ``signature``        64 bytes: r || s
    ``signed``           the bytes under the signature: COSE's Sig_structure around ``digest``
    ``manifest``         the manifest's range in ``buf``, not read yet
    """

    def __init__(self, buf, n):
        try:
            bounds = _Bounds(buf, n)
        except cbor.NeedMore:
            raise Rejected(MALFORMED_ENVELOPE, "%d bytes end before the payload" % n)
        self.head_length = bounds.head_length
        self.payload_length = bounds.payload_length
        self.manifest = bounds.manifest
        self.digest = sha256(memoryview(buf)[bounds.manifest_item : bounds.manifest[1]]).digest()
        self._read_authentication(cbor.Reader(buf, bounds.authentication[0], bounds.authentication[1]))

    def check_digest(self):
        """Rejected(BAD_SIGNATURE) unless the declared digest is the manifest's."""
        if self.declared_digest != self.digest:
            raise Rejected(BAD_SIGNATURE, "the manifest does not have the digest that is signed")

    def _read_authentication(self, reader):
        expect_count(reader, "authentication wrapper", reader.array(), 2)
        self.declared_digest = read_digest(reader)
        block = reader.wrapped()
        reader.finish()

        at = block.pos
        if block.tag() != SIGN1_TAG:
            block.fail("not a COSE_Sign1", UNSUPPORTED_MANIFEST, at)
        expect_count(block, "COSE_Sign1", block.array(), 4)
        start, end = block.byte_string()
        protected = cbor.Reader(block.buf, start, end)
        if block.map() != 0:
            block.fail("unprotected headers", UNSUPPORTED_MANIFEST)
        block.null()
        self.signature = block.copy(SIGNATURE_SIZE)
        block.finish()

        expect_count(protected, "protected headers", protected.map(), 2)
        expect(protected, "protected header", ALGORITHM)
        at = protected.pos
        algorithm = protected.integer()
        if algorithm not in (ESP256, ES256):
            protected.fail("signature algorithm %d" % algorithm, UNSUPPORTED_MANIFEST, at)
        expect(protected, "protected header", KEY_ID)
        self.key_id = protected.copy(KEY_ID_SIZE)
        protected.finish()

        # Around the digest that was computed, not the one that was declared: a
        # signature that is good for these bytes is good for this manifest.
        self.signed = (
            _SIG_CONTEXT
            + bytes((0x40 | end - start,))  # 13 bytes: the profile's headers have one length
            + bytes(block.buf[start:end])
            + _SIG_DIGEST
            + self.digest
        )


def read_digest(reader):
    """The 32 bytes of a SUIT_Digest wrapped in a byte string."""
    digest = reader.wrapped()
    expect_count(digest, "digest", digest.array(), 2)
    expect(digest, "digest algorithm", SHA_256)
    value = digest.copy(DIGEST_SIZE)
    digest.finish()
    return value
