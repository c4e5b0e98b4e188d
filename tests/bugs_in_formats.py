"""Bugs in what is read: the envelope, the manifest, CBOR."""

ENVELOPE = "firmware_agent.trust.envelope"
MANIFEST = "firmware_agent.trust.manifest"
CBOR = "firmware_agent.trust.cbor"

# module, what stands there, what the bug makes of it, the test that must notice
BUGS = [
    # The envelope and the manifest.
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
            ("self.interface = reader.uint(0xFFFF)", "self.interface = reader.uint()"),
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
