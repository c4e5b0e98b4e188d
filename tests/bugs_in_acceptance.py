"""Bugs in the rules of acceptance: each rule taken out of the table whole, then bent."""

from tools import layout

ACCEPTANCE = "firmware_agent.trust.acceptance"

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
    "interface": "interface_only_what_the_boot_files_offer_and_any_where_the_image_does_not_say",
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
    source = (layout.ROOT / "firmware_agent/trust/acceptance.py").read_text()
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
            *[
                (
                    "oldest <= needed <= newest",
                    bug,
                    "interface_only_what_the_boot_files_offer_and_any_where_the_image_does_not_say",
                )
                for bug in (
                    "needed <= newest",
                    "oldest <= needed",
                    "oldest < needed <= newest",
                    "oldest <= needed < newest",
                )
            ],
            (
                "needed is not None and not",
                "not",
                "interface_only_what_the_boot_files_offer_and_any_where_the_image_does_not_say",
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
        )
    ],
]
