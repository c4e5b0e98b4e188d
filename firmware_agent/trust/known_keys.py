"""Keys whose private half everybody knows: they sign tests and examples, and must never sign firmware.

A device that was not built for test refuses them, even where a factory put one among its anchors.
``tests/test_known_keys.py`` makes each key id again from the private key, and says where that stands.
"""

from firmware_agent.trust.envelope import KEY_ID_SIZE

# Key ids, one a line.
_KNOWN = (
    b"\x69\x8b\xea\x63\xdc\x44\xa3\x44"  # scalar 1: the generator
    b"\xa9\xf3\x00\xeb\x59\x60\xe8\x91"  # scalar 2
    b"\x89\x89\x62\x64\xc5\x8f\xca\x55"  # scalar 3
    b"\xcf\xe3\x06\x24\xa4\x6d\x6d\xfa"  # scalar 0x1234567: tests and docs/envelope.md
    b"\xb2\xf5\x6d\x05\x57\x8e\x09\x49"  # scalar 0x7654321: tests
    b"\xb1\x8b\x86\xce\x13\x89\xe4\x6d"  # RFC 6979, A.2.5
    b"\x37\x92\x79\x4e\x86\xd3\x8e\x2e"  # draft-ietf-suit-manifest and its relatives, examples
    b"\xd6\xdc\x8d\xa2\xc4\x62\xc4\xb5"  # DCC test supplier 90b3d51f30010000
)


def is_known(wanted):
    """Whether the key id ``wanted`` (8 bytes) is one of them."""
    for at in range(0, len(_KNOWN), KEY_ID_SIZE):
        if _KNOWN[at : at + KEY_ID_SIZE] == wanted:
            return True
    return False
