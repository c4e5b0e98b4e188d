"""Puts what ``signature.choose`` can choose through the tests of P-256; runs on both interpreters."""

from hashlib import sha256

from firmware_agent.trust import p256, signature
from tests.portable import p256_signatures, test_p256

COLUMNS = 43
_tables = {}


def table_of(key):
    """The pinned table of a key on the curve: as tools/pinned_table.py, but for MicroPython, and another way.

    The points are sums from the highest tooth's negatives up, where the tool goes point by point.
    """
    key = bytes(key)
    if key not in _tables:
        points = (p256._number(key, 1), p256._number(key, 33))
        table = key + comb(p256_signatures.G) + comb(points)
        _tables[key] = table + sha256(table).digest()
    return _tables[key]


def comb(base):
    # Combs of ever more teeth: the points of the lower ones, and one tooth more, which is added.
    points = [base]
    doubled = base
    for _ in range(5):
        higher = doubled
        for _ in range(COLUMNS):
            higher = test_p256.line_through(higher, higher)
        # The tooth that was the top one gets both signs below the new top.
        minus = [(x, p256._P - y) for x, y in points]
        points = [test_p256.line_through(higher, point) for point in minus[::-1] + points]
        doubled = higher
    out = b""
    for x, y in points:
        out += x.to_bytes(32, "big") + (2 * y % p256._P).to_bytes(32, "big")
    return out


def is_point(key):
    if not isinstance(key, (bytes, bytearray, memoryview)) or len(key) != 65 or key[0] != 4:
        return False
    key = bytes(key)
    x = p256._number(key, 1)
    y = p256._number(key, 33)
    return x < p256._P and y < p256._P and (y * y - x * x * x + 3 * x - p256._B) % p256._P == 0


def pinning(native=None):
    """A ``verify`` that pins each call's key before; a key that is no point meets the table of another."""

    def verify(key, digest, signed, hook=None):
        signature.choose(native, table_of(key if is_point(key) else p256_signatures.SAMPLE[0]))
        try:
            return signature.verify(key, digest, signed, hook)
        finally:
            signature.choose()

    return verify


def choosing(native=None):
    def verify(key, digest, signed, hook=None):
        signature.choose(native)
        try:
            return signature.verify(key, digest, signed, hook)
        finally:
            signature.choose()

    return verify


def names():
    return sorted(name for name in dir(test_p256) if name.startswith("test_"))


def run_tests_of_p256(verify, hook_calls):
    """Every test of test_p256 with ``verify`` in the place of p256's; how many there were."""
    kept = test_p256.verify, test_p256.HOOK_CALLS
    test_p256.verify, test_p256.HOOK_CALLS = verify, hook_calls
    try:
        for name in names():
            try:
                getattr(test_p256, name)()
            except Exception:
                print("in", name)
                raise
    finally:
        test_p256.verify, test_p256.HOOK_CALLS = kept
    return len(names())
