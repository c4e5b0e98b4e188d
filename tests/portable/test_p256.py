"""P-256 verification on both interpreters: good signatures, every refusal, and each known trap by name.

A trap's test also runs the naive code: p256's own source with one change, which gets the vector wrong.
The long lists of vectors are in tests/test_p256_vectors.py. Other implementations are put through these tests
by tests/portable/p256_choices.py, in the place of ``verify``.
"""

from firmware_agent.trust import p256
from firmware_agent.trust.p256 import verify

# More calls of the hook than this: 256 doublings, and some.
HOOK_CALLS = 250

P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
MINUS_G = (G[0], P - G[1])
TWICE_G_X = 0x7CF27B188D034F7E8A52380304B51AC3C08969E277F21B35A60B48FC47669978
# Points of the curve of which one coordinate still fits 32 bytes after p is added.
SMALL_X = (5, 0x459243B9AA581806FE913BCE99817ADE11CA503C64D9A3C533415C083248FBCC)

SMALL_Y = (0xD7325D7646CD60D80A92738CEB345F844CFFAF35841022CAB176F692DE8DE1D7, 5)


def triple(key, digest, signature):
    return bytes.fromhex(key), bytes.fromhex(digest), bytes.fromhex(signature)


def number(value):
    return value.to_bytes(32, "big")


def made_of(point, e, r, s):
    """The three arguments of ``verify`` from numbers below 2^256."""
    return b"\x04" + number(point[0]) + number(point[1]), number(e), number(r) + number(s)


# RFC 6979 A.2.5, SHA-256, messages "sample" and "test".
RFC_KEY = (
    "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
    "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
)
SAMPLE = triple(
    RFC_KEY,
    "af2bdbe1aa9b6ec1e2ade1d694f41fc71a831d0268e9891562113d8a62add1bf",
    "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
    "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
)
TEST = triple(
    RFC_KEY,
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367"
    "019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083",
)
# The three that pass in NIST's CAVP SigVer.rsp, [P-256,SHA-256].
NIST = (
    triple(
        "04e424dc61d4bb3cb7ef4344a7f8957a0c5134e16f7a67c074f82e6e12f49abf3c"
        "970eed7aa2bc48651545949de1dddaf0127e5965ac85d1243d6f60e7dfaee927",
        "d1b8ef21eb4182ee270638061063a3f3c16c114e33937f69fb232cc833965a94",
        "bf96b99aa49c705c910be33142017c642ff540c76349b9dab72f981fd9347f4f"
        "17c55095819089c2e03b9cd415abdf12444e323075d98f31920b9e0f57ec871c",
    ),
    triple(
        "04e0fc6a6f50e1c57475673ee54e3a57f9a49f3328e743bf52f335e3eeaa3d2864"
        "7f59d689c91e463607d9194d99faf316e25432870816dde63f5d4b373f12f22a",
        "b9336a8d1f3e8ede001d19f41320bc7672d772a3d2cb0e435fff3c27d6804a2c",
        "1d75830cd36f4c9aa181b2c4221e87f176b7f05b7c87824e82e396c88315c407"
        "cb2acb01dac96efc53a32d4a0d85d0c2e48955214783ecf50a4f0414a319c05a",
    ),
    triple(
        "042d98ea01f754d34bbc3003df5050200abf445ec728556d7ed7d5c54c55552b6d"
        "9b52672742d637a32add056dfd6d8792f2a33c2e69dafabea09b960bc61e230a",
        "41007876926a20f821d72d9c6f2c9dae6c03954123ea6e6939d7e6e669438891",
        "06108e525f845d0155bf60193222b3219c98e3d49424c2fb2a0987f825c17959"
        "62b5cdd591e5b507e560167ba8f6f7cda74673eb315680cb89ccbc4eec477dce",
    ),
)
# Of Wycheproof's ecdsa_secp256r1_sha256_p1363_test.json, by tcId; all sign the message "123400".
MESSAGE_123400 = "bb5a52f42f9c9261ed4361f59422a1e30036e7c32b270c8807a419feca605023"
LARGE_X_KEY = (
    "040ad99500288d466940031d72a9f5445a4d43784640855bf0a69874d2de5fe103"
    "c5011e6ef2c42dcd50d5d3d29f99ae6eba2c80c9244f4c5422f0979ff0c3ba5e"
)
LARGE_X_115 = triple(
    LARGE_X_KEY,
    MESSAGE_123400,
    "000000000000000000000000000000004319055358e8617b0c46353d039cdaab"
    "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc63254e",
)
R_TOO_LARGE_116 = triple(
    LARGE_X_KEY,
    MESSAGE_123400,
    "ffffffff00000001000000000000000000000000fffffffffffffffffffffffc"
    "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc63254e",
)
SMALL_R_AND_S_120 = triple(
    "04a71af64de5126a4a4e02b7922d66ce9415ce88a4c9d25514d91082c8725ac957"
    "5d47723c8fbe580bb369fec9c2665d8e30a435b9932645482e7c9f11e872296b",
    MESSAGE_123400,
    "0000000000000000000000000000000000000000000000000000000000000005"
    "0000000000000000000000000000000000000000000000000000000000000001",
)
INFINITY_169 = triple(
    "04b533d4695dd5b8c5e07757e55e6e516f7e2c88fa0239e23f60e8ec07dd70f287"
    "1b134ee58cc583278456863f33c3a85d881f7d4a39850143e29d4eaf009afe47",
    MESSAGE_123400,
    "7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8"
    "555555550000000055555555555555553ef7a8e48d07df81a693439654210c70",
)
DUPLICATION_204 = triple(
    "045b812fd521aafa69835a849cce6fbdeb6983b442d2444fe70e134c027fc46963"
    "838a40f2a36092e9004e92d8d940cf5638550ce672ce8b8d4e15eba5499249e9",
    MESSAGE_123400,
    "6f2347cab7dd76858fe0555ac3bc99048c4aacafdfb6bcbe05ea6c42c4934569"
    "bb726660235793aa9957a61e76e00c2c435109cf9a15dd624d53f4301047856b",
)
# tcId 221 to 224: two signatures under G as the key, the same two under -G.
SHARED_X_SIGNATURES = (
    "bb5a52f42f9c9261ed4361f59422a1e30036e7c32b270c8807a419feca605023"
    "249249246db6db6ddb6db6db6db6db6dad4591868595a8ee6bf5f864ff7be0c2",
    "44a5ad0ad0636d9f12bc9e0a6bdd5e1cbcb012ea7bf091fcec15b0c43202d52e"
    "249249246db6db6ddb6db6db6db6db6dad4591868595a8ee6bf5f864ff7be0c2",
)


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
