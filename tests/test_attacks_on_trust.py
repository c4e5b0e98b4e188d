"""Attacks that worked on others, each as a test named after it; docs/threat-model.md is the table of them.

They go through what a device runs: the file parser, the store over its flash, boot. The images come from the
host's builder, signed with a test key, and are wrong in the one way that the attack needs.
"""

import dataclasses
import hashlib
import random

import cbor2
import pytest

from firmware_agent import boot, reject
from firmware_agent.protocol.upgrade_file import UpgradeFile
from firmware_agent.reject import Rejected
from firmware_agent.store import facts
from firmware_agent.store.firmware_store import COMPLETE, RESTART
from firmware_agent.trust import acceptance, p256
from firmware_agent.trust import envelope as outer
from firmware_agent.trust import manifest as inner
from firmware_agent.trust.anchors import ANCHORS, FIRMWARE, Anchor, Anchors
from tests import attacked_device
from tests.attacked_device import NEXT, PAYLOAD, LoggedFlash, deliver, made, with_head
from tests.command_line.running import run
from tests.make_envelope_vectors import KEY, OTHER_KEY
from tests.portable.bench import Bench, Image, RememberedSignatures, refusal
from tools import envelope, keys, upgrade_file


@pytest.fixture(name="device")
def device_under_attack():
    return attacked_device.running_v1()


def refuses(bench, data, *numbers, **delivery):
    """The device refuses the file before it touches a slot, for one of these reasons."""
    assert refusal(lambda: deliver(bench, data, **delivery)) in numbers
    assert bench.flash.in_slots(bench) == []


def test_what_is_no_attack_is_taken(device):
    assert deliver(device, made()) == COMPLETE
    device.verify()
    device.store.install()
    assert device.power_on(boot.RESET).manifest.file_version == 0x00020000


# Row 1: Philips Hue, "IoT Goes Nuclear": one global symmetric key in every lamp.


def test_a_dump_of_a_device_signs_nothing__hue_global_key(tmp_path):
    run("keygen", "--out", tmp_path / "keys")
    (tmp_path / "payload").write_bytes(PAYLOAD)
    key = keys.load_private(tmp_path / "keys/private.pem")
    described = ("--device", "ppmid", "--manufacturer-code", "0x1234", "--file-version", "1")
    image, pem = tmp_path / "v1.ota", tmp_path / "keys/private.pem"
    run("sign", tmp_path / "payload", "-o", image, "--key", pem, *described)
    public = tmp_path / "keys/public.pem"
    run("provision", "--state", tmp_path / "device", "--factory", image, "--manufacturer-key", public)
    dump = b"".join(path.read_bytes() for path in sorted((tmp_path / "device").iterdir()))
    scalar = key._private_key.private_numbers().private_value
    assert key.public_key[1:] in dump
    for order in ("big", "little"):
        assert scalar.to_bytes(32, order) not in dump
        assert scalar.to_bytes(32, order).hex().encode() not in dump.lower()


# Row 5: Silicon Labs CVE-2023-3487 and the like: a size that wraps.


def test_a_size_that_wraps_is_refused__cve_2023_3487(device):
    head = len(envelope.build(PAYLOAD, NEXT, 2, KEY)) - len(PAYLOAD)
    for size in (0xFFFFFFFF, 0xFFFFFFFF - head, 0x80000000, 0x7FFFFFFF, 0x100000000 - 56 - head):
        # In the file's header; it is what the hub offered, too.
        data = bytearray(made())
        data[52:56] = size.to_bytes(4, "little")
        assert refusal(lambda data=data: deliver(device, bytes(data))) == reject.TOO_LARGE
        device.store.cancel()

        # In the payload's own head.
        def long_payload(image, size=size):
            at = image.rindex(outer.PAYLOAD) + len(outer.PAYLOAD)
            return image[:at] + b"\x5a" + size.to_bytes(4, "big") + image[at + 3 :]

        data = with_head(long_payload)
        refuses(device, data, reject.SIZE_MISMATCH)
        device.store.cancel()

        # And signed.
        def signed(manifest, size=size):
            common = cbor2.loads(manifest[inner.COMMON])
            shared = cbor2.loads(common[inner.SHARED_SEQUENCE])
            shared[1][inner.IMAGE_SIZE] = size
            common[inner.SHARED_SEQUENCE] = cbor2.dumps(shared)
            manifest[inner.COMMON] = cbor2.dumps(common)
            return cbor2.dumps(manifest)

        image = envelope.wrap(signed(cbor2.loads(envelope.build_manifest(NEXT, 2, PAYLOAD))), PAYLOAD, KEY)
        refuses(device, upgrade_file.build(image, NEXT, b"", False), reject.SIZE_MISMATCH)
        device.store.cancel()
    assert device.flash.in_slots(device) == []


# Row 8: RAUC CVE-2026-34155: the signature covered only the first bytes. Row 10: MCUboot CVE-2024-32883:
# metadata that was used stood outside what was signed.


def used_of(bench, data):
    """All that a device makes of a file: what it compares, remembers and runs. Rejected if it does not."""
    file = UpgradeFile()
    file.feed(data, 0, len(data))
    if not file.ready or file.size != len(data):
        raise Rejected(reject.MALFORMED_FILE)
    image = data[file.image_offset :]
    with RememberedSignatures():
        manifest = acceptance.accept(image, len(image), file.image_length, file, bench.store.device)
    payload = image[manifest.head_length :]
    if hashlib.sha256(payload).digest() != manifest.image_digest:
        raise Rejected(reject.DIGEST_MISMATCH)
    fields = {name: value for name, value in vars(manifest).items() if name != "new_anchor"}
    anchor = manifest.new_anchor
    return fields, None if anchor is None else (anchor.public_key, anchor.usage), payload, image


@pytest.mark.parametrize("elements", [False, True], ids=["gbcs", "elements"])
def test_any_single_bit_in_a_file_is_refused_or_has_no_effect__cve_2024_32883(device, elements):
    identity = envelope.Identity(0x1234, 0x84, 0x00020000, (1, 5), bytes(range(8)))
    conditions = envelope.Conditions(
        0x00010000, 0x30000000, Anchor(OTHER_KEY.public_key, FIRMWARE), keys.from_scalar(5).key_id
    )
    image = envelope.build(b"0123456789abcdef", identity, 2, KEY, conditions)
    data = bytearray(upgrade_file.build(image, identity, b"any bit", elements))
    asked = device.store.device
    asked.eui64 = bytes(range(8))
    asked.time = 0
    asked.anchors = Anchors([Anchor(KEY.public_key, FIRMWARE | ANCHORS)]).pack()
    asked.security_counter, asked.slot_size = 1, 1 << 16
    original = used_of(device, bytes(data))
    ignored = set()
    for bit in range(8 * len(data)):
        data[bit >> 3] ^= 1 << (bit & 7)
        try:
            used = used_of(device, bytes(data))
        except Rejected:
            pass
        else:
            assert used == original, f"bit {bit & 7} of byte {bit >> 3} is used, and not signed"
            ignored.add(bit >> 3)
        data[bit >> 3] ^= 1 << (bit & 7)
    # What may change without effect: reserved bits of the field control, stack version, header string.
    assert ignored <= {8, 9, 18, 19, *range(20, 52)}
    assert len(ignored) > 30


def test_what_is_signed_is_what_runs_to_the_last_byte__cve_2026_34155(device):
    payload = random.Random(8).randbytes(3 * 1024 + 17)
    data = made(payload)
    assert deliver(device, data) == COMPLETE
    device.verify()
    device.store.install()
    manifest = device.power_on(boot.RESET).manifest
    signed = device.store.head_of(1, bytearray(437))
    stored = device.slot_bytes(1, manifest.head_length + manifest.payload_length)[manifest.head_length :]
    assert stored == payload and hashlib.sha256(stored).digest() == signed.image_digest
    device.store.accept()
    # A byte more or less than what was signed, wherever the sizes are mended.
    for other in (payload + b"\0", payload[:-1], b""):
        image = envelope.wrap(envelope.build_manifest(NEXT, 2, payload), other, KEY)
        with pytest.raises(Rejected) as refused:
            deliver(device, upgrade_file.build(image, NEXT, b"", False))
        assert refused.value.number == reject.SIZE_MISMATCH


# Row 13: TF-M CVE-2026-73063: a fragmented header went past the check of the version.


def test_a_fragmented_header_meets_the_version_check__cve_2026_73063(device):
    old = made(identity=NEXT, sequence=0)  # below the security counter
    reach = 56 + 310
    ways = [list(range(1, len(old)))]  # a byte at a time
    ways += [[at] for at in range(1, reach)]  # in two, anywhere in header and head
    ways += [[at, at + 1] for at in range(1, reach, 7)]
    chance = random.Random(13)
    ways += [sorted(chance.sample(range(1, reach), 6)) for _ in range(100)]
    for cuts in ways:
        refuses(device, old, reject.ROLLBACK, cuts=cuts)
        device.store.cancel()
    # And a good one passes, however it is cut.
    good = made()
    for cuts in ways[:: len(ways) // 12]:
        assert deliver(device, good, cuts=cuts) == COMPLETE
        device.store.cancel()


# Row 15: wolfSSL CVE-2026-5194: a short digest was accepted.


def test_a_short_digest_is_no_digest__cve_2026_5194(device):
    signed = b"what is signed"
    digest = hashlib.sha256(signed).digest()
    signature = KEY.sign(signed)
    assert p256.verify(KEY.public_key, digest, signature) is True
    for wrong in (digest[:20], digest[:31], digest + b"\0", b"", b"\0" * 31, digest[:16] + bytes(16)):
        assert p256.verify(KEY.public_key, wrong, signature) is False

    # In the envelope a short one is refused by its length, before anything is computed.
    def shortened(image):
        at = image.index(outer.DIGEST_HEAD)
        return image[: at + 3] + b"\x14" + image[at + 4 :]

    refuses(device, with_head(shortened), reject.MALFORMED_ENVELOPE)


# "Unsigned elements": more elements in the file, more entries in the envelope, other headers.


def test_elements_beside_the_signed_one_are_refused(device):
    image = envelope.build(PAYLOAD, NEXT, 2, KEY)
    good = upgrade_file.build(image, NEXT, b"", True)
    element = (3).to_bytes(2, "little") + (16).to_bytes(4, "little") + bytes(16)
    for data in (
        good + element,
        good[:56] + element + good[56:],
    ):
        data = data[:52] + len(data).to_bytes(4, "little") + data[56:]
        assert refusal(lambda data=data: deliver(device, data)) == reject.MALFORMED_FILE
        device.store.cancel()
    tagged = cbor2.loads(image)
    for key, value in (("#second", b"more"), (23, b"text"), (20, b"install"), ("#firmware2", b"")):
        more = cbor2.dumps(cbor2.CBORTag(107, {**tagged.value, key: value}))
        data = upgrade_file.build(more, NEXT, b"", False)
        refuses(device, data, reject.UNSUPPORTED_MANIFEST)
        device.store.cancel()
    # Unprotected headers are the classic place in COSE.
    digest, block = cbor2.loads(tagged.value[2])
    sign1 = cbor2.loads(block).value
    forged = cbor2.dumps(cbor2.CBORTag(18, [sign1[0], {1: -9, 4: OTHER_KEY.key_id}, None, sign1[3]]))
    more = cbor2.dumps(cbor2.CBORTag(107, {**tagged.value, 2: cbor2.dumps([digest, forged])}))
    refuses(device, upgrade_file.build(more, NEXT, b"", False), reject.UNSUPPORTED_MANIFEST)


# Row 16: TUF CVE-2020-15163: trust in an older root.


def test_an_old_root_is_trusted_no_more__cve_2020_15163(device):
    bench = Bench(make_flash=LoggedFlash)
    bench.anchors = Anchors([Anchor(KEY.public_key, FIRMWARE | ANCHORS)])
    bench.store = bench.open_store()
    bench.at_factory("v1")
    bench.power_on()
    bench.update(Image("adds"))
    bench.power_on()
    bench.update(Image("revokes"))
    bench.power_on()
    bench.flash.log.clear()
    # Whatever the old key signs, of any number: also the image that once made it a root.
    for data in (made(sequence=99), made(sequence=3), made(sequence=2)):
        refuses(bench, data, reject.UNKNOWN_KEY)
        bench.store.cancel()
    back = made(sequence=99, new_anchor=Anchor(KEY.public_key, FIRMWARE | ANCHORS))
    refuses(bench, back, reject.UNKNOWN_KEY)


# Row 17: Belkin CVE-2023-33768, nina-fw: the signature's result was ignored.


@pytest.mark.parametrize("result", [False, None, 0, 1, "true", b"\1", [True]])
def test_nothing_but_true_is_a_good_signature__cve_2023_33768(device, monkeypatch, result):
    image = envelope.build(PAYLOAD, NEXT, 2, KEY)
    monkeypatch.setattr(acceptance.signature, "verify", lambda *arguments: result)
    with pytest.raises(Rejected) as refused:
        acceptance.accept(image, len(image), len(image), None, prepared(device))
    assert refused.value.number == reject.BAD_SIGNATURE


def test_a_verifier_that_fails_accepts_nothing__cve_2023_33768(device, monkeypatch):
    def failing(*arguments):
        raise MemoryError

    image = envelope.build(PAYLOAD, NEXT, 2, KEY)
    monkeypatch.setattr(acceptance.signature, "verify", failing)
    with pytest.raises(MemoryError):
        acceptance.accept(image, len(image), len(image), None, prepared(device))
    assert device.flash.in_slots(device) == []


def prepared(bench):
    asked = bench.store.device
    asked.security_counter, asked.slot_size = 1, 1 << 16
    return asked


# Row 22: insecure defaults. Row 23: unsigned firmware on the air, and the wrong image for a device.


def test_what_nobody_set_up_refuses__insecure_defaults():
    image = envelope.build(PAYLOAD, NEXT, 2, KEY)
    vendor, kind = envelope.vendor_id(0x1234), envelope.class_id(0x1234, 0x84)

    def refused_by(anchors, **more):
        bare = facts.Device(0x1234, 0x84, 1, vendor, kind, 0, 1 << 16, anchors, **more)
        return refusal(lambda: acceptance.accept(image, len(image), len(image), None, bare))

    assert refused_by([]) == reject.NO_TRUST_ANCHOR
    assert refused_by([KEY.public_key]) == reject.TEST_KEY  # nobody said that it was built for test
    assert refused_by([OTHER_KEY.public_key], for_test=True) == reject.UNKNOWN_KEY
    for_one = envelope.build(PAYLOAD, dataclasses.replace(NEXT, destination=bytes(8)), 2, KEY)
    bare = facts.Device(0x1234, 0x84, 1, vendor, kind, 0, 1 << 16, [KEY.public_key], for_test=True)
    call = (for_one, len(for_one), len(for_one), None, bare)
    assert refusal(acceptance.accept, *call) == reject.WRONG_DEVICE
    change = envelope.build(PAYLOAD, NEXT, 2, KEY, envelope.Conditions(revoked=OTHER_KEY.key_id))
    call = (change, len(change), len(change), None, bare)
    assert refusal(acceptance.accept, *call) == reject.WRONG_KEY_USAGE  # a plain key changes no anchors


def test_unsigned_and_foreign_firmware_is_refused__zigbee_ota_620(device):
    plain = upgrade_file.build(PAYLOAD, NEXT, b"", True)
    assert refusal(lambda: deliver(device, plain)) in (reject.MALFORMED_ENVELOPE, reject.MALFORMED_FILE)
    device.store.cancel()
    zeros = with_head(
        lambda image: image.replace(
            cbor2.loads(cbor2.loads(cbor2.loads(image).value[2])[1]).value[3], bytes(64)
        )
    )
    refuses(device, zeros, reject.BAD_SIGNATURE)
    device.store.cancel()
    for identity, number in (
        (dataclasses.replace(NEXT, manufacturer_code=0x4321), reject.WRONG_VENDOR),
        (dataclasses.replace(NEXT, image_type=0x0080), reject.WRONG_CLASS),
        (dataclasses.replace(NEXT, hardware=(7, 9)), reject.WRONG_HARDWARE),
        (dataclasses.replace(NEXT, destination=bytes(8)), reject.WRONG_DEVICE),
    ):
        refuses(device, made(identity=identity), number)
        device.store.cancel()
    # Relabelled by the hub: the header says what the device wants to hear.
    foreign = envelope.build(PAYLOAD, dataclasses.replace(NEXT, image_type=0x0080), 2, KEY)
    refuses(device, upgrade_file.build(foreign, NEXT, b"", False), reject.WRONG_CLASS)


# Downgrade by a hub that offers what the manufacturer withdrew (zigbee2mqtt 25973).


def test_a_hub_cannot_bring_an_old_version_back(device):
    device.update(Image("v3"))
    device.power_on()
    device.flash.log.clear()
    assert device.store.device.file_version == 0x00030000
    # A second build under the running sequence number, with an older file version.
    older = made(sequence=3)
    refuses(device, older, reject.DOWNGRADE)
    device.store.cancel()
    refuses(device, made(sequence=2), reject.ROLLBACK)
    device.store.cancel()
    # The manufacturer can, by a higher number.
    assert deliver(device, made(sequence=4)) in (COMPLETE, RESTART)
