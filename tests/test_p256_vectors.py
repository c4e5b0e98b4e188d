"""Every implementation of P-256 against published vectors and two other libraries, on both interpreters."""

import random
import re
import subprocess

import ecdsa
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature

from firmware_agent.trust import p256
from tests.p256_support import (
    CHOICES,
    MICROPYTHON,
    NotDer,
    decode_signature,
    nist,
    verdicts_of_cpython,
    verdicts_of_micropython,
    wycheproof,
)
from tools import layout

DER_FILE = "ecdsa_secp256r1_sha256_test.json"
RAW_FILE = "ecdsa_secp256r1_sha256_p1363_test.json"
CURVE = ecdsa.NIST256p
N = CURVE.order
SEED = 20220511


def number(value):
    return value.to_bytes(32, "big")


def multiple(secret):
    """secret * G, (x, y): by ``cryptography``, which is fast."""
    point = ec.derive_private_key(secret, ec.SECP256R1()).public_key().public_numbers()
    return point.x, point.y


def signed(secret, digest, k):
    """The triple of a good signature with a chosen k, so that a run can be repeated."""
    x, y = multiple(secret)
    r = multiple(k)[0] % N
    s = pow(k, -1, N) * (int.from_bytes(digest, "big") + r * secret) % N
    return b"\x04" + number(x) + number(y), digest, number(r) + number(s)


def published(source):
    if source == "der":
        return wycheproof(DER_FILE, decode_signature)
    return wycheproof(RAW_FILE, bytes) if source == "raw" else nist()


@pytest.mark.parametrize("source, count, valid", [("der", 484, 174), ("raw", 262, 173), ("nist", 15, 3)])
def test_published_vectors(source, count, valid, tmp_path):
    vectors = published(source)
    assert (len(vectors), sum(wanted for _, _, wanted in vectors)) == (count, valid)
    triples = [triple for _, triple, _ in vectors]
    verdicts = verdicts_of_all(triples, tmp_path)
    wrong = [
        f"{label}: {who}"
        for who in verdicts
        for (label, _, wanted), verdict in zip(vectors, verdicts[who], strict=True)
        if verdict is not wanted
    ]
    assert wrong == []


def verdicts_of_all(triples, folder):
    """{who: [bool]}: every choice on every interpreter of this machine that can run it."""
    verdicts = {
        f"{choice}, MicroPython": verdicts_of_micropython(triples, folder, choice) for choice in CHOICES
    }
    verdicts["plain, CPython"] = verdicts_of_cpython(triples)
    verdicts["pinned, CPython"] = verdicts_of_cpython(triples, "pinned")
    return verdicts


def test_strict_der_refuses_no_valid_signature():
    # Of the invalid ones it lets through only those with a well-formed encoding of wrong numbers.
    for label, (_, _, signature), valid in wycheproof(DER_FILE, decode_signature):
        assert signature or not valid, label


@pytest.mark.parametrize(
    "der",
    [
        "",
        "30",
        "3006020101020101" + "00",
        "300702010102010100",
        "3006020101" + "0202",
        "308106020101020101",
        "3080020101020101" + "0000",
        "300702020001020101",
        "30060201ff020101",
        "3005020002" + "0101",
        "3006030101020101",
        "3106020101020101",
        "3003020101",
    ],
)
def test_strict_der_refuses(der):
    assert decode_signature(bytes.fromhex("3006020101020102")) == number(1) + number(2)
    with pytest.raises(NotDer):
        decode_signature(bytes.fromhex(der))


def verdict_of_cryptography(key, digest, signature):
    """False also where the library refuses the key; it takes no r or s of 0."""
    try:
        public_key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key)
        r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
        public_key.verify(encode_dss_signature(r, s), digest, ec.ECDSA(Prehashed(hashes.SHA256())))
    except (InvalidSignature, ValueError):
        return False
    return True


def verdict_of_ecdsa(key, digest, signature):
    try:
        public_key = ecdsa.VerifyingKey.from_string(key, CURVE, valid_encodings=("uncompressed",))
        return public_key.verify_digest(signature, digest)
    except (ecdsa.BadSignatureError, ecdsa.errors.MalformedPointError):
        return False


def random_and_mutated(count):
    """Three triples a round: a good one, one with a flipped bit, one with parts of two."""
    source = random.Random(SEED)
    triples = []
    previous = None
    for _ in range(count):
        good = signed(source.randrange(1, N), source.randbytes(32), source.randrange(1, N))
        flipped = [bytearray(value) for value in good]
        part = source.choice(flipped)
        bit = source.randrange(8 * len(part))
        part[bit >> 3] ^= 1 << (bit & 7)
        triples += [good, tuple(bytes(value) for value in flipped)]
        if previous:
            triples.append(tuple(source.choice(pair) for pair in zip(good, previous, strict=True)))
        previous = good
    return triples


def test_random_and_mutated_signatures_as_two_other_libraries_see_them(tmp_path):
    triples = random_and_mutated(40)
    wanted = [verdict_of_cryptography(*triple) for triple in triples]
    assert [verdict_of_ecdsa(*triple) for triple in triples] == wanted
    assert 40 <= sum(wanted) <= 70
    verdicts = verdicts_of_all(triples, tmp_path)
    assert [who for who in verdicts if verdicts[who] != wanted] == []


def crafted():
    """([triple], [valid]) with scalars that are small or near n; in every third the sum is infinity.

    These meet the additions' special cases, which random scalars never do.
    """
    source = random.Random(SEED)
    scalars = [1, 2, 3, 15, 16, 17, 31, 32, 33, N // 2, N // 2 + 1, N - 33, N - 17, N - 2, N - 1]
    triples = []
    wanted = []
    for turn in range(150):
        secret, u2 = source.choice(scalars), source.choice(scalars)
        to_infinity = turn % 3 == 0
        u1 = -u2 * secret % N if to_infinity else source.choice(scalars)
        total = (u1 + u2 * secret) % N
        r = multiple(total)[0] % N if total else source.randrange(1, N)
        s = r * pow(u2, -1, N) % N
        x, y = multiple(secret)
        triples.append((b"\x04" + number(x) + number(y), number(u1 * s % N), number(r) + number(s)))
        wanted.append(total != 0)
    return triples, wanted


def test_crafted_scalars(tmp_path):
    triples, wanted = crafted()
    assert [verdict_of_cryptography(*triple) for triple in triples] == wanted
    assert 50 <= wanted.count(False) <= 75
    verdicts = verdicts_of_all(triples, tmp_path)
    assert [who for who in verdicts if verdicts[who] != wanted] == []


def test_the_table_of_the_generator():
    table = b""
    for k in range(1, 32, 2):
        point = k * CURVE.generator
        doubled_y = 2 * int(point.y()) % CURVE.curve.p()
        table += int(point.x()).to_bytes(32, "big") + doubled_y.to_bytes(32, "big")
    assert table == p256._G


# Fills the heap but for ``left`` bytes, then verifies; prints the two verdicts and what was free.
SMALL_HEAP = """
import gc, sys
sys.path.insert(0, {folder!r})
from p256 import verify
good, bad = {good!r}, {bad!r}
filler = []
gc.collect()
while gc.mem_free() > {left} + 4096:
    filler.append(bytearray(2048))
while gc.mem_free() > {left}:
    filler.append(bytearray(64))
gc.collect()
free = gc.mem_free()
print(verify(*good), verify(*bad), free)
"""


# The unix port's words and blocks are twice those of the boards: 16 KB here are 8 KB there, and some.
@pytest.mark.parametrize("left", [64 * 1024, 16 * 1024])
def test_verifies_in_a_heap_that_is_almost_full(left, tmp_path):
    triples = random_and_mutated(1)
    module = layout.ROOT / "firmware_agent/trust/p256.py"
    mpy_cross = MICROPYTHON.parent / "mpy-cross"
    subprocess.run([mpy_cross, module, "-o", tmp_path / "p256.mpy"], check=True, timeout=60)
    script = tmp_path / "small_heap.py"
    script.write_text(SMALL_HEAP.format(folder=str(tmp_path), good=triples[0], bad=triples[1], left=left))
    command = [MICROPYTHON, "-X", "heapsize=128k", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    verdicts = re.fullmatch(r"True False (\d+)\s*", done.stdout)
    assert verdicts, done.stdout
    assert left - 4096 < int(verdicts[1]) <= left
