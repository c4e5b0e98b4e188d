"""P-256 verification on both interpreters: good signatures, every refusal, and each known trap by name.

A trap's test also runs the naive code: p256's own source with one change, which gets the vector wrong.
The long lists of vectors are in tests/test_p256_vectors.py. Other implementations are put through these tests
by tests/portable/p256_choices.py, in the place of ``verify``.
"""

from firmware_agent.trust import p256
from firmware_agent.trust.p256 import verify
from tests.portable.p256_signatures import (
    DUPLICATION_204,
    INFINITY_169,
    LARGE_X_115,
    MESSAGE_123400,
    MINUS_G,
    NIST,
    R_TOO_LARGE_116,
    SAMPLE,
    SHARED_X_SIGNATURES,
    SMALL_R_AND_S_120,
    SMALL_X,
    SMALL_Y,
    TEST,
    TWICE_G_X,
    G,
    N,
    P,
    made_of,
    number,
)

# More calls of the hook than this: 256 doublings, and some.
HOOK_CALLS = 250


def seeded(*changes):
    """``verify`` of p256's source with some pieces of it changed: the naive code."""
    with open(p256.__file__) as file:
        source = file.read()
    for there, instead in changes:
        assert source.count(there) == 1, there
        source = source.replace(there, instead)
    module: dict = {}
    exec(source, module)
    return module["verify"]


WITHOUT_INFINITY_CHECK = (
    ("                z = 0\n", "                x = z = 0\n"),
    ("    z = 0\n    position", "    x = z = 0\n    position"),
    ("    if not z:\n        return False\n", ""),
)
BY_POW = ("    b = m\n    x = 1\n", "    return pow(a, -1, m)\n    b = m\n    x = 1\n")


def test_the_curve_s_numbers():
    assert (p256._P, p256._N) == (P, N)
    for x, y in (G, SMALL_X, SMALL_Y):
        assert (y * y - x * x * x + 3 * x - p256._B) % P == 0


def test_good_signatures():
    for arguments in (SAMPLE, TEST) + NIST:
        assert verify(*arguments) is True


def test_good_signature_of_another_message_or_key():
    assert verify(SAMPLE[0], TEST[1], SAMPLE[2]) is False
    assert verify(SAMPLE[0], SAMPLE[1], TEST[2]) is False
    assert verify(NIST[0][0], SAMPLE[1], SAMPLE[2]) is False


def test_the_other_s_is_as_good():
    # ECDSA's own malleability: whoever needs one form must not compare signatures.
    key, digest, signature = SAMPLE
    other = N - int.from_bytes(signature[32:], "big")
    assert verify(key, digest, signature[:32] + number(other)) is True


def test_bytearray_and_memoryview():
    assert verify(*[bytearray(value) for value in SAMPLE]) is True
    assert verify(*[memoryview(b"??" + value)[2:] for value in SAMPLE]) is True


def test_wrong_lengths_and_types_are_refused():
    from array import array

    for place in range(3):
        value = SAMPLE[place]
        wrong_length = (b"", value[:-1], value + b"\x00", b"\x00" + value, value * 2)
        wrong_type = (None, len(value), "", "a" * len(value), list(value), tuple(value), array("B", value))
        for instead in wrong_length + wrong_type:
            arguments = list(SAMPLE)
            arguments[place] = instead
            assert verify(*arguments) is False, (place, instead)


def test_a_wide_memoryview_is_measured_in_bytes():
    from array import array

    words = memoryview(array("I", [0] * 32))
    assert verify(SAMPLE[0], words, SAMPLE[2]) is False


def test_other_forms_of_a_key_are_refused():
    key, digest, signature = SAMPLE
    for first in (0, 2, 3, 5, 6, 7, 0x84):
        assert verify(bytes([first]) + key[1:], digest, signature) is False
    # Compressed, and the point at infinity in its one-byte form.
    assert verify(b"\x03" + key[1:33], digest, signature) is False
    assert verify(b"\x00", digest, signature) is False


def test_single_bits_matter():
    # Every 13th bit (13 has no factor in common with 8): each byte's place and each bit's value come up.
    for place in range(3):
        for bit in range(place, 8 * len(SAMPLE[place]), 13):
            arguments = [bytearray(value) for value in SAMPLE]
            arguments[place][bit >> 3] ^= 1 << (bit & 7)
            assert verify(*arguments) is False, (place, bit)


def test_r_and_s_out_of_range():
    key, digest, signature = SAMPLE
    r = signature[:32]
    s = signature[32:]
    for wrong in (0, N, N + 1, P, P + 1, 2**256 - 1):
        assert verify(key, digest, number(wrong) + s) is False, wrong
        assert verify(key, digest, r + number(wrong)) is False, wrong
        for other in (0, 1, N - 1, N, wrong):
            assert verify(key, digest, number(wrong) + number(other)) is False, (wrong, other)
            assert verify(key, digest, number(other) + number(wrong)) is False, (other, wrong)


def test_r_and_s_at_the_ends_of_their_range():
    key, digest, _ = SAMPLE
    for r in (1, N - 1):
        for s in (1, N - 1):
            assert verify(key, digest, number(r) + number(s)) is False


def test_s_above_n_is_not_s():
    key, digest, signature = SMALL_R_AND_S_120
    above = signature[:32] + number(N + int.from_bytes(signature[32:], "big"))
    assert verify(key, digest, signature) is True
    assert verify(key, digest, above) is False
    naive = seeded(("0 < s < n", "0 < s"))
    assert naive(key, digest, above) is True


def test_r_above_n_is_not_r():
    assert verify(*R_TOO_LARGE_116) is False
    naive = seeded(("0 < r < n", "0 < r"))
    assert naive(*R_TOO_LARGE_116) is True


def test_x_of_n_or_more():
    # The sum's x is above n here, so r is x - n.
    assert verify(*LARGE_X_115) is True
    naive = seeded((" or (r + n < p and (r + n) * z % p == x)", ""))
    assert naive(*LARGE_X_115) is False


def test_key_off_the_curve():
    # With e = 0 and r = s the sum is 1 * Q, so x is the key's own: any point would do, without the check.
    forged = made_of((1, 1), 0, 1, 1)
    assert verify(*forged) is False
    naive = seeded((" or (d * d - (x * x - 3) * x - _B) % p", ""))
    assert naive(*forged) is True
    for point in ((0, 0), (0, 1), (1, 0), (G[0], G[1] ^ 1), (G[1], G[0])):
        assert verify(*made_of(point, 0, 1, 1)) is False, point
        assert verify(*made_of(point, 0, G[0] % N, G[0] % N)) is False, point


def test_key_with_coordinates_of_p_or_more():
    naive = seeded(("x >= p or d >= p or ", ""))
    for point, unreduced in (
        (SMALL_X, (SMALL_X[0] + P, SMALL_X[1])),
        (SMALL_Y, (SMALL_Y[0], SMALL_Y[1] + P)),
    ):
        # e = 0 and s = r / 2: the sum is 2 * Q.
        r = line_through(point, point)[0] % N
        s = r * p256._invert(2, N) % N
        assert verify(*made_of(point, 0, r, s)) is True
        assert verify(*made_of(unreduced, 0, r, s)) is False
        assert naive(*made_of(unreduced, 0, r, s)) is True
    for x in (P, SMALL_X[0], 2**256 - 1):
        for y in (P, 2**256 - 1):
            assert verify(*made_of((x, y), 0, r, s)) is False
            assert verify(*made_of((y, x), 0, r, s)) is False


def test_u1_is_zero():
    # e = 0, and e = n which is 0 too: only Q's half of the sum is left.
    for e in (0, N):
        for point in (G, MINUS_G, SMALL_X):
            r = point[0] % N
            assert verify(*made_of(point, e, r, r)) is True
            assert verify(*made_of(point, e, r, N - r)) is True
            assert verify(*made_of(point, e, r, r + 1)) is False


def test_trap_y_squared_is_small_in_montgomery_s_form():
    # y^2 * 2^256 mod p is 1, 5, 7: native code gets that product as p more, and must bring it below p.
    for form, point in (
        (
            1,
            (
                0xA04A5CF32F3A01BC8ABA5D63FA207C7053AFD9F49CA101C81924C574F53C1E49,
                0xFFFFFFFF0000000100000000FFFFFFFF000000020000000000000000,
            ),
        ),
        (
            5,
            (
                0x6134483DE8B05F7E9A5CB2788B8AF00B8A91B2B2E018DF868D4852F8F53A5047,
                0xB7AC811B8F33A72343C6339F8EFBFAB8C042F32B820245C3A9F8B8A881F9A5E4,
            ),
        ),
        (
            7,
            (
                0x881ACF170B7FB31288E33D7BBBAAA8F8E889F9D91AF5D7EB30F4B5676C9C709B,
                0x33460EBE1BEB13E97B708FB6D55D9F1460C75D9AC5F4809145A2B5A7B05E9884,
            ),
        ),
    ):
        assert point[1] * point[1] * 2**256 % P == form
        r = point[0] % N
        # e = 0 and r = s: the sum is Q.
        assert verify(*made_of(point, 0, r, r)) is True, form
        assert verify(*made_of(point, 0, r, r + 1)) is False, form


def test_trap_the_sum_is_infinity():
    # Q = -G and u1 = u2: u1*G + u2*Q has no x, whatever r is.
    naive = seeded(*WITHOUT_INFINITY_CHECK)
    for s in (1, 2, 77, N - 1):
        crafted = made_of(MINUS_G, 1234, 1234, s)
        assert verify(*crafted) is False
        assert naive(*crafted) is True
    # The naive code is right on a good signature and on a bad one: only such a vector shows it.
    assert naive(*SAMPLE) is True
    assert naive(TEST[0], TEST[1], SAMPLE[2]) is False
    assert verify(*INFINITY_169) is False
    assert naive(*INFINITY_169) is True


def test_trap_both_halves_of_the_sum_are_equal():
    # Q = G and u1 = u2 = 1: adding G to G needs the tangent. e = r makes u1 = u2, s = r makes both 1.
    r = TWICE_G_X
    arguments = made_of(G, r, r, r)
    assert verify(*arguments) is True
    naive = seeded(("            if h:\n", "            if True:\n"))
    assert naive(*arguments) is False
    assert verify(*made_of(G, r, r, N - r)) is True
    assert verify(*made_of(MINUS_G, r, r, r)) is False
    assert verify(*DUPLICATION_204) is True


def test_trap_key_shares_x_with_the_generator():
    for point in (G, MINUS_G):
        for signature in SHARED_X_SIGNATURES:
            key = b"\x04" + number(point[0]) + number(point[1])
            arguments = (key, bytes.fromhex(MESSAGE_123400), bytes.fromhex(signature))
            assert verify(*arguments) is False
            assert naive_shamir(*arguments) == "G + Q by the chord's formula: division by zero"
    # The naive code is no straw man: it does verify.
    assert naive_shamir(*SAMPLE) is True
    assert naive_shamir(TEST[0], TEST[1], SAMPLE[2]) is False


def naive_shamir(key, digest, signature):
    """Shamir's trick on affine points; G + Q by the chord, and a word where that divides by zero."""
    number_at = p256._number
    q = number_at(key, 1), number_at(key, 33)
    r = number_at(signature, 0)
    w = p256._invert(number_at(signature, 32), N)
    u1 = number_at(digest, 0) * w % N
    u2 = r * w % N
    if (q[0] - G[0]) % P == 0:
        return "G + Q by the chord's formula: division by zero"
    table = (None, G, q, line_through(G, q))
    total = None
    for bit in range(255, -1, -1):
        if total:
            total = line_through(total, total)
        point = table[(u1 >> bit & 1) + 2 * (u2 >> bit & 1)]
        if point:
            total = line_through(total, point) if total else point
    return total is not None and total[0] % N == r


def line_through(a, b):
    if a == b:
        slope = 3 * (a[0] * a[0] - 1) * p256._invert(2 * a[1] % P, P) % P
    else:
        slope = (b[1] - a[1]) * p256._invert((b[0] - a[0]) % P, P) % P
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def test_trap_pow_gives_no_inverse_on_micropython():
    for a in (1, 2, 3, N - 1, 0x1234567890ABCDEF1234567890ABCDEF):
        assert p256._invert(a, N) * a % N == 1
        assert p256._invert(a, P) * a % P == 1
    # MicroPython 1.26 to 1.29 give 0 without a word; CPython gives the inverse.
    silent_zero = pow(3, -1, 7) == 0
    naive = seeded(BY_POW)
    assert naive(*SAMPLE) is not silent_zero
    # Together with the missing check, garbage is accepted on the device and refused in the host's tests.
    garbage = (SAMPLE[0], SAMPLE[1], number(123) + number(456))
    naive = seeded(BY_POW, *WITHOUT_INFINITY_CHECK)
    assert naive(*garbage) is silent_zero
    assert verify(*garbage) is False


def test_hook_is_called_throughout():
    calls = []
    assert verify(SAMPLE[0], SAMPLE[1], SAMPLE[2], lambda: calls.append(1)) is True
    assert len(calls) > HOOK_CALLS
    calls = []
    assert verify(SAMPLE[0], TEST[1], SAMPLE[2], hook=lambda: calls.append(1)) is False
    assert len(calls) > HOOK_CALLS


def test_hook_that_changes_the_buffers_changes_nothing():
    for wanted, first in ((True, SAMPLE), (False, (SAMPLE[0], TEST[1], SAMPLE[2]))):
        buffers = [bytearray(value) for value in first]

        def hook(buffers=buffers, other=(TEST if wanted else SAMPLE)):
            for place in range(3):
                buffers[place][:] = other[place]

        assert verify(buffers[0], buffers[1], buffers[2], hook) is wanted


def test_hook_s_exception_comes_out():
    def hook():
        raise KeyError("the hook's own")

    try:
        verify(SAMPLE[0], SAMPLE[1], SAMPLE[2], hook)
    except KeyError:
        return
    raise AssertionError("the hook's exception was lost")
