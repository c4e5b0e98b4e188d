"""Makes tests/portable/envelope_vectors.py: signed heads, right and wrong, for both interpreters.

    python -m tests.make_envelope_vectors

The heads come from the host's builder (cbor2), so the device's decoder is tested against a second
opinion. Each wrong one is signed like a right one, so that only the rule it is for can refuse it.
The keys are known to everybody: they sign nothing but tests. test_envelope.py checks that the file
is what this script writes.
"""

from pathlib import Path

import cbor2

from firmware_agent.trust import envelope as outer
from firmware_agent.trust import manifest as inner
from firmware_agent.trust.anchors import ANCHORS, FIRMWARE, Anchor
from tools import envelope, keys

KEY = keys.from_scalar(0x1234567)
OTHER_KEY = keys.from_scalar(0x7654321)
PAYLOAD = bytes(range(251)) * 10
IDENTITY = envelope.Identity(0x1234, 0x0084, 0x00010203)
LIMITED = envelope.Identity(0x1234, 0x0084, 0x00010203, hardware=(2, 5))
EUI64 = bytes([1, 2, 3, 4, 5, 6, 7, 8])
DESTINED = envelope.Identity(0x1234, 0x0084, 0x00010203, destination=EUI64)
SEQUENCE = 7
EXPIRY = 0x30000000
INTERFACE = 3
UPGRADE_FROM = 0x00010000
EVERYTHING = envelope.Identity(0x1234, 0x0084, 0x00010203, (2, 5), EUI64)
ALL_CONDITIONS = envelope.Conditions(
    UPGRADE_FROM,
    EXPIRY,
    Anchor(OTHER_KEY.public_key, FIRMWARE | ANCHORS),
    keys.from_scalar(3).key_id,
    INTERFACE,
)
RENAMED = 100  # a label that the profile does not have
OUTPUT = Path(__file__).parent / "portable" / "envelope_vectors.py"


def edited(change, identity=IDENTITY):
    """The manifest with ``change(manifest, common, shared, parameters)`` applied, encoded again."""
    manifest = cbor2.loads(envelope.build_manifest(identity, SEQUENCE, PAYLOAD))
    common = cbor2.loads(manifest[inner.COMMON])
    shared = cbor2.loads(common[inner.SHARED_SEQUENCE])
    change(manifest, common, shared, shared[1])
    common[inner.SHARED_SEQUENCE if inner.SHARED_SEQUENCE in common else RENAMED] = cbor2.dumps(shared)
    manifest[inner.COMMON if inner.COMMON in manifest else RENAMED] = cbor2.dumps(common)
    return cbor2.dumps(manifest)


def with_parameter(key, value, identity=IDENTITY):
    """The manifest with one parameter replaced (same place) or added (last)."""
    return edited(lambda manifest, common, shared, parameters: parameters.update({key: value}), identity)


def with_everything(change):
    """The manifest with every parameter there is, changed."""
    manifest = cbor2.loads(envelope.build_manifest(EVERYTHING, SEQUENCE, PAYLOAD, ALL_CONDITIONS))
    common = cbor2.loads(manifest[inner.COMMON])
    shared = cbor2.loads(common[inner.SHARED_SEQUENCE])
    change(shared[1])
    common[inner.SHARED_SEQUENCE] = cbor2.dumps(shared)
    manifest[inner.COMMON] = cbor2.dumps(common)
    return cbor2.dumps(manifest)


def with_parameter_twice():
    """The manifest with its expiry standing there twice, which no dict can hold."""
    item = cbor2.dumps(inner.EXPIRY) + cbor2.dumps(EXPIRY)
    manifest = cbor2.loads(
        envelope.build_manifest(IDENTITY, SEQUENCE, PAYLOAD, envelope.Conditions(expiry=EXPIRY))
    )
    common = cbor2.loads(manifest[inner.COMMON])
    shared = common[inner.SHARED_SEQUENCE]
    assert shared[1:3] == b"\x14\xa8" and shared.count(item) == 1
    common[inner.SHARED_SEQUENCE] = b"\x86\x14\xa9" + shared[3:].replace(item, item + item)
    manifest[inner.COMMON] = cbor2.dumps(common)
    return cbor2.dumps(manifest)


def with_sequence(key, value):
    """The manifest with one of its wrapped command sequences replaced."""
    return edited(lambda manifest, common, shared, parameters: manifest.update({key: cbor2.dumps(value)}))


def with_manifest(change):
    return edited(lambda manifest, common, shared, parameters: change(manifest))


def with_common(change):
    return edited(lambda manifest, common, shared, parameters: change(common))


def with_shared(change):
    return edited(lambda manifest, common, shared, parameters: change(shared))


def reordered(mapping, *first):
    """Reorder a dict in place: the keys ``first`` before the others."""
    items = {key: mapping[key] for key in (*first, *mapping)}
    mapping.clear()
    mapping.update(items)


def renamed(mapping, old):
    """Give one key of a dict, in its place, a label that nothing of ours has."""
    items = {RENAMED if key == old else key: value for key, value in mapping.items()}
    mapping.clear()
    mapping.update(items)


def head(manifest=None, payload=PAYLOAD, key=KEY, algorithm=outer.ESP256):
    """The bytes before the payload of an image with this manifest."""
    if manifest is None:
        manifest = envelope.build_manifest(IDENTITY, SEQUENCE, PAYLOAD)
    return envelope.wrap(manifest, payload, key, algorithm)[: -len(payload) or None]


def conditioned(key=KEY, identity=IDENTITY, **conditions):
    """The head of an image with some conditions."""
    return head(
        envelope.build_manifest(identity, SEQUENCE, PAYLOAD, envelope.Conditions(**conditions)), key=key
    )


def good():
    """Heads that the device of test_acceptance.py takes."""
    return {
        "destined": head(envelope.build_manifest(DESTINED, SEQUENCE, PAYLOAD)),
        "upgrade-from": conditioned(upgrade_from=UPGRADE_FROM),
        "expiring": conditioned(expiry=EXPIRY),
        "adds-anchor": conditioned(new_anchor=Anchor(OTHER_KEY.public_key, FIRMWARE | ANCHORS)),
        "revokes-anchor": conditioned(revoked=OTHER_KEY.key_id),
        "needs-interface": conditioned(interface=INTERFACE),
        "everything": head(envelope.build_manifest(EVERYTHING, SEQUENCE, PAYLOAD, ALL_CONDITIONS)),
        "plain": head(),
        "limited": head(envelope.build_manifest(LIMITED, SEQUENCE, PAYLOAD)),
        "es256": head(algorithm=outer.ES256),
    }


def breaking_a_rule():
    """Heads that decode, each breaking one rule of acceptance."""
    other = envelope.Identity(0x4321, 0x0080, 0x00010203)
    return {
        "other-key": head(key=OTHER_KEY),
        # Right key id, wrong signature.
        "forged": head(key=_Forger()),
        "version-2": head(with_manifest(lambda m: m.update({inner.MANIFEST_VERSION: 2}))),
        "forged-version-2": head(
            with_manifest(lambda m: m.update({inner.MANIFEST_VERSION: 2})), key=_Forger()
        ),
        "other-vendor": head(with_parameter(inner.VENDOR_ID, envelope.vendor_id(0x4321))),
        "other-class": head(with_parameter(inner.CLASS_ID, envelope.class_id(0x1234, 0x0080))),
        "other-manufacturer": head(with_parameter(inner.MANUFACTURER_CODE, other.manufacturer_code)),
        "other-image-type": head(with_parameter(inner.IMAGE_TYPE, other.image_type)),
        "revokes-its-own": conditioned(revoked=KEY.key_id),
        "other-size": head(with_parameter(inner.IMAGE_SIZE, len(PAYLOAD) + 1)),
        "other-digest": head(with_parameter(inner.IMAGE_DIGEST, envelope.suit_digest(bytes(32)))),
    }


class _Forger:
    """Says that it is KEY, signs with another."""

    key_id = KEY.key_id
    sign = staticmethod(OTHER_KEY.sign)


def unsupported():
    """Manifests that are SUIT, but outside the profile."""
    report = inner.REPORT_ALL
    set_components = inner.COMPONENTS
    return {
        "version 2": with_manifest(lambda m: m.update({inner.MANIFEST_VERSION: 2})),
        "unknown manifest key": with_manifest(lambda m: m.update({24: 0})),
        "missing invoke": with_manifest(lambda m: m.pop(inner.INVOKE)),
        **{
            f"manifest key {key} renamed": with_manifest(lambda m, k=key: renamed(m, k))
            for key in (1, 2, 3, 7, 9, 20)
        },
        **{f"common key {key} renamed": with_common(lambda c, k=key: renamed(c, k)) for key in (2, 4)},
        **{
            f"parameter {key} renamed": edited(lambda m, c, s, p, k=key: renamed(p, k), LIMITED)
            for key in (1, 2, 3, 14, -256, -257, -258, -259)
        },
        **{
            f"parameter {key} renamed, of all": with_everything(lambda p, k=key: renamed(p, k))
            for key in (-259, -260, -261, -262, -263, -264, -265)
        },
        "optional parameters in another order": with_everything(
            lambda p: reordered(p, *[key for key in p if key >= -258], -260)
        ),
        "an optional parameter twice": with_parameter_twice(),
        "every parameter and one more": with_everything(lambda p: p.update({-266: 0})),
        "new anchor of three": with_parameter(inner.NEW_ANCHOR, [OTHER_KEY.public_key[1:], 1, 1]),
        "manifest keys in another order": with_manifest(lambda m: reordered(m, inner.INSTALL)),
        "unknown common key": with_common(lambda c: c.update({5: 0})),
        "common keys in another order": with_common(lambda c: reordered(c, inner.SHARED_SEQUENCE)),
        "two components": with_common(lambda c: c.update({set_components: [[b"\0"], [b"\1"]]})),
        "another component": with_common(lambda c: c.update({set_components: [[b"\1"]]})),
        "longer component identifier": with_common(lambda c: c.update({set_components: [[b"\0\0"]]})),
        "two-part component identifier": with_common(lambda c: c.update({set_components: [[b"\0", b"\0"]]})),
        "unknown shared command": with_shared(lambda s: s.extend([24, report])),
        "shared command twice": with_shared(lambda s: s.extend([inner.VENDOR_IDENTIFIER, report])),
        "missing vendor condition": with_shared(lambda s: s.__delitem__(slice(2, 4))),
        "conditions in another order": with_shared(lambda s: s.__setitem__(slice(2, 6), s[4:6] + s[2:4])),
        "another reporting policy": with_shared(lambda s: s.__setitem__(3, 0)),
        "set instead of override parameters": with_shared(lambda s: s.__setitem__(0, 19)),
        "unknown parameter": with_parameter(-266, 0),
        "nine parameters": with_parameter(-266, 0, LIMITED),
        "one parameter too few, one too many": edited(
            lambda m, c, s, p: (p.pop(inner.VENDOR_ID), p.update({-266: 0}))
        ),
        "missing parameter": with_shared(lambda s: s[1].pop(inner.IMAGE_TYPE)),
        "parameters in another order": with_shared(lambda s: reordered(s[1], inner.CLASS_ID)),
        "another digest algorithm": with_parameter(inner.IMAGE_DIGEST, cbor2.dumps([-44, bytes(32)])),
        "hardware range of three": with_parameter(inner.HARDWARE_RANGE, [1, 2, 3]),
        "validate does more": with_sequence(inner.VALIDATE, [inner.IMAGE_MATCH, report, 24, report]),
        "validate does nothing": with_sequence(inner.VALIDATE, []),
        "validate does something else": with_sequence(inner.VALIDATE, [25, report]),
        "validate reports otherwise": with_sequence(inner.VALIDATE, [inner.IMAGE_MATCH, 2]),
        "invoke does something else": with_sequence(inner.INVOKE, [22, report]),
        "install from elsewhere": with_sequence(
            inner.INSTALL,
            [20, {inner.URI: "#firmwarf"}, inner.FETCH, report, inner.IMAGE_MATCH, report],
        ),
        "install from a longer name": with_sequence(
            inner.INSTALL,
            [20, {inner.URI: "#firmware2"}, inner.FETCH, report, inner.IMAGE_MATCH, report],
        ),
        "install with another parameter": with_sequence(
            inner.INSTALL,
            [20, {22: "#firmware"}, inner.FETCH, report, inner.IMAGE_MATCH, report],
        ),
        "install with two parameters": with_sequence(
            inner.INSTALL,
            [20, {inner.URI: "#firmware", 24: 0}, inner.FETCH, report, inner.IMAGE_MATCH, report],
        ),
        "install without image match": with_sequence(
            inner.INSTALL, [20, {inner.URI: "#firmware"}, inner.FETCH, report]
        ),
        "install copies": with_sequence(
            inner.INSTALL, [20, {inner.URI: "#firmware"}, 22, report, inner.IMAGE_MATCH, report]
        ),
    }


def malformed():
    """Manifests that are not deterministic CBOR, or of another type than SUIT's."""
    plain = envelope.build_manifest(IDENTITY, SEQUENCE, PAYLOAD)
    parameters = cbor2.dumps(envelope.vendor_id(IDENTITY.manufacturer_code))
    return {
        "trailing byte": plain + b"\0",
        "empty": b"",
        "last byte missing": plain[:-1],
        "version not in shortest form": plain.replace(b"\x01\x01\x02", b"\x01\x18\x01\x02", 1),
        "indefinite map": b"\xbf" + plain[1:] + b"\xff",
        "sequence number is text": with_manifest(lambda m: m.update({inner.SEQUENCE_NUMBER: "7"})),
        "sequence number is negative": with_manifest(lambda m: m.update({inner.SEQUENCE_NUMBER: -1})),
        "sequence number of 33 bits": with_manifest(lambda m: m.update({inner.SEQUENCE_NUMBER: 1 << 32})),
        "validate is not wrapped": with_manifest(lambda m: m.update({inner.VALIDATE: [3, 15]})),
        "validate has a trailing byte": with_manifest(
            lambda m: m.update({inner.VALIDATE: m[inner.VALIDATE] + b"\0"})
        ),
        "install has a trailing byte": with_manifest(
            lambda m: m.update({inner.INSTALL: m[inner.INSTALL] + b"\0"})
        ),
        "vendor id of 15 bytes": with_parameter(inner.VENDOR_ID, bytes(15)),
        "class id of 17 bytes": with_parameter(inner.CLASS_ID, bytes(17)),
        "vendor id is text": plain.replace(parameters, b"\x70" + b"a" * 16, 1),
        "digest of 31 bytes": with_parameter(inner.IMAGE_DIGEST, envelope.suit_digest(bytes(31))),
        "digest has a trailing byte": with_parameter(
            inner.IMAGE_DIGEST, envelope.suit_digest(bytes(32)) + b"\0"
        ),
        "manufacturer code of 17 bits": with_parameter(inner.MANUFACTURER_CODE, 1 << 16),
        "image type of 17 bits": with_parameter(inner.IMAGE_TYPE, 1 << 16),
        "file version of 33 bits": with_parameter(inner.FILE_VERSION, 1 << 32),
        "image size of 33 bits": with_parameter(inner.IMAGE_SIZE, 1 << 32),
        "hardware range upside down": with_parameter(inner.HARDWARE_RANGE, [3, 2]),
        "hardware version of 17 bits": with_parameter(inner.HARDWARE_RANGE, [0, 1 << 16]),
        "upgrade from 33 bits": with_parameter(inner.UPGRADE_FROM, 1 << 32),
        "destination of 7 bytes": with_parameter(inner.DESTINATION, bytes(7)),
        "expiry of 33 bits": with_parameter(inner.EXPIRY, 1 << 32),
        "expiry is text": with_parameter(inner.EXPIRY, "2026"),
        "new anchor of 65 bytes": with_parameter(inner.NEW_ANCHOR, [OTHER_KEY.public_key, 1]),
        "new anchor without usage": with_parameter(inner.NEW_ANCHOR, [OTHER_KEY.public_key[1:], 0]),
        "new anchor with a usage that is none": with_parameter(
            inner.NEW_ANCHOR, [OTHER_KEY.public_key[1:], 17]
        ),
        "revoked key id of 9 bytes": with_parameter(inner.REVOKED, bytes(9)),
        "interface of 17 bits": with_parameter(inner.INTERFACE, 1 << 16),
        "interface is text": with_parameter(inner.INTERFACE, "1"),
    }


def text():
    """The vectors' module."""
    lines = [
        '"""Made by tests/make_envelope_vectors.py from the host\'s builder; do not edit."""',
        "",
        "from binascii import unhexlify",
        "",
        f"PUBLIC_KEY = {_literal(KEY.public_key)}",
        f"OTHER_PUBLIC_KEY = {_literal(OTHER_KEY.public_key)}",
        f"EUI64 = {_literal(EUI64)}",
        f"EXPIRY = 0x{EXPIRY:x}",
        f"INTERFACE = {INTERFACE}",
        f"UPGRADE_FROM = 0x{UPGRADE_FROM:08x}",
        f"VENDOR_ID = {_literal(envelope.vendor_id(IDENTITY.manufacturer_code))}",
        f"CLASS_ID = {_literal(envelope.class_id(IDENTITY.manufacturer_code, IDENTITY.image_type))}",
        "PAYLOAD = bytes(range(251)) * 10",
        *_table("GOOD", "heads of images that are right in everything", good()),
        *_table("BREAKING_A_RULE", "heads that decode; each breaks one rule", breaking_a_rule()),
        *_table("UNSUPPORTED", "manifests outside the profile", unsupported()),
        *_table("MALFORMED", "manifests that do not decode", malformed()),
    ]
    return "\n".join(lines) + "\n"


def _table(name, comment, entries):
    yield ""
    yield f"# {comment}"
    yield f"{name} = {{"
    for key, value in entries.items():
        yield f'    "{key}": {_literal(value, "    ")},'
    yield "}"


def _literal(data, indent=""):
    """``bytes.fromhex`` is missing on some ports, so bytes come as unhexlify of lines that fit."""
    digits = data.hex()
    rows = [digits[at : at + 96] for at in range(0, len(digits), 96)] or [""]
    if len(rows) == 1:
        return f'unhexlify("{rows[0]}")'
    inner_rows = "\n".join(f'{indent}    "{row}"' for row in rows)
    return f"unhexlify(\n{inner_rows}\n{indent})"


if __name__ == "__main__":
    OUTPUT.write_text(text())
