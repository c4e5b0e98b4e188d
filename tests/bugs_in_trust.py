"""Bugs in what is trusted: anchors and their change, verifiers, activation, the stored bytes."""

ANCHORS = "firmware_agent.trust.anchors"
STORE = "firmware_agent.store.firmware_store"
CHECKS = "firmware_agent.store.checks"
FACTS = "firmware_agent.store.facts"
VERIFIER = "firmware_agent.trust.verifier"
ACTIVATION = "firmware_agent.trust.activation"
CHOICE = "boards.common.verifier"

# module, what stands there, what the bug makes of it, the test that must notice
BUGS = [
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
                "            self.device.anchors = self.state.anchors\n",
                "",
                "the_factory_s_anchors_are_in_the_flash",
            ),
            (
                "        self.state.anchors = self.device.anchors\n",
                "",
                "the_factory_s_anchors_are_in_the_flash",
            ),
            (
                "        state.anchors = trusted\n",
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
                "        state.anchors = trusted\n        state.rejected_reason = 0\n"
                "        state.clear_download()\n        self.commit()\n",
                "        state.rejected_reason = 0\n        state.clear_download()\n        self.commit()\n"
                "        state.anchors = trusted\n        self.commit()\n",
                "a_cut_in_every_operation_of_a_rotation_leaves_a_device_that_ends_it",
            ),
        )
    ],
    (
        CHECKS,
        "if slot == store.secondary and found.digest != store.state.identity:",
        "if False:",
        "test_anchor_rotation.test_what_boots_on_trial_is_the_image_that_was_accepted",
    ),
    (
        CHECKS,
        "        device.time = store.utc()\n",
        "        pass\n",
        "test_store_download.test_an_image_that_expires_is_judged_by_the_board_s_clock",
    ),
    (
        FACTS,
        "self.interfaces = (OLDEST_INTERFACE, INTERFACE)",
        "self.interfaces = (0, 0xFFFF)",
        "test_acceptance.test_interface_a_device_offers_is_the_boot_files_own",
    ),
    (
        ANCHORS,
        "Anchors([Anchor(key, FIRMWARE) for",
        "Anchors([Anchor(key, 7) for",
        "test_acceptance.test_key_a_list_of_keys_makes_anchors_that_sign_firmware_and_nothing_else",
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
                "        self._verified = False\n        self.authorised = False\n\n\ndef checked(",
                "        self._verified = False\n\n\ndef checked(",
                "the_word_is_for_one_image_and_one_boot",
            ),
            (
                "            self.device.time = self.utc()\n        read",
                "            pass\n        read",
                "a_date_needs_the_board_s_clock",
            ),
        )
    ],
    # The stored bytes.
    (
        VERIFIER,
        "self._hash.digest() != self._digest",
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
]
