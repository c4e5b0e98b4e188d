"""The envelope and its manifest: every part of the profile, and nothing beside it."""

from binascii import unhexlify
from hashlib import sha256

from firmware_agent.reject import BAD_SIGNATURE, MALFORMED_ENVELOPE, UNSUPPORTED_MANIFEST, Rejected
from firmware_agent.trust import cbor
from firmware_agent.trust.anchors import ANCHORS, FIRMWARE
from firmware_agent.trust.envelope import HEAD_LIMIT, Envelope, head_length, key_id
from firmware_agent.trust.manifest import Manifest, decode
from tests.portable import envelope_vectors as vectors

PLAIN = vectors.GOOD["plain"]
LIMITED = vectors.GOOD["limited"]
# Offsets in PLAIN; docs/envelope.md shows them all.
WRAPPER = 6
SIGN1 = 47
ALGORITHM = 52


def number_of(call, *args):
    """The number of the Rejected that the call raises."""
    try:
        result = call(*args)
    except Rejected as error:
        return error.number
    raise AssertionError("not refused: %r" % (result,))


def replaced(offset, expected, value):
    """PLAIN with one byte replaced; ``expected`` is what must have stood there."""
    data = bytearray(PLAIN)
    assert data[offset] == expected, (offset, data[offset])
    data[offset] = value
    return data


def refusal_of_byte(offset, expected, value):
    data = replaced(offset, expected, value)
    return number_of(decode, data, len(data))


class Around:
    """As much of an Envelope as a Manifest needs, around manifest bytes that nobody signed."""

    head_length = payload_length = 0
    digest = declared_digest = key_id = signature = signed = b""

    def __init__(self, data):
        self.manifest = (0, len(data))


def test_every_value_is_found():
    manifest = decode(PLAIN, len(PLAIN))
    assert manifest.sequence_number == 7
    assert manifest.vendor_id == vectors.VENDOR_ID
    assert manifest.class_id == vectors.CLASS_ID
    assert manifest.image_size == len(vectors.PAYLOAD)
    assert manifest.manufacturer_code == 0x1234
    assert manifest.image_type == 0x0084
    assert manifest.file_version == 0x00010203
    assert not manifest.hardware_limited
    assert (manifest.hardware_min, manifest.hardware_max) == (0, 0xFFFF)
    assert manifest.head_length == len(PLAIN)
    assert manifest.payload_length == len(vectors.PAYLOAD)
    assert manifest.key_id == key_id(vectors.PUBLIC_KEY)
    assert len(manifest.signature) == 64
    assert len(manifest.image_digest) == 32


def test_a_hardware_range_is_found():
    manifest = decode(LIMITED, len(LIMITED))
    assert manifest.hardware_limited
    assert (manifest.hardware_min, manifest.hardware_max) == (2, 5)


def test_every_condition_is_found():
    plain = decode(PLAIN, len(PLAIN))
    names = ("upgrade_from", "destination", "expiry", "new_anchor", "revoked", "interface")
    assert [getattr(plain, name) for name in names] == [None] * 6
    head = vectors.GOOD["everything"]
    found = decode(head, len(head))
    assert (found.hardware_min, found.hardware_max) == (2, 5)
    assert found.upgrade_from == vectors.UPGRADE_FROM
    assert found.destination == vectors.EUI64
    assert found.expiry == vectors.EXPIRY
    assert found.new_anchor.public_key == vectors.OTHER_PUBLIC_KEY
    assert found.new_anchor.usage == FIRMWARE | ANCHORS
    assert found.new_anchor.key_id == key_id(vectors.OTHER_PUBLIC_KEY)
    assert len(found.revoked) == 8
    assert found.interface == vectors.INTERFACE
    for name, attribute in (
        ("upgrade-from", "upgrade_from"),
        ("destined", "destination"),
        ("expiring", "expiry"),
        ("adds-anchor", "new_anchor"),
        ("revokes-anchor", "revoked"),
        ("needs-interface", "interface"),
    ):
        found = decode(vectors.GOOD[name], len(vectors.GOOD[name]))
        assert [one for one in names if getattr(found, one) is not None] == [attribute]


def test_both_names_of_the_algorithm_are_read():
    head = vectors.GOOD["es256"]
    assert PLAIN[ALGORITHM] == 0x28 and head[ALGORITHM] == 0x26
    assert decode(head, len(head)).digest == decode(PLAIN, len(PLAIN)).digest
    # Another algorithm is not: -8 is EdDSA, -10 is nothing of ours.
    for other in (0x20, 0x27, 0x29, 0x01):
        assert refusal_of_byte(ALGORITHM, 0x28, other) == UNSUPPORTED_MANIFEST


def test_what_is_signed_is_the_sig_structure_around_the_computed_digest():
    envelope = Envelope(PLAIN, len(PLAIN))
    assert envelope.signed == (
        b"\x84\x6aSignature1\x4d\xa2\x01\x28\x04\x48"
        + key_id(vectors.PUBLIC_KEY)
        + b"\x40\x58\x24\x82\x2f\x58\x20"
        + envelope.digest
    )
    assert envelope.digest == envelope.declared_digest


def test_the_declared_digest_must_be_the_manifest_s():
    data = bytearray(PLAIN)
    data[20] ^= 1
    envelope = Envelope(data, len(data))
    assert envelope.digest != envelope.declared_digest
    assert number_of(envelope.check_digest) == BAD_SIGNATURE
    assert number_of(decode, data, len(data)) == BAD_SIGNATURE


def test_the_head_s_length_is_known_with_its_last_byte_and_no_earlier():
    for head in vectors.GOOD.values():
        image = head + vectors.PAYLOAD[:16]
        for n in range(len(head)):
            assert head_length(image, n) == 0, n
        for n in range(len(head), len(image) + 1):
            assert head_length(image, n) == len(head), n


def test_a_head_that_is_cut_off_is_refused():
    for n in range(len(PLAIN)):
        assert number_of(decode, PLAIN, n) == MALFORMED_ENVELOPE, n
        # What lies behind n in the buffer is not the image's.
        assert number_of(Envelope, PLAIN, n) == MALFORMED_ENVELOPE, n


def test_the_buffer_may_be_longer_than_the_image():
    buf = bytearray(PLAIN + b"\xff" * 200)
    assert decode(buf, len(PLAIN)).digest == decode(PLAIN, len(PLAIN)).digest
    assert decode(memoryview(buf), len(buf)).digest == decode(PLAIN, len(PLAIN)).digest


def test_nothing_longer_than_the_limit_is_waited_for():
    assert len(LIMITED) < HEAD_LIMIT
    # A wrapper, then a manifest, whose length alone passes the limit.
    assert number_of(head_length, PLAIN[:4] + b"\x59\x02\x00", 7) == MALFORMED_ENVELOPE
    assert number_of(head_length, PLAIN[:4] + b"\x5a\xff\xff\xff\xff", 9) == MALFORMED_ENVELOPE
    at = 4 + 2 + PLAIN[5]
    assert number_of(head_length, PLAIN[: at + 1] + b"\x59\x01\x80", at + 4) == MALFORMED_ENVELOPE
    # The payload's length is no matter: it need not be in the buffer.
    head = PLAIN[:-3] + b"\x5a\xff\xff\xff\xff"
    assert head_length(head, len(head)) == len(head)
    assert Envelope(head, len(head)).payload_length == 0xFFFFFFFF


def test_what_cannot_become_an_envelope_is_refused_with_its_first_wrong_byte():
    cases = (
        (0, 0xD8, 0x98, MALFORMED_ENVELOPE),  # no tag
        (1, 0x6B, 0x6C, MALFORMED_ENVELOPE),  # another tag
        (2, 0xA3, 0x83, MALFORMED_ENVELOPE),  # an array
        (2, 0xA3, 0xA4, UNSUPPORTED_MANIFEST),  # one more entry
        (2, 0xA3, 0xA2, UNSUPPORTED_MANIFEST),  # no payload
        (3, 0x02, 0x03, UNSUPPORTED_MANIFEST),  # the manifest first
        (4, 0x58, 0x78, MALFORMED_ENVELOPE),  # text
    )
    for offset, expected, value, number in cases:
        data = replaced(offset, expected, value)
        assert number_of(head_length, data, offset + 1) == number, (offset, value)
    for start in (b"\x00", b"Critical", b"\xff\xff", b"\xd2\xcd\x31"):
        assert number_of(head_length, start, len(start)) == MALFORMED_ENVELOPE, start


def test_the_payload_has_its_name_and_comes_last():
    at = len(PLAIN) - 3 - 10
    assert PLAIN[at : at + 10] == b"\x69#firmware"
    assert refusal_of_byte(at + 9, ord("e"), ord("f")) == UNSUPPORTED_MANIFEST
    assert refusal_of_byte(at + 10, 0x59, 0x79) == MALFORMED_ENVELOPE


def test_the_authentication_wrapper_is_the_profile_s():
    cases = (
        (WRAPPER, 0x82, 0x83, UNSUPPORTED_MANIFEST),  # a second signature
        (WRAPPER, 0x82, 0x81, UNSUPPORTED_MANIFEST),  # none
        (WRAPPER + 3, 0x82, 0x83, UNSUPPORTED_MANIFEST),  # a digest with parameters
        (WRAPPER + 4, 0x2F, 0x2E, UNSUPPORTED_MANIFEST),  # SHA-512/256's number
        (WRAPPER + 6, 0x20, 0x1F, MALFORMED_ENVELOPE),  # a short digest
        (SIGN1 - 1, 0x54, 0x53, MALFORMED_ENVELOPE),  # a short block
        (SIGN1, 0xD2, 0xD1, UNSUPPORTED_MANIFEST),  # COSE_Mac0
        (SIGN1 + 1, 0x84, 0x85, UNSUPPORTED_MANIFEST),
        (SIGN1 + 2, 0x4D, 0x4C, MALFORMED_ENVELOPE),
        (SIGN1 + 3, 0xA2, 0xA3, UNSUPPORTED_MANIFEST),
        (SIGN1 + 4, 0x01, 0x02, UNSUPPORTED_MANIFEST),  # crit
        (SIGN1 + 6, 0x04, 0x05, UNSUPPORTED_MANIFEST),  # IV
        (SIGN1 + 7, 0x48, 0x47, MALFORMED_ENVELOPE),  # a short key id
        (SIGN1 + 16, 0xA0, 0xA1, UNSUPPORTED_MANIFEST),  # unprotected headers
        (SIGN1 + 17, 0xF6, 0xF5, MALFORMED_ENVELOPE),  # a payload that is no null
        (SIGN1 + 17, 0xF6, 0x40, MALFORMED_ENVELOPE),
        (SIGN1 + 19, 0x40, 0x3F, MALFORMED_ENVELOPE),  # a short signature
    )
    for offset, expected, value, number in cases:
        assert refusal_of_byte(offset, expected, value) == number, (offset, value)


def test_what_is_outside_the_profile_is_refused():
    assert len(vectors.UNSUPPORTED) >= 30
    for name, data in vectors.UNSUPPORTED.items():
        assert number_of(Manifest, data, Around(data)) == UNSUPPORTED_MANIFEST, name


def test_what_does_not_decode_is_refused():
    assert len(vectors.MALFORMED) >= 20
    for name, data in vectors.MALFORMED.items():
        assert number_of(Manifest, data, Around(data)) == MALFORMED_ENVELOPE, name


def test_every_cut_of_a_manifest_is_refused():
    whole = Envelope(PLAIN, len(PLAIN)).manifest
    data = PLAIN[whole[0] : whole[1]]
    assert Manifest(data, Around(data)).file_version == 0x00010203
    for n in range(len(data)):
        assert number_of(Manifest, data[:n], Around(data[:n])) == MALFORMED_ENVELOPE, n


def test_a_published_manifest_of_another_profile_is_refused_by_name():
    # draft-ietf-teep-protocol, appendix E, example 1: a good SUIT envelope without payload.
    data = unhexlify(
        "d86ba2025873825824822f5820db601ade73092b58532ca03fbb663de495"
        "32435336f1558b49bb622726a2fedd584ad28443a10126a0f658405b2d53"
        "5a2b6d5e3c585c1074f414da9e10bd285c99a33916dade3ed38812504817"
        "ac48b62b8e984ec622785bd1c411888be531b1b594507816b201f6f28579"
        "a40358d4a401010203035884a20281844b544545502d4465766963654853"
        "65637572654653508d82573a926d4754935332dc29997f74427461045854"
        "8614a40150c0ddd5f15243566087db4f5b0aa26c2f0250db42f7093d8c55"
        "baa8c5265fc5820f4e035824822f58208cf71ac86af31be184ec7a05a411"
        "a8c3a14fd9b77a30d046397481469468ece80e14010f020f0958458614a1"
        "15783b68747470733a2f2f6578616d706c652e6f72672f38643832353733"
        "612d393236642d343735342d393335332d3332646332393939376637342e"
        "7461150f030f"
    )
    assert number_of(decode, data, len(data)) == UNSUPPORTED_MANIFEST
    # Its manifest is read by the same rules, and its declared digest is computed as ours is.
    item = cbor.Reader(data, 122, len(data))
    start, end = item.byte_string()
    assert sha256(data[122:end]).digest() == data[13:45]
    body = data[start:end]
    assert number_of(Manifest, body, Around(body)) == UNSUPPORTED_MANIFEST
