"""The choice of a verifier, and the pinned key's one. Native code: tests/test_p256_native.py."""

from firmware_agent.trust import p256, p256_pinned, signature
from tests.portable import p256_choices
from tests.portable.p256_signatures import NIST, SAMPLE, TEST, TWICE_G_X, G, number

HEAP = "2m"
TABLE = p256_choices.table_of(SAMPLE[0])


class Counted:
    """p256.verify, counted."""

    def __init__(self):
        self.calls = 0
        self.kept = p256.verify

    def verify(self, *arguments):
        self.calls += 1
        return self.kept(*arguments)

    def __enter__(self):
        p256.verify = self.verify
        return self

    def __exit__(self, *_):
        p256.verify = self.kept
        signature.choose()


def refusal(table):
    try:
        p256_pinned.PinnedKey(table)
    except ValueError as error:
        return str(error)
    raise AssertionError("the table was taken")


def test_all_of_p256_s_tests_by_signature():
    assert p256_choices.run_tests_of_p256(p256_choices.choosing(), 250) == len(p256_choices.names()) > 20


def test_all_of_p256_s_tests_with_the_key_pinned():
    assert p256_choices.run_tests_of_p256(p256_choices.pinning(), 40) == len(p256_choices.names()) > 20


def test_without_a_choice_it_is_p256():
    with Counted() as plain:
        assert signature.verify(*SAMPLE) is True
        assert signature.verify(SAMPLE[0], TEST[1], SAMPLE[2]) is False
    assert plain.calls == 2


def test_the_pinned_key_does_without_p256():
    with Counted() as plain:
        signature.choose(table=TABLE)
        assert signature.verify(*SAMPLE) is True
        assert signature.verify(*TEST) is True
        assert signature.verify(SAMPLE[0], TEST[1], SAMPLE[2]) is False
    assert plain.calls == 0


def test_another_key_is_p256_s():
    with Counted() as plain:
        signature.choose(table=TABLE)
        for arguments in NIST:
            assert signature.verify(*arguments) is True
        assert signature.verify(NIST[0][0], *SAMPLE[1:]) is False
    assert plain.calls == 4


def test_crafted_scalars_that_the_comb_cannot_add_are_p256_s():
    # Q = G: both tables hold the same points, and u1 = u2 names the same one in the first column.
    key = b"\x04" + number(G[0]) + number(G[1])
    r = TWICE_G_X
    with Counted() as plain:
        signature.choose(table=p256_choices.table_of(key))
        assert signature.verify(key, number(r), number(r) + number(r)) is True
    assert plain.calls == 1


def test_a_table_that_is_cut_off_or_longer_is_refused():
    for table in (b"", TABLE[:-1], TABLE + b"\0", TABLE[:65]):
        assert "bytes" in refusal(table)


def test_a_table_that_was_not_made_for_the_key_is_refused():
    other = p256_choices.table_of(NIST[0][0])
    assert p256_pinned.PinnedKey(other).public_key == NIST[0][0]
    # Another key before the table, another key's points behind it, another's end.
    for at in (65, 65 + 2048, len(TABLE) - 32):
        assert "not made for its key" in refusal(other[:at] + TABLE[at:])


def test_any_flipped_bit_of_a_table_is_refused():
    for bit in range(0, 8 * len(TABLE), 171):
        table = bytearray(TABLE)
        table[bit >> 3] ^= 1 << (bit & 7)
        assert "not made for its key" in refusal(table), bit


def test_a_refused_table_leaves_the_choice_as_it_was():
    with Counted() as plain:
        signature.choose(table=TABLE)
        for table in (TABLE[:-1], TABLE[:-1] + b"\0"):
            try:
                signature.choose(table=table)
            except ValueError:
                assert signature.verify(*SAMPLE) is True
            else:
                raise AssertionError("the table was taken")
        assert plain.calls == 0
        signature.choose()
        assert signature.verify(*SAMPLE) is True
    assert plain.calls == 1


def test_tables_of_bytes_bytearray_and_memoryview():
    for table in (TABLE, bytearray(TABLE), memoryview(TABLE)):
        assert p256_pinned.PinnedKey(table).verify(*SAMPLE) is True
