"""Every rule of acceptance: the image that passes, and for each rule the one that it alone refuses."""

import firmware_agent
from firmware_agent import reject
from firmware_agent.reject import Rejected
from firmware_agent.store import facts
from firmware_agent.trust import acceptance
from firmware_agent.trust.anchors import ACTIVATION, ANCHORS, FIRMWARE, TEST, Anchor, Anchors, unpack
from firmware_agent.trust.manifest import decode
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
        destination=None,
    ):
        self.manufacturer_code = manufacturer_code
        self.image_type = image_type
        self.file_version = file_version
        self.hardware_min = hardware_min
        self.hardware_max = hardware_max
        self.destination = destination


def trusting(*anchors):
    return Anchors([Anchor(public_key, usage) for public_key, usage in anchors]).pack()


OURS = (vectors.PUBLIC_KEY, FIRMWARE | ANCHORS)
OTHER = (vectors.OTHER_PUBLIC_KEY, FIRMWARE | ANCHORS)


def device():
    made = facts.Device(
        0x1234,
        0x0084,
        3,
        vectors.VENDOR_ID,
        vectors.CLASS_ID,
        7,
        4096,
        trusting(OURS),
        vectors.EUI64,
        True,  # the vectors' keys are known to everybody
    )
    made.interfaces = (vectors.INTERFACE, vectors.INTERFACE + 2)
    made.file_version = vectors.UPGRADE_FROM
    made.time = vectors.EXPIRY - 1
    return made


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
    everything = Header(hardware_min=2, hardware_max=5, destination=vectors.EUI64)
    assert accept(vectors.GOOD["everything"], everything).expiry == vectors.EXPIRY
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
    keyless.anchors = trusting()
    assert refusal(PLAIN, to=keyless) == reject.NO_TRUST_ANCHOR


def test_key_another_signer_is_unknown():
    assert refusal(vectors.BREAKING_A_RULE["other-key"]) == reject.UNKNOWN_KEY


def test_key_any_of_several_anchors_will_do():
    both = device()
    both.anchors = trusting(OTHER, OURS)
    assert accept(PLAIN, to=both).sequence_number == 7
    assert accept(vectors.BREAKING_A_RULE["other-key"], to=both).sequence_number == 7


def test_key_a_list_of_keys_makes_anchors_that_sign_firmware_and_nothing_else():
    made = facts.Device(0, 0, 0, b"", b"", 0, 0, [vectors.PUBLIC_KEY])
    assert [anchor.usage for anchor in unpack(made.anchors).entries] == [FIRMWARE]
    assert not made.for_test


def test_key_that_everybody_knows_is_for_a_device_built_for_test():
    ordinary = device()
    ordinary.for_test = False
    assert refusal(PLAIN, to=ordinary) == reject.TEST_KEY


def test_key_that_is_marked_for_test_is_for_a_device_built_for_test():
    ordinary = device()
    ordinary.for_test = False
    kept = Anchor.for_test
    try:
        # As if nobody knew the vectors' keys: then only the mark is left.
        Anchor.for_test = lambda anchor: bool(anchor.usage & TEST)
        assert accept(PLAIN, to=ordinary).sequence_number == 7
        ordinary.anchors = trusting((vectors.PUBLIC_KEY, FIRMWARE | TEST))
        assert refusal(PLAIN, to=ordinary) == reject.TEST_KEY
    finally:
        Anchor.for_test = kept
    assert Anchor(vectors.PUBLIC_KEY, FIRMWARE).for_test()


def test_key_usage_a_key_for_something_else_signs_no_firmware():
    supplied = device()
    for usage in (ACTIVATION, ANCHORS, TEST, ACTIVATION | ANCHORS | TEST):
        supplied.anchors = trusting(OTHER, (vectors.PUBLIC_KEY, usage))
        assert refusal(PLAIN, to=supplied) == reject.WRONG_KEY_USAGE, usage
    supplied.anchors = trusting((vectors.PUBLIC_KEY, FIRMWARE | ACTIVATION))
    assert accept(PLAIN, to=supplied).sequence_number == 7


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
    assert refusal(vectors.BREAKING_A_RULE["forged-version-2"]) == reject.BAD_SIGNATURE


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


# rule: header-checked
def test_hardware_only_within_the_range():
    for version, fits in ((0, False), (1, False), (2, True), (5, True), (6, False), (0xFFFF, False)):
        other = device()
        other.hardware_version = version
        if fits:
            assert accept(LIMITED, to=other).hardware_limited, version
        else:
            assert refusal(LIMITED, to=other) == reject.WRONG_HARDWARE, version
        assert accept(PLAIN, to=other).hardware_max == 0xFFFF, version


def test_interface_only_what_the_boot_files_offer_and_any_where_the_image_does_not_say():
    head = vectors.GOOD["needs-interface"]
    needed = vectors.INTERFACE
    to = device()
    for oldest, newest in ((needed, needed), (needed - 2, needed), (needed, needed + 2), (0, 0xFFFF)):
        to.interfaces = (oldest, newest)
        assert accept(head, to=to).interface == needed
        assert accept(PLAIN, to=to).interface is None
    for oldest, newest in ((needed - 2, needed - 1), (needed + 1, needed + 2)):
        to.interfaces = (oldest, newest)
        # Not the offer's rule alone: boot files that were changed under a slot do not run it, either.
        assert refusal(head, to=to) == refusal(head, Header(), to) == reject.WRONG_INTERFACE
        assert accept(PLAIN, to=to).interface is None


def test_interface_a_device_offers_is_the_boot_files_own():
    made = facts.Device(0, 0, 0, b"", b"", 0, 0, [vectors.PUBLIC_KEY])
    assert made.interfaces == (firmware_agent.OLDEST_INTERFACE, firmware_agent.INTERFACE)
    assert 1 <= firmware_agent.OLDEST_INTERFACE <= firmware_agent.INTERFACE


# rule: offer-lower-version
def test_sequence_below_the_counter_is_refused_and_equal_is_not():
    newer = device()
    newer.security_counter = 8
    assert refusal(PLAIN, to=newer) == reject.ROLLBACK
    newer.security_counter = 7
    assert accept(PLAIN, to=newer).sequence_number == 7
    newer.security_counter = 0
    assert accept(PLAIN, to=newer).sequence_number == 7


# rule: header-checked, hub-force
def test_header_must_say_what_the_manifest_says():
    assert refusal(PLAIN, Header(manufacturer_code=0x4321)) == reject.HEADER_MISMATCH
    assert refusal(PLAIN, Header(image_type=0x0080)) == reject.HEADER_MISMATCH
    assert refusal(PLAIN, Header(file_version=0x00010204)) == reject.HEADER_MISMATCH


# rule: header-checked
def test_header_hardware_range_must_be_the_manifest_s():
    assert refusal(PLAIN, Header(hardware_min=0, hardware_max=0xFFFF)) == reject.HEADER_MISMATCH
    assert refusal(LIMITED, Header()) == reject.HEADER_MISMATCH
    assert refusal(LIMITED, Header(hardware_min=1, hardware_max=5)) == reject.HEADER_MISMATCH
    assert refusal(LIMITED, Header(hardware_min=2, hardware_max=6)) == reject.HEADER_MISMATCH


def test_device_an_image_for_one_device_is_for_that_one_alone():
    head = vectors.GOOD["destined"]
    assert accept(head).destination == vectors.EUI64
    for eui64 in (None, bytes(8), bytes(reversed(vectors.EUI64))):
        other = device()
        other.eui64 = eui64
        assert refusal(head, to=other) == reject.WRONG_DEVICE
        assert accept(PLAIN, to=other).destination is None


def test_header_destination_must_be_the_manifest_s():
    head = vectors.GOOD["destined"]
    assert accept(head, Header(destination=vectors.EUI64)).destination == vectors.EUI64
    assert refusal(head, Header()) == reject.HEADER_MISMATCH
    assert refusal(head, Header(destination=bytes(8))) == reject.HEADER_MISMATCH
    assert refusal(PLAIN, Header(destination=vectors.EUI64)) == reject.HEADER_MISMATCH


def test_anchor_change_a_key_that_may_not_is_refused():
    weak = device()
    weak.anchors = trusting((vectors.PUBLIC_KEY, FIRMWARE), OTHER)
    assert accept(PLAIN, to=weak).revoked is None
    for name in ("adds-anchor", "revokes-anchor"):
        assert refusal(vectors.GOOD[name], to=weak) == reject.WRONG_KEY_USAGE, name
    assert refusal(vectors.BREAKING_A_RULE["revokes-its-own"]) == reject.ANCHOR_CHANGE


def test_version_goes_down_only_with_a_higher_sequence_number():
    newer = device()
    newer.file_version = 0x00010204
    assert refusal(PLAIN, Header(), to=newer) == reject.DOWNGRADE
    newer.security_counter = 6
    assert accept(PLAIN, Header(), to=newer).file_version == 0x00010203
    # A re-install, and a first one.
    for running in (0x00010203, 0x00010202, None):
        newer.security_counter = 7
        newer.file_version = running
        assert accept(PLAIN, Header(), to=newer).file_version == 0x00010203


def test_pathway_too_old_a_device_goes_another_way_first():
    head = vectors.GOOD["upgrade-from"]
    old = device()
    assert accept(head, Header(), to=old).upgrade_from == old.file_version
    old.file_version -= 1
    assert refusal(head, Header(), to=old) == reject.UPGRADE_PATHWAY
    old.file_version = 0
    assert refusal(head, Header(), to=old) == reject.UPGRADE_PATHWAY
    assert accept(PLAIN, Header(), to=old).upgrade_from is None
    old.file_version = None  # at the factory nothing runs
    assert accept(head, Header(), to=old).upgrade_from == vectors.UPGRADE_FROM


def test_expiry_counts_where_the_device_has_the_time_and_is_named_where_not():
    head = vectors.GOOD["expiring"]
    late = device()
    assert accept(head, Header(), to=late).unchecked == []
    late.time = vectors.EXPIRY
    assert refusal(head, Header(), to=late) == reject.EXPIRED
    late.time += 1
    assert refusal(head, Header(), to=late) == reject.EXPIRED
    assert accept(PLAIN, Header(), to=late).unchecked == []
    late.time = None
    assert accept(head, Header(), to=late).unchecked == ["expiry"]
    assert accept(PLAIN, Header(), to=late).unchecked == []


def test_at_boot_the_rules_of_the_offer_are_left_out():
    # What is confirmed boots when its date has passed, and whatever ran before.
    booting = device()
    booting.time = vectors.EXPIRY + 1
    booting.file_version = 0
    for name in ("expiring", "upgrade-from"):
        assert accept(vectors.GOOD[name], None, to=booting).sequence_number == 7, name
    booting.file_version = 0xFFFFFFFE
    assert accept(PLAIN, None, to=booting).sequence_number == 7


def test_every_rule_has_a_name_of_its_own():
    names = [name for name, _, _ in acceptance.RULES]
    assert len(set(names)) == len(names) == 23
    assert [name for name, _, offered in acceptance.RULES if offered] == [
        "header",
        "file version",
        "upgrade pathway",
        "expiry",
    ]


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
    # Each step breaks one rule more, an earlier one each time.
    head = vectors.GOOD["everything"]
    right = {"hardware_min": 2, "hardware_max": 5, "destination": vectors.EUI64}
    wrong = {"file_version": 1}
    order = (
        (reject.EXPIRED, "time", vectors.EXPIRY, right, 0),
        (reject.TOO_LARGE, "slot_size", 0, right, 0),
        (reject.SIZE_MISMATCH, None, None, right, 1),
        (reject.UPGRADE_PATHWAY, "file_version", vectors.UPGRADE_FROM - 1, right, 1),
        (reject.HEADER_MISMATCH, None, None, wrong, 1),
        (reject.WRONG_KEY_USAGE, "anchors", trusting((vectors.PUBLIC_KEY, FIRMWARE)), wrong, 1),
        (reject.ROLLBACK, "security_counter", 8, wrong, 1),
        (reject.WRONG_INTERFACE, "interfaces", (1, vectors.INTERFACE - 1), wrong, 1),
        (reject.WRONG_HARDWARE, "hardware_version", 9, wrong, 1),
        (reject.WRONG_DEVICE, "eui64", bytes(8), wrong, 1),
        (reject.WRONG_IMAGE_TYPE, "image_type", 1, wrong, 1),
        (reject.WRONG_MANUFACTURER, "manufacturer_code", 1, wrong, 1),
        (reject.WRONG_CLASS, "class_id", bytes(16), wrong, 1),
        (reject.WRONG_VENDOR, "vendor_id", bytes(16), wrong, 1),
        (reject.WRONG_KEY_USAGE, "anchors", trusting((vectors.PUBLIC_KEY, ACTIVATION)), wrong, 1),
        (reject.TEST_KEY, "for_test", False, wrong, 1),
        (reject.UNKNOWN_KEY, "anchors", trusting(OTHER), wrong, 1),
        (reject.NO_TRUST_ANCHOR, "anchors", trusting(), wrong, 1),
    )
    worse = device()
    assert accept(head, Header(**right), to=worse).new_anchor is not None
    for number, attribute, value, header, extra in order:
        if attribute is not None:
            setattr(worse, attribute, value)
        assert refusal(head, Header(**header), to=worse, extra=extra) == number, attribute
    # The downgrade needs the counter at the sequence number: between the header and the pathway.
    newer = device()
    newer.file_version = 0xFFFFFFFE
    assert refusal(head, Header(**right), to=newer, extra=1) == reject.DOWNGRADE
    assert refusal(head, Header(**wrong), to=newer, extra=1) == reject.HEADER_MISMATCH
