"""Reject reasons: stable numbers, each with a name, a status and a sentence."""

from firmware_agent import reject


def test_every_number_has_name_status_and_text():
    numbers = list(reject.numbers())
    assert numbers == list(range(1, len(numbers) + 1)) and len(numbers) >= 29
    assert len({reject.name(number) for number in numbers}) == len(numbers)
    for number in numbers:
        assert reject.zcl_status(number) in (0x95, 0x96)
        assert len(reject.text(number)) > 10


def test_numbers_that_dashboards_know():
    for number, name in (
        (reject.MALFORMED_FILE, "malformed-file"),
        (reject.UNKNOWN_KEY, "unknown-key"),
        (reject.BAD_SIGNATURE, "bad-signature"),
        (reject.ROLLBACK, "rollback"),
        (reject.DIGEST_MISMATCH, "digest-mismatch"),
        (reject.OUT_OF_ATTEMPTS, "out-of-attempts"),
        (reject.ABORTED, "aborted"),
    ):
        assert reject.name(number) == name
    assert (reject.MALFORMED_FILE, reject.UNKNOWN_KEY, reject.ROLLBACK, reject.ABORTED) == (1, 4, 11, 22)
    assert reject.zcl_status(reject.TOO_LARGE) == 0x96 and reject.zcl_status(reject.ABORTED) == 0x95
    assert reject.text(2) == "the signed envelope does not decode"


def test_no_number_ever_gets_another_name():
    """Add new ones at the end; whoever changes a line here breaks journals in the field."""
    assert [reject.name(number) for number in reject.numbers()] == [
        "malformed-file",
        "malformed-envelope",
        "unsupported-manifest",
        "unknown-key",
        "bad-signature",
        "wrong-vendor",
        "wrong-class",
        "wrong-manufacturer",
        "wrong-image-type",
        "wrong-hardware",
        "rollback",
        "header-mismatch",
        "offer-mismatch",
        "too-large",
        "size-mismatch",
        "digest-mismatch",
        "no-trust-anchor",
        "flash-failed",
        "self-test-failed",
        "crashed",
        "out-of-attempts",
        "aborted",
        "wrong-key-usage",
        "test-key",
        "wrong-device",
        "downgrade",
        "upgrade-pathway",
        "expired",
        "anchor-change",
        "not-authorised",
        "wrong-interface",
    ]


def test_a_number_that_is_none():
    for number in (0, len(list(reject.numbers())) + 1):
        try:
            reject.name(number)
        except ValueError:
            continue
        raise AssertionError("%d has a name" % number)
