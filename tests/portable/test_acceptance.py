"""Every rule of acceptance: the image that passes, and for each rule the one that it alone refuses."""

from firmware_agent import reject
from firmware_agent.reject import Rejected
from firmware_agent.trust import acceptance
from firmware_agent.trust.manifest import decode
from firmware_agent.trust.verifier import STEP_SIZE, SlotVerifier
from tests.portable import envelope_vectors as vectors

PLAIN = vectors.GOOD["plain"]
LIMITED = vectors.GOOD["limited"]


class Header:
    """A ZigBee header that suits PLAIN, unless told otherwise."""

    def __init__(
        self,
        manufacturer_code=0x1234,
        image_type=0x0084,
        file_version=0x00010203,
        hardware_min=None,
        hardware_max=None,
    ):
        self.manufacturer_code = manufacturer_code
        self.image_type = image_type
        self.file_version = file_version
        self.hardware_min = hardware_min
        self.hardware_max = hardware_max


def device():
    return acceptance.Device(
        0x1234, 0x0084, 3, vectors.VENDOR_ID, vectors.CLASS_ID, 7, 4096, [vectors.PUBLIC_KEY]
    )


def accept(head, header=None, to=None, extra=0, n=None):
    """Accept a head with PAYLOAD behind it (``extra`` bytes more)."""
    length = len(head) + len(vectors.PAYLOAD) + extra
    return acceptance.accept(head, len(head) if n is None else n, length, header, to or device())


def refusal(head, header=None, to=None, extra=0, n=None):
    """The number of the rule that refuses."""
    try:
        accept(head, header, to, extra, n)
    except Rejected as error:
        return error.number
    raise AssertionError("not refused")


def test_a_good_image_is_accepted():
    for name, head in vectors.GOOD.items():
        manifest = accept(head)
        assert manifest.file_version == 0x00010203, name
        assert manifest.digest == decode(head, len(head)).digest, name
    assert accept(PLAIN, Header()).file_version == 0x00010203
    assert accept(LIMITED, Header(hardware_min=2, hardware_max=5)).hardware_min == 2


def test_the_head_may_lie_at_the_start_of_a_longer_buffer():
    buf = bytearray(512)
    buf[: len(PLAIN)] = PLAIN
    length = len(PLAIN) + len(vectors.PAYLOAD)
    manifest = acceptance.accept(memoryview(buf), len(PLAIN), length, None, device())
    assert manifest.head_length == len(PLAIN)


def test_bounds_an_incomplete_head_is_refused():
    assert refusal(PLAIN, n=len(PLAIN) - 1) == reject.MALFORMED_ENVELOPE
    assert refusal(b"") == reject.MALFORMED_ENVELOPE


def test_anchor_without_one_nothing_is_accepted():
    keyless = device()
    keyless.anchors = []
    assert refusal(PLAIN, to=keyless) == reject.NO_TRUST_ANCHOR


def test_key_another_signer_is_unknown():
    assert refusal(vectors.BREAKING_A_RULE["other-key"]) == reject.UNKNOWN_KEY


def test_key_any_of_several_anchors_will_do():
    both = device()
    both.anchors = [vectors.OTHER_PUBLIC_KEY, vectors.PUBLIC_KEY]
    assert accept(PLAIN, to=both).sequence_number == 7
    assert accept(vectors.BREAKING_A_RULE["other-key"], to=both).sequence_number == 7


def test_digest_a_declared_one_that_is_not_the_manifest_s_is_refused():
    data = bytearray(PLAIN)
    data[20] ^= 0x80  # in the declared digest; the signature is over the computed one
    assert refusal(data) == reject.BAD_SIGNATURE


def test_signature_another_s_under_our_key_id_is_refused():
    assert refusal(vectors.BREAKING_A_RULE["forged"]) == reject.BAD_SIGNATURE


def test_signature_every_byte_of_it_counts():
    for at in (67, 98, 99, 130):  # first and last of r, then of s
        data = bytearray(PLAIN)
        data[at] ^= 1
        assert refusal(data) == reject.BAD_SIGNATURE, at


def test_signature_comes_before_anything_in_the_manifest():
    # A manifest that does not even decode is refused for its digest: unsigned bytes are not read.
    data = bytearray(PLAIN)
    start = data.find(b"\xa6\x01\x01\x02\x07")
    data[start] = 0xFF
    assert refusal(data) == reject.BAD_SIGNATURE


def test_manifest_a_signed_one_outside_the_profile_is_refused():
    assert refusal(vectors.BREAKING_A_RULE["version-2"]) == reject.UNSUPPORTED_MANIFEST


def test_vendor():
    assert refusal(vectors.BREAKING_A_RULE["other-vendor"]) == reject.WRONG_VENDOR


def test_class():
    assert refusal(vectors.BREAKING_A_RULE["other-class"]) == reject.WRONG_CLASS


def test_manufacturer():
    assert refusal(vectors.BREAKING_A_RULE["other-manufacturer"]) == reject.WRONG_MANUFACTURER


def test_image_type():
    assert refusal(vectors.BREAKING_A_RULE["other-image-type"]) == reject.WRONG_IMAGE_TYPE


def test_hardware_only_within_the_range():
    for version, fits in ((0, False), (1, False), (2, True), (5, True), (6, False), (0xFFFF, False)):
        other = device()
        other.hardware_version = version
        if fits:
            assert accept(LIMITED, to=other).hardware_limited, version
        else:
            assert refusal(LIMITED, to=other) == reject.WRONG_HARDWARE, version
        assert accept(PLAIN, to=other).hardware_max == 0xFFFF, version


def test_sequence_below_the_counter_is_refused_and_equal_is_not():
    newer = device()
    newer.security_counter = 8
    assert refusal(PLAIN, to=newer) == reject.ROLLBACK
    newer.security_counter = 7
    assert accept(PLAIN, to=newer).sequence_number == 7
    newer.security_counter = 0
    assert accept(PLAIN, to=newer).sequence_number == 7


def test_header_must_say_what_the_manifest_says():
    assert refusal(PLAIN, Header(manufacturer_code=0x4321)) == reject.HEADER_MISMATCH
    assert refusal(PLAIN, Header(image_type=0x0080)) == reject.HEADER_MISMATCH
    assert refusal(PLAIN, Header(file_version=0x00010204)) == reject.HEADER_MISMATCH


def test_header_hardware_range_must_be_the_manifest_s():
    assert refusal(PLAIN, Header(hardware_min=0, hardware_max=0xFFFF)) == reject.HEADER_MISMATCH
    assert refusal(LIMITED, Header()) == reject.HEADER_MISMATCH
    assert refusal(LIMITED, Header(hardware_min=1, hardware_max=5)) == reject.HEADER_MISMATCH
    assert refusal(LIMITED, Header(hardware_min=2, hardware_max=6)) == reject.HEADER_MISMATCH


def test_size_the_payload_must_end_with_the_image():
    for extra in (-len(vectors.PAYLOAD), -1, 1, 1 << 32):
        assert refusal(PLAIN, extra=extra) == reject.SIZE_MISMATCH, extra


def test_size_the_payload_must_be_as_long_as_the_manifest_says():
    assert refusal(vectors.BREAKING_A_RULE["other-size"]) == reject.SIZE_MISMATCH


def test_size_the_image_must_fit_the_slot():
    small = device()
    small.slot_size = len(PLAIN) + len(vectors.PAYLOAD)
    assert accept(PLAIN, to=small).image_size == len(vectors.PAYLOAD)
    small.slot_size -= 1
    assert refusal(PLAIN, to=small) == reject.TOO_LARGE


def test_the_hook_is_called_while_the_signature_is_computed():
    calls = []
    length = len(PLAIN) + len(vectors.PAYLOAD)
    acceptance.accept(PLAIN, len(PLAIN), length, None, device(), lambda: calls.append(1))
    assert len(calls) > 10


def test_of_two_broken_rules_the_earlier_one_is_named():
    # Each device or header breaks one rule more, an earlier one each time.
    order = (
        (reject.TOO_LARGE, "slot_size", 0),
        (reject.ROLLBACK, "security_counter", 8),
        (reject.WRONG_HARDWARE, "hardware_version", 9),
        (reject.WRONG_IMAGE_TYPE, "image_type", 1),
        (reject.WRONG_MANUFACTURER, "manufacturer_code", 1),
        (reject.WRONG_CLASS, "class_id", bytes(16)),
        (reject.WRONG_VENDOR, "vendor_id", bytes(16)),
        (reject.UNKNOWN_KEY, "anchors", [vectors.OTHER_PUBLIC_KEY]),
        (reject.NO_TRUST_ANCHOR, "anchors", []),
    )
    worse = device()
    for number, attribute, value in order:
        setattr(worse, attribute, value)
        assert refusal(LIMITED, to=worse) == number, attribute
        if number == reject.TOO_LARGE:
            # Between the slot and the counter: the header, then the sizes.
            wrong = Header(file_version=1, hardware_min=2, hardware_max=5)
            assert refusal(LIMITED, to=worse, extra=1) == reject.SIZE_MISMATCH
            assert refusal(LIMITED, wrong, to=worse, extra=1) == reject.HEADER_MISMATCH


class Slot:
    """A slot in RAM; ``reads`` are the (offset, size) that were asked for."""

    def __init__(self, image):
        self.image = bytearray(image)
        self.reads = []

    def read(self, offset, buf):
        self.reads.append((offset, len(buf)))
        buf[:] = self.image[offset : offset + len(buf)]


def steps_until_done(verifier):
    steps = 1
    while not verifier.step():
        steps += 1
        assert steps < 100
    return steps


def mismatch(slot, head=PLAIN):
    """Whether the slot is refused for its digest."""
    verifier = SlotVerifier(slot.read, decode(head, len(head)))
    try:
        steps_until_done(verifier)
    except Rejected as error:
        assert error.number == reject.DIGEST_MISMATCH, error
        return True
    return False


def test_slot_that_holds_the_image_is_proven_in_small_steps():
    slot = Slot(PLAIN + vectors.PAYLOAD)
    verifier = SlotVerifier(slot.read, decode(PLAIN, len(PLAIN)))
    assert steps_until_done(verifier) == 1 + 3  # the head, then 2510 bytes
    assert verifier.step()
    assert slot.reads[0] == (0, len(PLAIN))
    at = len(PLAIN)
    for offset, size in slot.reads[1:]:
        assert offset == at and 0 < size <= STEP_SIZE
        at += size
    assert at == len(slot.image)


def test_slot_with_one_wrong_bit_is_refused():
    for at in (0, 1023, 1024, 2048, len(vectors.PAYLOAD) - 1):
        slot = Slot(PLAIN + vectors.PAYLOAD)
        slot.image[len(PLAIN) + at] ^= 0x10
        assert mismatch(slot), at
    assert not mismatch(Slot(PLAIN + vectors.PAYLOAD))


def test_slot_with_another_head_is_refused():
    for at in range(len(PLAIN)):
        slot = Slot(PLAIN + vectors.PAYLOAD)
        slot.image[at] ^= 0x01
        assert mismatch(slot), at
    assert mismatch(Slot(bytes(len(PLAIN)) + vectors.PAYLOAD))


def test_slot_whose_digest_is_not_the_signed_one_is_refused():
    head = vectors.BREAKING_A_RULE["other-digest"]
    assert mismatch(Slot(head + vectors.PAYLOAD), head)


def test_slot_once_refused_stays_refused():
    slot = Slot(PLAIN + vectors.PAYLOAD)
    slot.image[-1] ^= 1
    verifier = SlotVerifier(slot.read, decode(PLAIN, len(PLAIN)))
    for _ in range(2):
        try:
            steps_until_done(verifier)
        except Rejected as error:
            assert error.number == reject.DIGEST_MISMATCH
        else:
            raise AssertionError("not refused")


def test_slot_that_changes_after_its_head_was_read_is_refused():
    slot = Slot(PLAIN + vectors.PAYLOAD)
    verifier = SlotVerifier(slot.read, decode(PLAIN, len(PLAIN)))
    assert not verifier.step()
    slot.image[len(PLAIN) + 5] ^= 1
    try:
        steps_until_done(verifier)
    except Rejected as error:
        assert error.number == reject.DIGEST_MISMATCH
        return
    raise AssertionError("not refused")
