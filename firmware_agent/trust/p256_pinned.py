"""ECDSA over P-256 for one key that is known beforehand: p256's answer in less than half of its time.

Source: FIPS 186-5 section 6.4.2; the comb is Lim and Lee's (1994), with the signed digits of Hamburg (2012).

How: six teeth a comb, 43 columns apart, so u1*G + u2*Q takes 42 doublings instead of 256, and in each column
one addition from G's table and one from Q's. Every digit is +1 or -1, never 0: of the 64 points that a
column can name, 32 are the others' negatives, so 32 are stored. ``tools/pinned_table.py`` makes both tables.

A table, 4,193 bytes: the key (65 bytes: 4, x, y), 32 points of G, 32 points of Q, the SHA-256 of all that.
Point i is 2^215 * P and, for each tooth t below the top one, 2^(43 t) * P if bit t of i is set, or minus that
if not; it is kept as (x, 2y mod p), 32 bytes each, big-endian.
"""

from firmware_agent.trust import p256, sha256

_COLUMNS = 43
_KEY = 65
_POINTS = 32 * 64
_SIZE = _KEY + 2 * _POINTS + 32


class PinnedKey:
    """The key that ``table`` (bytes, as above) was made for.

    Raises ValueError for a table that is cut off, damaged, or joined to a key it was not made for. That is a
    guard against mistakes and worn flash: whoever can write the board's own code can write any table as well.
    """

    def __init__(self, table):
        if len(table) != _SIZE:
            raise ValueError("pinned table: %d bytes, not %d" % (len(table), _SIZE))
        table = memoryview(table)
        if sha256(table[:-32]).digest() != bytes(table[-32:]):
            raise ValueError("pinned table: not made for its key, or damaged; make it again")
        self.table = table
        self.public_key = bytes(table[:_KEY])

    def verify(self, public_key, digest, signature, hook=None):
        """As ``p256.verify``, which answers for every key but the pinned one.

        The hook is called about 45 times; the longest way between two calls is one doubling and two
        additions: 30 products and 27 remainders, or the inversion of s.
        """
        values = p256.copies(public_key, digest, signature)
        if not values or values[0] != self.public_key:
            return p256.verify(public_key, digest, signature, hook)
        _, digest, signature = values
        p = p256._P
        n = p256._N
        r = p256._number(signature, 0)
        s = p256._number(signature, 32)
        if not (0 < r < n and 0 < s < n):
            return False
        s = p256._invert(s, n)
        if hook:
            hook()
        u = _comb(p256._number(digest, 0) * s % n, n)
        v = _comb(r * s % n, n)
        table = self.table
        from_bytes = int.from_bytes
        x = d = z = 0
        for column in range(_COLUMNS):
            if z:
                if hook:
                    hook()
                # The formulas are p256's: dbl-2001-b for D = 2Y.
                g = d * d % p
                b = x * g % p
                t = z * z % p
                a = 3 * (x - t) * (x + t) % p
                x = (a * a - (b << 1)) % p
                z = d * z % p
                d = ((a << 1) * (b - x) - g * g) % p
            for base, digits in ((_KEY, u), (_KEY + _POINTS, v)):
                i = digits[column]
                base += (i & 31) << 6
                g = from_bytes(table[base : base + 32], "big")
                b = from_bytes(table[base + 32 : base + 64], "big")
                if i > 31:
                    b = -b
                if not z:
                    x = g
                    d = b
                    z = 1
                    continue
                # madd-2007-bl for D = 2Y.
                t = z * z % p
                h = (g * t - x) % p
                if not h:
                    # The two points are equal or each other's negative: it takes a crafted signature, and
                    # knows no key's secret, to come here. p256 has the cases.
                    return p256.verify(self.public_key, digest, signature, hook)
                a = (t * z % p * b - d) % p
                b = h << 1
                z = z * b % p
                g = b * b % p
                h = h * g % p
                g = x * g % p
                x = (a * a - (h + (g << 1))) % p
                d = (a * (g - x) - d * h << 1) % p
        # Z is a product of nonzero factors, so the sum is not infinity; the rest is as in p256.
        z = z * z % p
        return r * z % p == x or (r + n < p and (r + n) * z % p == x)


def _comb(scalar, n):
    """bytes: for each column, highest first, the number of its point, plus 32 if that is to be negated.

    All digits +1 or -1 sum up to odd numbers only, so an even scalar is taken as scalar + n.
    """
    if not scalar & 1:
        scalar += n
    # Bit i of this is set where digit i is +1.
    bits = ((1 << 6 * _COLUMNS) + scalar >> 1).to_bytes(33, "little")
    digits = bytearray(_COLUMNS)
    for column in range(_COLUMNS):
        i = 0
        for bit in range(_COLUMNS * 6 - 1 - column, -1, -_COLUMNS):
            i = i << 1 | (bits[bit >> 3] >> (bit & 7) & 1)
        # The stored points have the top tooth's digit +1.
        digits[column] = i & 31 if i > 31 else i ^ 63
    return digits
