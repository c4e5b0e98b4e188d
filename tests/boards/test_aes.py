"""cryptolib.aes on the emulated Cortex-M3: the standards' vectors, and whatever `cryptography` makes."""

import random

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tests.boards import on

# FIPS 197, appendices C.1 and C.3.
PLAIN = "00112233445566778899aabbccddeeff"
BLOCKS = (
    ("000102030405060708090a0b0c0d0e0f", "69c4e0d86a7b0430d8cdb78070b4c55a"),
    (
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        "8ea2b7ca516745bfeafc49904b496089",
    ),
)
# SP 800-38A, F.2.1 and F.5.1: the first two blocks.
KEY = "2b7e151628aed2a6abf7158809cf4f3c"
TWO = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
CBC = ("000102030405060708090a0b0c0d0e0f", "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2")
CTR = ("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff", "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff")
BY_NUMBER = {1: modes.ECB, 2: modes.CBC, 6: modes.CTR}
CASES = 60

_ON_DEVICE = """
from cryptolib import aes
wrong = []
for name, key, mode, iv, plain, secret in {cases!r}:
    more = (iv,) if iv else ()
    if aes(key, mode, *more).encrypt(plain) != secret:
        wrong.append(name + " encrypted")
    if aes(key, mode, *more).decrypt(secret) != plain:
        wrong.append(name + " decrypted")
    # In place, and a block after the other.
    buf = bytearray(plain)
    cipher = aes(key, mode, *more)
    for at in range(0, len(buf), 16):
        part = memoryview(buf)[at:at + 16]
        cipher.encrypt(part, part)
    if buf != secret:
        wrong.append(name + " in place")
for arguments in ((bytes(15), 1), (bytes(16), 2), (bytes(16), 2, bytes(15)), (bytes(16), 3)):
    try:
        aes(*arguments)
        wrong.append("took %r" % (arguments,))
    except ValueError:
        pass
print("wrong:", wrong)
"""


def drawn(count):
    """Messages of 1 to 4 blocks, one of CTR of any length, as another library encrypts them."""
    chance = random.Random(197)
    for number in range(count):
        key = chance.randbytes(chance.choice((16, 32)))
        mode = chance.choice((1, 2, 6))
        iv = chance.randbytes(16) if mode > 1 else b""
        if mode == 6 and chance.random() < 0.5:
            iv = b"\xff" * 15 + iv[:1]  # the counter's carry
        plain = chance.randbytes(chance.randrange(1, 65) if mode == 6 else 16 * chance.randrange(1, 5))
        cipher = Cipher(algorithms.AES(key), BY_NUMBER[mode](*((iv,) if iv else ()))).encryptor()
        yield f"message {number}", key, mode, iv, plain, cipher.update(plain) + cipher.finalize()


def test_aes_is_that_of_the_standards_and_of_another_library(console):
    of_hex = bytes.fromhex
    cases = [(f"block {key}", of_hex(key), 1, b"", of_hex(PLAIN), of_hex(secret)) for key, secret in BLOCKS]
    for name, mode, (iv, secret) in (("CBC", 2, CBC), ("CTR", 6, CTR)):
        cases.append((name, of_hex(KEY), mode, of_hex(iv), of_hex(TWO), of_hex(secret)))
    messages = list(drawn(CASES))
    assert {mode for _, _, mode, *_ in messages} == set(BY_NUMBER)
    # In parts, lest the board's heap holds the text of all.
    for part in (cases, *(messages[at : at + 30] for at in range(0, CASES, 30))):
        code, output, errors = on(console, "shell", "exec", _ON_DEVICE.format(cases=part))
        assert code == 0 and "wrong: []" in output, output + errors
