"""The SUIT working group's examples: they decode, their signatures verify, our profile refuses each one.

Signed with the draft's example key (known to everybody: tests/test_known_keys.py). The bytes and where they
come from: tests/data/README.md.
"""

import hashlib
import json

import cbor2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from firmware_agent import reject
from firmware_agent.reject import Rejected
from firmware_agent.store import facts
from firmware_agent.trust import acceptance, cbor, p256
from firmware_agent.trust.anchors import ANCHORS, FIRMWARE, Anchor, Anchors
from firmware_agent.trust.envelope import Envelope, head_length, key_id, read_digest
from firmware_agent.trust.manifest import Manifest
from tests.portable.test_manifest import Around
from tests.test_envelope import mutated, walk
from tests.test_known_keys import SUIT_KEY
from tools import keys, layout

EXAMPLES = {
    name: bytes.fromhex("".join(rows))
    for name, rows in json.loads((layout.ROOT / "tests/data/suit_examples.json").read_text()).items()
}

# Why our profile refuses each, named by its own code: the envelope, then the manifest by itself.
REASONS = {
    "0: secure boot": ("envelope of 2 entries", "manifest of 5 entries"),
    "0: secure boot, ES256": ("envelope of 2 entries", "manifest of 5 entries"),
    "1: simultaneous download and installation": ("envelope of 2 entries", "manifest of 5 entries"),
    "2: severed fields": ("envelope of 4 entries", "manifest of 7 entries"),
    "3: A/B images": ("envelope of 2 entries", "manifest of 5 entries"),
    "4: load from external storage": ("envelope of 2 entries", "manifest of 8 entries"),
    "5: two images": ("envelope of 2 entries", "components of 2 entries"),
}


def parts(data):
    """(digest's item, protected headers, signature, manifest's byte string) by our own reader alone."""
    reader = cbor.Reader(data, 0, len(data))
    assert reader.tag() == 107 and reader.map() >= 2
    assert reader.integer() == 2
    wrapper = reader.wrapped()
    assert wrapper.array() == 2
    start, end = wrapper.byte_string()
    digest_item = data[start:end]
    block = wrapper.wrapped()
    assert block.tag() == 18 and block.array() == 4
    protected_start, protected_end = block.byte_string()
    assert block.map() == 0
    block.null()
    signature = block.copy(64)
    block.finish()
    assert reader.integer() == 3
    at = reader.pos
    start, end = reader.byte_string()
    return digest_item, data[protected_start:protected_end], signature, data[at:end], data[start:end]


def refusal(call, *arguments):
    with pytest.raises(Rejected) as refused:
        call(*arguments)
    return refused.value


def test_all_six_are_here():
    assert {name[0] for name in EXAMPLES} == set("012345") and set(EXAMPLES) == set(REASONS)


@pytest.mark.parametrize("name", EXAMPLES)
def test_it_decodes_and_cbor2_says_the_same(name):
    data = EXAMPLES[name]
    reader = cbor.Reader(data, 0, len(data))
    ours = walk(reader)
    reader.finish()
    theirs = cbor2.loads(data)
    assert (ours.tag, ours.value) == (theirs.tag, theirs.value)
    *_, manifest = parts(data)
    inside = cbor.Reader(manifest, 0, len(manifest))
    assert walk(inside) == cbor2.loads(manifest)
    # Every byte string in the manifest that is CBOR again, down to the last.
    assert walk_wrapped(manifest) >= 4


def walk_wrapped(data):
    """The number of wrapped items in ``data``, each read by both readers."""
    found = 0
    waiting = [cbor2.loads(data)]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, bytes) and len(value) > 2 and value[0] >> 5 in (4, 5):
            reader = cbor.Reader(value, 0, len(value))
            inside = walk(reader)
            reader.finish()
            assert inside == cbor2.loads(value)
            waiting.append(inside)
            found += 1
    return found


@pytest.mark.parametrize("name", EXAMPLES)
def test_its_signature_verifies_with_the_draft_s_key(name):
    digest_item, protected, signature, manifest_item, _ = parts(EXAMPLES[name])
    # The digest is over the manifest's byte string with its head, as ours is.
    wrapped = cbor2.dumps(digest_item)
    digest = read_digest(cbor.Reader(wrapped, 0, len(wrapped)))
    assert digest == hashlib.sha256(manifest_item).digest()
    signed = cbor2.dumps(["Signature1", protected, b"", digest_item])
    hashed = hashlib.sha256(signed).digest()
    assert p256.verify(SUIT_KEY, hashed, signature) is True
    assert keys.verify(SUIT_KEY, signature, signed)
    # And not with another key, another digest or another signature.
    assert p256.verify(keys.from_scalar(3).public_key, hashed, signature) is False
    for at in (0, 31):
        other = bytearray(hashed)
        other[at] ^= 1
        assert p256.verify(SUIT_KEY, bytes(other), signature) is False
    assert p256.verify(SUIT_KEY, hashed, signature[32:] + signature[:32]) is False


@pytest.mark.parametrize("name", EXAMPLES)
def test_our_profile_refuses_it_and_says_why(name):
    data = EXAMPLES[name]
    outer, inner = REASONS[name]
    for call in (head_length, Envelope):
        refused = refusal(call, data, len(data))
        assert refused.number == reject.UNSUPPORTED_MANIFEST and outer in refused.detail, refused
    *_, manifest = parts(data)
    refused = refusal(Manifest, manifest, Around(manifest))
    assert refused.number == reject.UNSUPPORTED_MANIFEST and inner in refused.detail, refused
    # A device that trusts the draft's key refuses it no differently.
    trusting = Anchors([Anchor(SUIT_KEY, FIRMWARE | ANCHORS)])
    device = facts.Device(0, 0, 0, bytes(16), bytes(16), 0, 1 << 20, trusting, for_test=True)
    refused = refusal(acceptance.accept, data, len(data), len(data), None, device)
    assert refused.number == reject.UNSUPPORTED_MANIFEST and outer in refused.detail


def test_a_signature_without_key_id_is_outside_the_profile():
    # Example 0 has what SUIT asks for, but no key id: with our payload behind it, it gets that far.
    data = EXAMPLES["0: secure boot"]
    integrated = b"\xd8\x6b\xa3" + data[3:] + cbor2.dumps("#firmware") + cbor2.dumps(b"payload")
    refused = refusal(Envelope, integrated, len(integrated))
    assert refused.number == reject.UNSUPPORTED_MANIFEST
    assert "protected headers of 1 entries" in refused.detail
    assert len(key_id(SUIT_KEY)) == 8


def tagged(value):
    """Whether there is a tag anywhere in it."""
    if isinstance(value, dict):
        return any(map(tagged, [*value, *value.values()]))
    return any(map(tagged, value)) if isinstance(value, list) else isinstance(value, cbor2.CBORTag)


@given(mutated(list(EXAMPLES.values())) | st.binary(max_size=40))
@example(b"\xd8\x6b\xc0\xa0")  # a date that is a map
def test_a_damaged_example_is_read_as_cbor2_reads_it_or_refused(data):
    reader = cbor.Reader(data, 0, len(data))
    try:
        ours = walk(reader)
        reader.finish()
    except (Rejected, UnicodeDecodeError, TypeError):  # TypeError: a map's key that Python cannot hash
        return
    # A tag within may have a meaning for cbor2, as a date has, and then it reads more than tag and value.
    if isinstance(ours, cbor2.CBORTag) and ours.tag == 107 and not tagged(ours.value):
        theirs = cbor2.loads(data)
        assert theirs.tag == 107 and theirs.value == ours.value


@given(mutated(list(EXAMPLES.values())))
def test_a_damaged_example_is_refused_and_nothing_else(data):
    for call in (head_length, Envelope):
        try:
            call(data, len(data))
        except Rejected as refused:
            assert refused.number in (reject.MALFORMED_ENVELOPE, reject.UNSUPPORTED_MANIFEST)
        else:
            assert call is head_length  # which may still wait for more bytes
