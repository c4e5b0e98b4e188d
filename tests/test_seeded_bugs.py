"""No rule without the test that it is for: each rule is taken out, and its test must fail.

A seeded bug is one change in one module's source. The portable tests are imported afresh
against the changed module, and the named test is run; the unchanged modules come back after.
"""

import functools
import importlib
import importlib.abc
import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

ACCEPTANCE = "firmware_agent.trust.acceptance"
ENVELOPE = "firmware_agent.trust.envelope"
MANIFEST = "firmware_agent.trust.manifest"
CBOR = "firmware_agent.trust.cbor"
ANCHORS = "firmware_agent.trust.anchors"
STORE = "firmware_agent.store.firmware_store"
VERIFIER = "firmware_agent.trust.verifier"
ACTIVATION = "firmware_agent.trust.activation"
CHOICE = "boards.common.verifier"

# module, what stands there, what the bug makes of it, the test that must notice
# A rule of acceptance and the test that must miss it when it is gone from the table.
RULES = {
    "trust anchor": "anchor_without_one_nothing_is_accepted",
    "test key": "key_that_everybody_knows_is_for_a_device_built_for_test",
    "key usage": "key_usage_a_key_for_something_else_signs_no_firmware",
    "digest": "digest_a_declared_one_that_is_not_the_manifest_s_is_refused",
    "signature": "signature_another_s_under_our_key_id_is_refused",
    "vendor id": "vendor",
    "class id": "class",
    "manufacturer code": "manufacturer",
    "image type": "image_type",
    "device": "device_an_image_for_one_device_is_for_that_one_alone",
    "hardware": "hardware_only_within_the_range",
    "sequence number": "sequence_below_the_counter_is_refused_and_equal_is_not",
    "trust anchors": "anchor_change_a_key_that_may_not_is_refused",
    "header": "header_must_say_what_the_manifest_says",
    "file version": "version_goes_down_only_with_a_higher_sequence_number",
    "upgrade pathway": "pathway_too_old_a_device_goes_another_way_first",
    "size": "size_the_payload_must_be_as_long_as_the_manifest_says",
    "slot": "size_the_image_must_fit_the_slot",
    "expiry": "expiry_counts_where_the_device_has_the_time_and_is_named_where_not",
    # Without these no later rule has anything to judge.
    "envelope": "a_good_image_is_accepted",
    "known key": "a_good_image_is_accepted",
    "manifest": "a_good_image_is_accepted",
}


def row(name):
    """The rule's line in acceptance.RULES."""
    source = (ROOT / "firmware_agent/trust/acceptance.py").read_text()
    (line,) = [line for line in source.splitlines() if line.startswith(f'    ("{name}", ')]
    return line + "\n"


# module, what stands there, what the bug makes of it, the test that must notice
BUGS = [
    # The rules of acceptance, in their order: each taken out of the table whole, then bent.
    *[(ACCEPTANCE, row(name), "", f"test_acceptance.test_{test}") for name, test in RULES.items()],
    *[
        (ACCEPTANCE, row(name), row(name).replace("True", "False"), test)
        for name, test in (
            ("expiry", "test_acceptance.test_at_boot_the_rules_of_the_offer_are_left_out"),
            ("upgrade pathway", "test_acceptance.test_at_boot_the_rules_of_the_offer_are_left_out"),
            ("file version", "test_acceptance.test_at_boot_the_rules_of_the_offer_are_left_out"),
            ("header", "test_acceptance.test_a_good_image_is_accepted"),
        )
    ],
    *[
        (ACCEPTANCE, standing, bug, f"test_acceptance.test_{test}")
        for standing, bug, test in (
            (
                "    if case.signer is None:\n",
                "    case.signer = case.signer or case.device.anchors.entries[0]\n    if False:\n",
                "key_another_signer_is_unknown",
            ),
            (" is not True:", " is None:", "signature_another_s_under_our_key_id_is_refused"),
            (
                row("signature") + row("manifest"),
                row("manifest") + row("signature"),
                "signature_comes_before_anything_in_the_manifest",
            ),
            (
                row("digest") + row("signature") + row("manifest"),
                row("manifest") + row("digest") + row("signature"),
                "signature_comes_before_anything_in_the_manifest",
            ),
            (
                "case.signer.for_test() and not case.device.for_test",
                "False",
                "key_that_is_marked_for_test_is_for_a_device_built_for_test",
            ),
            (
                "manifest.hardware_min <= case.device.hardware_version <= manifest",
                "manifest.hardware_min <= manifest",
                "hardware_only_within_the_range",
            ),
            (
                "signed < case.device.security_counter",
                "signed <= case.device.security_counter",
                "sequence_below_the_counter_is_refused_and_equal_is_not",
            ),
            (
                "case.manifest.sequence_number <= case.device.security_counter",
                "case.manifest.sequence_number < case.device.security_counter",
                "version_goes_down_only_with_a_higher_sequence_number",
            ),
            (
                "case.manifest.file_version >= running",
                "case.manifest.file_version > running",
                "version_goes_down_only_with_a_higher_sequence_number",
            ),
            ("running < lowest", "running <= lowest", "pathway_too_old_a_device_goes_another_way_first"),
            (
                "case.device.time >= expiry",
                "case.device.time > expiry",
                "expiry_counts_where_the_device_has_the_time_and_is_named_where_not",
            ),
            (
                '        case.unchecked.append("expiry")\n',
                "        pass\n",
                "expiry_counts_where_the_device_has_the_time_and_is_named_where_not",
            ),
            (
                "if header.destination != manifest.destination:",
                "if False:",
                "header_destination_must_be_the_manifest_s",
            ),
            *[
                (
                    f'    _check_equal("{what}", header.{attribute}, manifest.{attribute})\n',
                    "",
                    "header_must_say_what_the_manifest_says",
                )
                for what, attribute in (
                    ("manufacturer code", "manufacturer_code"),
                    ("image type", "image_type"),
                    ("file version", "file_version"),
                )
            ],
            *[
                (
                    f'    _check_equal("{what}", header.{attribute}, '
                    f"manifest.{attribute} if limited else None)\n",
                    "",
                    "header_hardware_range_must_be_the_manifest_s",
                )
                for what, attribute in (
                    ("minimum hardware", "hardware_min"),
                    ("maximum hardware", "hardware_max"),
                )
            ],
            (
                "manifest.payload_length != manifest.image_size",
                "False",
                "size_the_payload_must_be_as_long_as_the_manifest_says",
            ),
            ("if end != case.image_length", "if False", "size_the_payload_must_end_with_the_image"),
            (
                "if end != case.image_length",
                "if end > case.image_length",
                "size_the_payload_must_end_with_the_image",
            ),
            (
                "Anchors([Anchor(key, FIRMWARE) for",
                "Anchors([Anchor(key, 7) for",
                "key_a_list_of_keys_makes_anchors_that_sign_firmware_and_nothing_else",
            ),
        )
    ],
    # What may change the trust anchors.
    *[
        (ANCHORS, standing, bug, f"test_anchors.test_{test}")
        for standing, bug, test in (
            (
                " or manifest.digest == self.identity:",
                ":",
                "the_same_image_changes_nothing_twice",
            ),
            (
                "if signer is None or not signer.usage & ANCHORS:",
                "if signer is None:",
                "only_a_key_for_anchors_changes_them",
            ),
            (
                "if signer is None or not signer.usage & ANCHORS:",
                "if not signer:\n            signer = self.entries[0]\n        if False:",
                "only_a_key_for_anchors_changes_them",
            ),
            (
                "if manifest.sequence_number <= self.version:",
                "if False:",
                "an_old_change_is_never_played_again",
            ),
            (
                "if manifest.sequence_number <= self.version:",
                "if manifest.sequence_number < self.version:",
                "an_old_change_is_never_played_again",
            ),
            ("if manifest.revoked == signer.key_id:", "if False:", "no_image_revokes_its_own_key"),
            (
                "if manifest.revoked == signer.key_id:",
                "if False:",
                "no_sequence_of_changes_leaves_a_device_that_cannot_go_on",
            ),
            (
                "new.key_id == signer.key_id and new.usage != signer.usage",
                "False",
                "no_image_changes_its_own_key_s_usage",
            ),
            (
                "new.key_id == signer.key_id and new.usage != signer.usage",
                "False",
                "no_sequence_of_changes_leaves_a_device_that_cannot_go_on",
            ),
            (
                "new is not None and new.key_id == manifest.revoked",
                "False",
                "no_image_adds_and_revokes_one_key",
            ),
            ("if len(entries) == MAXIMUM:", "if False:", "there_is_no_room_for_a_fifth"),
            (
                "if known is not None and known.public_key != new.public_key:",
                "if False:",
                "two_keys_never_share_a_key_id",
            ),
            (
                "if new.for_test() and not for_test:",
                "if False:",
                "a_test_key_comes_only_to_a_device_built_for_test",
            ),
            ("bool(self.usage & TEST) or ", "", "a_test_key_comes_only_to_a_device_built_for_test"),
            (" or is_known(self.key_id)", "", "a_test_key_comes_only_to_a_device_built_for_test"),
            ("if len(entries) > MAXIMUM:", "if False:", "there_are_few_and_each_is_another"),
            ("< len(entries):", "< 0:", "there_are_few_and_each_is_another"),
            ("if not 0 < usage <= ALL_USAGES:", "if False:", "an_anchor_is_a_key_with_a_usage"),
        )
    ],
    # When they change, and what boots.
    *[
        (STORE, standing, bug, f"test_anchor_rotation.test_{test}")
        for standing, bug, test in (
            (
                "            self.device.anchors = anchors.unpack(self.state.anchors)\n",
                "",
                "the_factory_s_anchors_are_in_the_flash",
            ),
            (
                "        self.state.anchors = self.device.anchors.pack()\n",
                "",
                "the_factory_s_anchors_are_in_the_flash",
            ),
            (
                "        state.anchors = trusted.pack()\n",
                "",
                "a_rotation_ends_with_the_new_key_alone",
            ),
            (
                "        self.device.anchors = trusted\n",
                "",
                "a_rotation_ends_with_the_new_key_alone",
            ),
            (
                # Two records instead of one: confirmed first, the anchors after it.
                "        state.anchors = trusted.pack()\n        state.rejected_reason = 0\n"
                "        state.clear_download()\n        self.commit()\n",
                "        state.rejected_reason = 0\n        state.clear_download()\n        self.commit()\n"
                "        state.anchors = trusted.pack()\n        self.commit()\n",
                "a_cut_in_every_operation_of_a_rotation_leaves_a_device_that_ends_it",
            ),
            (
                "if slot == self.secondary and found.digest != self.state.identity:",
                "if False:",
                "what_boots_on_trial_is_the_image_that_was_accepted",
            ),
        )
    ],
    (
        MANIFEST,
        "if key >= last:",
        "if False:",
        "test_manifest.test_what_is_outside_the_profile_is_refused",
    ),
    (
        MANIFEST,
        "if key >= last:",
        "if key > last:",
        "test_manifest.test_what_is_outside_the_profile_is_refused",
    ),
    (
        STORE,
        "            device.time = self._utc()\n",
        "            pass\n",
        "test_store_download.test_an_image_that_expires_is_judged_by_the_board_s_clock",
    ),
    # What checks signatures.
    *[
        (CHOICE, standing, bug, f"test_verifier_choice.test_{test}")
        for standing, bug, test in (
            *[
                (check, bug, "native_code_that_gives_one_answer_to_all_is_not_used")
                for check, bug in (
                    ("        verify is None\n        or verify", "        verify"),
                    ("verify(_KEY, _DIGEST, _SIGNATURE, None) is not True\n", "False\n"),
                    ("verify(_KEY, altered, _SIGNATURE, None) is not False\n", "False\n"),
                )
            ],
            ("except (ImportError, ValueError", "except (ValueError", "what_does_not_load_costs_speed_alone"),
            ("    except ValueError as", "    except KeyError as", "a_table_of_another_key_is_not_used"),
            ("        table = None\n", "", "a_table_of_another_key_is_not_used"),
            ("signature.choose(native, table)", "signature.choose(native)", "pinned_uses_the_table"),
            ("signature.choose(native, table)", "signature.choose(None, table)", "each_gets_what_it_chose"),
        )
    ],
    # Who may say that an image runs.
    *[
        (ACTIVATION, standing, bug, f"test_activation.test_{test}")
        for standing, bug, test in (
            ("        or command[:_COUNTER_AT] != _HEAD\n", "", "form"),
            ("        or command[20] != 8\n", "", "form"),
            ("        or command[29:33] != _AFTER_RECIPIENT\n", "", "form"),
            ("len(command) != end + 1 + _SIGNATURE_SIZE or ", "", "form"),
            ('int.from_bytes(payload[at + 2 : date], "big") != counter', "False", "form"),
            ("if not 48 <= digit <= 57:", "if False:", "form"),
            ("if not least <= value <= most:", "if False:", "form"),
            ("if date[14] != 90:", "if False:", "form"),
            ("len(payload) != date + 2 + _DATE_SIZE or ", "", "form"),
            ("device.eui64 is None or ", "", "recipient"),
            (
                "command[_RECIPIENT_AT : _RECIPIENT_AT + 8] != bytes(reversed(device.eui64))",
                "False",
                "recipient",
            ),
            ("not anchor.usage & ACTIVATION or ", "", "key_only_one_for_activation_counts"),
            (
                " or anchor.for_test() and not device.for_test",
                "",
                "key_a_test_key_is_for_a_device_built_for_test",
            ),
            (" is True:\n            break", " is not None:\n            break", "form"),
            ("if read is None:", "if False:", "store_without_a_proven_image_there_is_none"),
            (
                " if slot_hash(read, length, hook) == found.image_hash else HASH_MISMATCH",
                "",
                "store_another_image_s_command_is_a_mismatch",
            ),
            ("if device.time is None:", "if False:", "date_by_the_device_s_own_clock"),
            ("if device.time < when:", "if False:", "date_by_the_device_s_own_clock"),
            ("if device.time < when:", "if device.time <= when:", "date_by_the_device_s_own_clock"),
        )
    ],
    *[
        (STORE, standing, bug, f"test_activation.test_store_{test}")
        for standing, bug, test in (
            (
                "if self.needs_authorisation:",
                "if False:",
                "without_the_command_nothing_is_installed",
            ),
            (
                "if self.needs_authorisation:",
                "if not self.authorised:",
                "a_device_without_such_an_anchor_needs_no_command",
            ),
            ("self.running >= 0 and ", "", "while_no_slot_runs_any_good_image_helps"),
            (
                "        self._verified = False\n        self.authorised = False\n\n    def _accept(",
                "        self._verified = False\n\n    def _accept(",
                "the_word_is_for_one_image_and_one_boot",
            ),
            (
                "            self.device.time = self._utc()\n        read",
                "            pass\n        read",
                "a_date_needs_the_board_s_clock",
            ),
        )
    ],
    # The stored bytes.
    (
        VERIFIER,
        "self._hash.digest() != self._manifest.image_digest",
        "False",
        "test_slot_verifier.test_slot_with_one_wrong_bit_is_refused",
    ),
    (
        VERIFIER,
        "            self._check_head()\n",
        "",
        "test_slot_verifier.test_slot_with_another_head_is_refused",
    ),
    (
        VERIFIER,
        "            or stored.signature != manifest.signature\n",
        "",
        "test_slot_verifier.test_slot_with_another_head_is_refused",
    ),
    (
        VERIFIER,
        "            or stored.declared_digest != manifest.declared_digest\n",
        "",
        "test_slot_verifier.test_slot_with_another_head_is_refused",
    ),
    (
        VERIFIER,
        "            or stored.payload_length != manifest.payload_length\n",
        "",
        "test_slot_verifier.test_slot_with_another_head_is_refused",
    ),
    # The envelope and the manifest.
    (
        ENVELOPE,
        "if self.declared_digest != self.digest:",
        "if False:",
        "test_manifest.test_the_declared_digest_must_be_the_manifest_s",
    ),
    (
        ENVELOPE,
        "cbor.Reader(buf, 0, min(n, HEAD_LIMIT), HEAD_LIMIT)",
        "cbor.Reader(buf, 0, n, 1 << 40)",
        "test_manifest.test_nothing_longer_than_the_limit_is_waited_for",
    ),
    (
        ENVELOPE,
        "if n and buf[0] >> 5 != cbor.TAG or reader.tag() != ENVELOPE_TAG:",
        "if reader.tag() < 0:",
        "test_manifest.test_what_cannot_become_an_envelope_is_refused_with_its_first_wrong_byte",
    ),
    (
        ENVELOPE,
        "if not reader.text_is(PAYLOAD):",
        "if reader.text_is(b''):",
        "test_manifest.test_the_payload_has_its_name_and_comes_last",
    ),
    (
        ENVELOPE,
        "if algorithm not in (ESP256, ES256):",
        "if False:",
        "test_manifest.test_both_names_of_the_algorithm_are_read",
    ),
    *[
        (ENVELOPE, standing, bug, "test_manifest.test_the_authentication_wrapper_is_the_profile_s")
        for standing, bug in (
            ('expect_count(reader, "authentication wrapper", reader.array(), 2)', "reader.array()"),
            ("if block.tag() != SIGN1_TAG:", "if block.tag() < 0:"),
            ('expect_count(block, "COSE_Sign1", block.array(), 4)', "block.array()"),
            ("if block.map() != 0:", "if block.map() < 0:"),
            ('expect(protected, "protected header", ALGORITHM)', "protected.integer()"),
            ('expect(protected, "protected header", KEY_ID)', "protected.integer()"),
            ('expect(digest, "digest algorithm", SHA_256)', "digest.integer()"),
        )
    ],
    *[
        (MANIFEST, standing, bug, "test_manifest.test_what_is_outside_the_profile_is_refused")
        for standing, bug in (
            ('expect(reader, "manifest version", VERSION)', "reader.integer()"),
            *[
                (f'expect(reader, "{what}", {key})', "reader.integer()")
                for what, keys in {
                    "manifest key": "MANIFEST_VERSION SEQUENCE_NUMBER COMMON VALIDATE INVOKE INSTALL",
                    "common key": "COMPONENTS SHARED_SEQUENCE",
                    "parameter": "VENDOR_ID CLASS_ID IMAGE_DIGEST IMAGE_SIZE MANUFACTURER_CODE IMAGE_TYPE "
                    "FILE_VERSION URI",
                }.items()
                for key in keys.split()
            ],
            ('expect_count(reader, "components", reader.array(), 1)', "reader.array()"),
            ('expect_count(reader, "component identifier", reader.array(), 1)', "reader.array()"),
            ("if end - start != 1 or reader.buf[start] != COMPONENT_ID:", "if end - start != 1:"),
            ("if end - start != 1 or reader.buf[start] != COMPONENT_ID:", "if reader.buf[start]:"),
            ('    expect(reader, "reporting policy", REPORT_ALL)', "    reader.integer()"),
            (
                "if not reader.text_is(PAYLOAD):",
                "if reader.text_is(b''):",
            ),
        )
    ],
    *[
        (MANIFEST, standing, bug, "test_manifest.test_what_does_not_decode_is_refused")
        for standing, bug in (
            ("INSTALL)\n        _read_install(reader.wrapped())\n        reader.finish()", "INSTALL)"),
            ("self.manufacturer_code = reader.uint(0xFFFF)", "self.manufacturer_code = reader.uint()"),
            ("self.image_type = reader.uint(0xFFFF)", "self.image_type = reader.uint()"),
            ("self.hardware_min > self.hardware_max", "False"),
            ("self.destination = reader.copy(EUI64_SIZE)", "self.destination = reader.byte_string()"),
            ("self.revoked = reader.copy(KEY_ID_SIZE)", "self.revoked = reader.byte_string()"),
            ("usage = reader.uint(ALL_USAGES)", "usage = reader.uint() & ALL_USAGES"),
            ("if usage == 0:", "if False:"),
            ("_expect_each(reader, commands)\n    reader.finish()", "_expect_each(reader, commands)"),
            ("(FETCH, IMAGE_MATCH))\n    reader.finish()", "(FETCH, IMAGE_MATCH))"),
            ("self.vendor_id = reader.copy(UUID_SIZE)", "self.vendor_id = reader.byte_string()"),
        )
    ],
    (CBOR, "if value < (24", "if False and (24", "test_cbor.test_only_the_shortest_form_is_read"),
    (CBOR, "if size > 4:", "if False:", "test_cbor.test_more_than_32_bits_are_refused"),
    (CBOR, "if short > 27:", "if False:", "test_cbor.test_indefinite_and_reserved_lengths_are_refused"),
    (
        CBOR,
        "if first >> 5 != major:",
        "if False:",
        "test_cbor.test_another_type_is_refused_with_offset_and_both_names",
    ),
    (
        CBOR,
        "if length is not None and size != length:",
        "if False:",
        "test_cbor.test_a_string_of_another_length_is_refused",
    ),
    (
        CBOR,
        "if end > self.limit:",
        "if False:",
        "test_cbor.test_what_passes_the_limit_is_refused_without_waiting",
    ),
    (CBOR, "if end > self.end:", "if False:", "test_cbor.test_a_buffer_that_still_grows_asks_for_more"),
    (
        CBOR,
        "if value > maximum:",
        "if False:",
        "test_cbor.test_an_integer_above_its_maximum_is_refused_where_it_stands",
    ),
    (CBOR, "if self.pos != self.end:", "if False:", "test_cbor.test_nothing_may_follow"),
    (
        CBOR,
        "        if end - start != len(expected):\n            return False\n",
        "",
        "test_cbor.test_text_is_compared_whole",
    ),
    (
        CBOR,
        "return Reader(self.buf, start, end)",
        "return Reader(self.buf, start, self.end)",
        "test_cbor.test_what_is_wrapped_ends_with_its_byte_string",
    ),
    (
        CBOR,
        "return Reader(self.buf, start, end)",
        "return Reader(self.buf, start, end, self.end)",
        "test_cbor.test_a_string_cannot_reach_out_of_what_wraps_it",
    ),
]


@functools.cache
def compiled(name):
    """A module's code: without pytest's rewriting of asserts, which would take most of the time here."""
    path = ROOT / (name.replace(".", "/") + ".py")
    return compile(path.read_text(), str(path), "exec")


class Fresh(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports the portable tests, and one module of the device from changed source."""

    def __init__(self, changed=None, source=""):
        self.codes = {changed: compile(source, f"{changed} (changed)", "exec")} if changed else {}

    def find_spec(self, name, path, target=None):
        if name.startswith("tests.portable."):
            self.codes[name] = compiled(name)
        return importlib.util.spec_from_loader(name, self) if name in self.codes else None

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        exec(self.codes[module.__name__], module.__dict__)


def is_ours(name):
    return name == "firmware_agent" or name.startswith(("firmware_agent.", "boards.common", "tests.portable"))


@pytest.fixture
def fresh_modules():
    """The device's modules and their tests are imported again, and the old ones come back."""
    kept = {name: sys.modules.pop(name) for name in list(sys.modules) if is_ours(name)}
    path = list(sys.meta_path)
    yield
    sys.meta_path[:] = path
    for name in list(sys.modules):
        if is_ours(name):
            del sys.modules[name]
    sys.modules.update(kept)
    if "tests.portable" in kept:
        sys.modules["tests"].portable = kept["tests.portable"]


def run(test):
    module, function = test.split(".")
    getattr(importlib.import_module(f"tests.portable.{module}"), function)()


@pytest.mark.parametrize(
    ("module", "standing", "bug", "test"),
    BUGS,
    ids=[f"{bug[3].split('.')[1]}-{at}" for at, bug in enumerate(BUGS)],
)
def test_a_rule_that_is_taken_out_is_missed(fresh_modules, module, standing, bug, test):
    source = (ROOT / (module.replace(".", "/") + ".py")).read_text()
    assert source.count(standing) == 1, f"{module} has {source.count(standing)} times: {standing}"
    sys.meta_path.insert(0, Fresh(module, source.replace(standing, bug)))
    refused = importlib.import_module("firmware_agent.reject").Rejected
    waits = importlib.import_module("firmware_agent.trust.cbor").NeedMore
    lost = importlib.import_module("firmware_agent.boot").NothingBoots
    # An assertion of the test's, or what comes of going on with what should have been refused.
    goes_on = (
        AssertionError,
        AttributeError,
        ImportError,
        LookupError,
        TypeError,
        ValueError,
        refused,
        waits,
        lost,
    )
    with pytest.raises(goes_on):
        run(test)


@pytest.mark.parametrize("test", sorted({bug[3] for bug in BUGS}))
def test_with_no_rule_taken_out_nothing_is_missed(fresh_modules, test):
    sys.meta_path.insert(0, Fresh())
    run(test)
