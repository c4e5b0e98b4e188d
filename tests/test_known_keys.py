"""The keys that everybody knows: each id is made again from its public key, or its private one."""

import re

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from firmware_agent.trust import known_keys
from firmware_agent.trust.envelope import key_id
from tools import keys, layout

# Signs the examples of draft-ietf-suit-manifest and its relatives; the drafts print the private key, too.
SUIT_PUBLIC = b"""-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEhJaBGq4LqqvSYVcYnuzaJr6qi/Eb
bz/m4rVlnIXbwK07HypLbAmBMcCjbazR14vTgdzfsJwFLbM5kdtzOLSolg==
-----END PUBLIC KEY-----
"""
SUIT_KEY = load_pem_public_key(SUIT_PUBLIC).public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

# RFC 6979, A.2.5: the key of its P-256 examples.
RFC_6979 = bytes.fromhex(
    "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
    "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
)
# 90b3d51f30010000-ds of the DCC's published test keys: it signs the samples in tests/data.
DCC_SUPPLIER = bytes.fromhex(
    "0430c2ab5a0d131726ffbda80e79294cc37534432a3e424405b97a3aba0ffc79dc"
    "e729b2517563cb7d95827e4c50b48cba3d87d5893c51b96d87c345e3717f8c1e"
)
KNOWN = {
    "scalar 1": keys.from_scalar(1).public_key,
    "scalar 2": keys.from_scalar(2).public_key,
    "scalar 3": keys.from_scalar(3).public_key,
    "scalar 0x1234567": keys.from_scalar(0x1234567).public_key,
    "scalar 0x7654321": keys.from_scalar(0x7654321).public_key,
    "RFC 6979": RFC_6979,
    "draft-ietf-suit-manifest": SUIT_KEY,
    "DCC test supplier": DCC_SUPPLIER,
}


@pytest.mark.parametrize("name", KNOWN)
def test_each_is_known(name):
    assert known_keys.is_known(key_id(KNOWN[name]))


def test_no_other_is_known():
    source = (layout.ROOT / "firmware_agent/trust/known_keys.py").read_text()
    listed = re.findall(r'^    b"((?:\\x[0-9a-f]{2}){8})"  # (.*)$', source, re.M)
    assert [bytes.fromhex(digits.replace("\\x", "")) for digits, _ in listed] == [
        key_id(public_key) for public_key in KNOWN.values()
    ]
    assert all(comment.startswith(name) for (_, comment), name in zip(listed, KNOWN, strict=True))
    for scalar in (4, 0x1234568):
        assert not known_keys.is_known(keys.from_scalar(scalar).key_id)
    # A key id is found whole, at its place, or not at all.
    ids = b"".join(key_id(public_key) for public_key in KNOWN.values())
    assert not known_keys.is_known(ids[4:12]) and not known_keys.is_known(ids[:7])
