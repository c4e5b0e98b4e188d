"""The envelope's two halves against each other: cbor2 and the builder here, the device's decoder there."""

import dataclasses
import re
from pathlib import Path

import cbor2
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from firmware_agent import reject
from firmware_agent.reject import Rejected
from firmware_agent.store import facts
from firmware_agent.trust import acceptance, cbor
from firmware_agent.trust import envelope as outer
from firmware_agent.trust import manifest as inner
from firmware_agent.trust.anchors import ALL_USAGES, ANCHORS, FIRMWARE, Anchor, Anchors
from firmware_agent.trust.verifier import SlotVerifier
from tests import make_envelope_vectors as vectors
from tests.portable import envelope_vectors
from tests.portable.test_acceptance import device
from tests.portable.test_manifest import Around
from tests.portable.test_slot_verifier import Slot, steps_until_done
from tools import envelope, layout

PAGE = (layout.ROOT / "docs/envelope.md").read_text()
U16 = st.integers(0, 0xFFFF)
U32 = st.integers(0, 0xFFFFFFFF)
HARDWARE = st.none() | st.tuples(U16, U16).map(lambda pair: (min(pair), max(pair)))
DESTINATION = st.none() | st.binary(min_size=8, max_size=8)
IDENTITIES = st.builds(envelope.Identity, U16, U16, U32, HARDWARE, DESTINATION)
NEW_ANCHORS = st.builds(
    Anchor, st.binary(min_size=64, max_size=64).map(lambda point: b"\x04" + point), st.integers(1, ALL_USAGES)
)
CONDITIONS = st.builds(
    envelope.Conditions,
    st.none() | U32,
    st.none() | U32,
    st.none() | NEW_ANCHORS,
    st.none() | st.binary(min_size=8, max_size=8),
    st.none() | st.integers(0, 0xFFFF),
)


def test_the_vectors_are_what_the_builder_makes():
    path = Path(envelope_vectors.__file__)
    assert path.read_text() == vectors.text(), "run python -m tests.make_envelope_vectors"


def test_the_document_s_example_is_what_the_builder_makes():
    rows = re.findall(r"^ {0,3}(\d+)  ((?:[0-9a-f]{2} ?)+?)(?: {2,}.*)?$", PAGE, re.M)
    documented = bytearray()
    for offset, digits in rows:
        assert int(offset) == len(documented), f"offset {offset} in docs/envelope.md"
        documented += bytes.fromhex(digits)
    payload = b"hello, meter\n"
    identity = envelope.Identity(0x1234, 0x0084, 0x00020000, hardware=(1, 3))
    assert documented.hex(" ") == envelope.build(payload, identity, 0x00020000, vectors.KEY).hex(" ")


def test_the_document_s_numbers_are_the_code_s():
    smallest = envelope.build(b"", envelope.Identity(0, 0, 0), 0, vectors.KEY)
    identity = envelope.Identity(0xFFFF, 0xFFFF, 0xFFFFFFFF, hardware=(0xFFFF, 0xFFFF))
    identity = dataclasses.replace(identity, destination=bytes(8))
    conditions = envelope.Conditions(
        0xFFFFFFFF, 0xFFFFFFFF, Anchor(vectors.KEY.public_key, 15), bytes(8), 0xFFFF
    )
    largest = len(envelope.build(bytes(0x10000), identity, 0xFFFFFFFF, vectors.KEY, conditions)) - 0x10000
    assert f"{len(smallest)} to {largest} bytes" in PAGE
    assert f"above {outer.HEAD_LIMIT} bytes" in PAGE
    assert str(envelope.NAMESPACE) in PAGE
    assert largest < outer.HEAD_LIMIT == 512 - 69 - 6


def test_every_decision_of_the_decoder_names_a_test_that_is_there():
    table = PAGE.split("## What the decoder takes")[1].split("## In an")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ") and "---" not in line][1:]
    assert len(rows) == 9
    for row in rows:
        named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", row)
        assert named, row
        for path, name in named:
            assert f"def {name}(" in (layout.ROOT / path).read_text(), f"{path}::{name}"


def test_ids_are_derived_as_documented():
    import uuid

    vendor = uuid.uuid5(uuid.UUID("bb98c829-3260-412c-880d-f9b6a31d6e26"), "manufacturer 0x1234")
    assert envelope.vendor_id(0x1234) == vendor.bytes
    assert envelope.class_id(0x1234, 0x84) == uuid.uuid5(vendor, "image type 0x0084").bytes


@given(IDENTITIES, U32, st.binary(max_size=300), st.sampled_from([outer.ESP256, outer.ES256]), CONDITIONS)
def test_what_is_built_is_decoded_and_accepted(identity, sequence_number, payload, algorithm, conditions):
    # These never pass: it revokes its own key, or is the first change and has no higher number than none.
    assume(conditions.revoked != vectors.KEY.key_id)
    assume(sequence_number or (conditions.new_anchor is None and conditions.revoked is None))
    built = envelope.build_manifest(identity, sequence_number, payload, conditions)
    image = envelope.wrap(built, payload, vectors.KEY, algorithm)
    head_length = outer.head_length(image, len(image))
    assert image[head_length:] == payload

    lowest, highest = identity.hardware or (0, 0xFFFF)
    to = facts.Device(
        identity.manufacturer_code,
        identity.image_type,
        lowest,
        envelope.vendor_id(identity.manufacturer_code),
        envelope.class_id(identity.manufacturer_code, identity.image_type),
        sequence_number,
        len(image),
        Anchors([Anchor(vectors.KEY.public_key, FIRMWARE | ANCHORS)]),
        identity.destination,
        True,
    )
    to.interfaces = (0, 0xFFFF)
    manifest = acceptance.accept(image, head_length, len(image), None, to)
    assert manifest.sequence_number == sequence_number
    assert manifest.file_version == identity.file_version
    assert manifest.hardware_limited == (identity.hardware is not None)
    assert (manifest.hardware_min, manifest.hardware_max) == (lowest, highest)
    assert manifest.payload_length == manifest.image_size == len(payload)
    assert manifest.destination == identity.destination
    assert (manifest.upgrade_from, manifest.expiry) == (conditions.upgrade_from, conditions.expiry)
    assert manifest.revoked == conditions.revoked
    assert manifest.interface == conditions.interface
    new, given_anchor = manifest.new_anchor, conditions.new_anchor
    assert (new is None) == (given_anchor is None)
    assert new is None or (new.public_key, new.usage) == (given_anchor.public_key, given_anchor.usage)
    steps_until_done(SlotVerifier(Slot(image).read, manifest))


def rebuilt(manifest):
    """A manifest encoded by cbor2 from nothing but what our decoder found in it."""
    parameters = {
        inner.VENDOR_ID: manifest.vendor_id,
        inner.CLASS_ID: manifest.class_id,
        inner.IMAGE_DIGEST: envelope.suit_digest(manifest.image_digest),
        inner.IMAGE_SIZE: manifest.image_size,
        inner.MANUFACTURER_CODE: manifest.manufacturer_code,
        inner.IMAGE_TYPE: manifest.image_type,
        inner.FILE_VERSION: manifest.file_version,
    }
    if manifest.hardware_limited:
        parameters[inner.HARDWARE_RANGE] = [manifest.hardware_min, manifest.hardware_max]
    anchor = manifest.new_anchor
    optional = {
        inner.UPGRADE_FROM: manifest.upgrade_from,
        inner.DESTINATION: manifest.destination,
        inner.EXPIRY: manifest.expiry,
        inner.NEW_ANCHOR: None if anchor is None else [anchor.public_key[1:], anchor.usage],
        inner.REVOKED: manifest.revoked,
        inner.INTERFACE: manifest.interface,
    }
    parameters |= {label: value for label, value in optional.items() if value is not None}
    shared = cbor2.dumps([20, parameters, 1, 15, 2, 15])
    return cbor2.dumps(
        {
            1: 1,
            2: manifest.sequence_number,
            3: cbor2.dumps({2: [[b"\0"]], 4: shared}),
            7: cbor2.dumps([3, 15]),
            9: cbor2.dumps([23, 15]),
            20: cbor2.dumps([20, {21: "#firmware"}, 21, 15, 3, 15]),
        }
    )


MANIFESTS = [
    envelope.build_manifest(vectors.IDENTITY, vectors.SEQUENCE, vectors.PAYLOAD),
    envelope.build_manifest(vectors.LIMITED, 0xFFFFFFFF, vectors.PAYLOAD),
    envelope.build_manifest(vectors.EVERYTHING, 7, vectors.PAYLOAD, vectors.ALL_CONDITIONS),
    *envelope_vectors.UNSUPPORTED.values(),
    *envelope_vectors.MALFORMED.values(),
]


@st.composite
def mutated(draw, originals):
    """Some bytes with a few cuts, insertions and replacements."""
    data = bytearray(draw(st.sampled_from(originals)))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        kind = draw(st.sampled_from(["replace", "insert", "delete"]))
        new = draw(st.binary(min_size=1, max_size=3) if kind != "delete" else st.just(b""))
        gone = draw(st.integers(1, 4)) if kind == "delete" else len(new) if kind == "replace" else 0
        data[at : at + gone] = new
    return bytes(data)


@given(mutated(MANIFESTS))
def test_a_manifest_that_decodes_has_no_other_encoding_and_nothing_else_in_it(data):
    try:
        manifest = inner.Manifest(data, Around(data))
    except Rejected as error:
        assert error.number in (reject.MALFORMED_ENVELOPE, reject.UNSUPPORTED_MANIFEST)
        return
    assert rebuilt(manifest) == data


@given(mutated([vectors.head(), vectors.head(MANIFESTS[1])]))
def test_any_head_is_decoded_or_refused_and_never_anything_else(data):
    try:
        length = outer.head_length(data, len(data))
        found = outer.Envelope(data, len(data))
    except Rejected as error:
        assert error.number in (reject.MALFORMED_ENVELOPE, reject.UNSUPPORTED_MANIFEST)
        return
    # What was found, wrapped again by cbor2, is what was there.
    assert length == found.head_length
    start, end = found.manifest
    protected = data[49 + 1 : 49 + 14]
    digest = envelope.suit_digest(found.declared_digest)
    block = cbor2.dumps(cbor2.CBORTag(18, [protected, {}, None, found.signature]))
    again = b"\xd8\x6b\xa3\x02" + cbor2.dumps(cbor2.dumps([digest, block]))
    again += b"\x03" + cbor2.dumps(data[start:end]) + cbor2.dumps("#firmware")
    assert data.startswith(again)
    assert cbor2.loads(protected)[4] == found.key_id
    assert found.signed == cbor2.dumps(["Signature1", protected, b"", envelope.suit_digest(found.digest)])


SCALARS = st.integers(-(1 << 32), (1 << 32) - 1) | st.binary(max_size=300) | st.text(max_size=40) | st.none()
KEYS = st.integers(-(1 << 32), (1 << 32) - 1) | st.text(max_size=10)
VALUES = st.recursive(
    SCALARS,
    lambda values: st.lists(values, max_size=5) | st.dictionaries(KEYS, values, max_size=5),
    max_leaves=12,
)


def walk(reader):
    """Any value, through the reader's own calls; the test's recursion, not the reader's."""
    if reader.pos >= reader.end:
        reader.fail("nothing left")
    major = reader.buf[reader.pos] >> 5
    if major in (cbor.UINT, cbor.NINT):
        return reader.integer()
    if major == cbor.BSTR:
        start, end = reader.byte_string()
        return bytes(reader.buf[start:end])
    if major == cbor.TSTR:
        at = reader.pos
        length = reader.head(cbor.TSTR)
        text = bytes(reader.buf[reader.pos : reader.pos + length])
        reader.pos = at
        assert reader.text_is(text)
        return text.decode()
    if major == cbor.ARRAY:
        return [walk(reader) for _ in range(reader.array())]
    if major == cbor.MAP:
        return dict([(walk(reader), walk(reader)) for _ in range(reader.map())])
    if major == cbor.TAG:
        return cbor2.CBORTag(reader.tag(), walk(reader))
    return reader.null()


@given(VALUES)
def test_the_reader_reads_what_cbor2_writes(value):
    data = cbor2.dumps(value)
    reader = cbor.Reader(data, 0, len(data))
    assert walk(reader) == value
    reader.finish()


@given(st.binary(max_size=24) | VALUES.map(cbor2.dumps).flatmap(lambda data: mutated([data])))
@example(b"\x1b\x00\x00\x00\x01\x00\x00\x00\x00")
@example(b"\xa1\xc0\x80\x00")
def test_what_the_reader_reads_cbor2_reads_alike(data):
    reader = cbor.Reader(data, 0, len(data))
    try:
        value = walk(reader)
        reader.finish()
    except (Rejected, UnicodeDecodeError):
        return
    except (TypeError, RuntimeError) as error:
        # A map's key that Python cannot hash, or, if that is in a tag, that cbor2 cannot.
        assert "hashable" in str(error)
        return
    tagged = any(byte >> 5 == cbor.TAG for byte in data)
    if not tagged:  # cbor2 gives some tags a meaning, and a type
        assert cbor2.loads(data) == value
        # The same bytes again, unless a map has a key twice, which walk drops: the profile's fixed
        # order of keys excludes that.
        again = cbor2.dumps(value)
        assert again == data or len(again) < len(data)


@pytest.mark.parametrize("name", ["plain", "es256", "everything"])
def test_any_single_bit_of_the_head_that_flips_is_refused(name):
    head = bytearray(envelope_vectors.GOOD[name])
    length = len(head) + len(vectors.PAYLOAD)
    acceptance.accept(head, len(head), length, None, device())
    seen = set()
    for bit in range(8 * len(head)):
        head[bit >> 3] ^= 1 << (bit & 7)
        with pytest.raises(Rejected) as refused:
            acceptance.accept(head, len(head), length, None, device())
        head[bit >> 3] ^= 1 << (bit & 7)
        seen.add(refused.value.number)
    # Each of these guards some part of the head. An algorithm of the other name is not signed either.
    assert seen == {
        reject.MALFORMED_ENVELOPE,
        reject.UNSUPPORTED_MANIFEST,
        reject.UNKNOWN_KEY,
        reject.BAD_SIGNATURE,
        reject.SIZE_MISMATCH,
    }


def test_any_single_bit_of_the_payload_that_flips_is_refused():
    payload = b"0123456789abcdef"
    image = envelope.build(payload, vectors.IDENTITY, vectors.SEQUENCE, vectors.KEY)
    manifest = acceptance.accept(image, len(image), len(image), None, device())
    slot = Slot(image)
    steps_until_done(SlotVerifier(slot.read, manifest))
    for bit in range(8 * manifest.head_length, 8 * len(image)):
        slot.image[bit >> 3] ^= 1 << (bit & 7)
        with pytest.raises(Rejected) as refused:
            steps_until_done(SlotVerifier(slot.read, manifest))
        slot.image[bit >> 3] ^= 1 << (bit & 7)
        assert refused.value.number == reject.DIGEST_MISMATCH
