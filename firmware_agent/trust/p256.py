"""ECDSA over P-256: checks a signature of a SHA-256 digest, in plain integers.

Source: FIPS 186-5 section 6.4.2 (verification), SP 800-186 section 3.2.1.3 (the curve). Only public values
come in, so nothing here takes constant time. On MicroPython a remainder of 512 bits costs twice a product,
and shifts and masks allocate: so the work is arranged for few remainders, and ``%`` beats NIST's shifting.

How: u1*G + u2*Q with one run of doublings (interleaved wNAF, Moeller 2001). Digits of 6 bits look up a fixed
table of 16 odd multiples of G, digits of 5 bits a table of 8 odd multiples of Q, which is made first.

A point's y is kept doubled, which saves small operations: table points are affine, (x, 2y). The running sum
is Jacobian: x = X/Z^2 and 2y = D/Z^3; Z == 0 is the point at infinity.
"""

# The prime, the group's order and the curve's b. A sum takes less of an .mpy than its 78 decimal digits.
_P = (1 << 256) - (1 << 224) + (1 << 192) + (1 << 96) - 1
_N = _P - 0x4319055358E8617B0C46353D039CDAAE
_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B


def verify(public_key, digest, signature, hook=None):
    """True if ``signature`` over ``digest`` was made with the private key of ``public_key``.

    ``public_key``  65 bytes: 4, x, y (big-endian, as all numbers here)
    ``digest``      32 bytes: the message's SHA-256
    ``signature``   64 bytes: r, s
    ``hook``        called without arguments about 270 times, to feed a watchdog or to answer the radio

    Anything else that comes in (another type or length, a number out of its range, a point off the curve)
    gives False. An exception can only be the hook's own, or MemoryError in a heap with less than 8 KB free.

    The longest way between two calls of ``hook`` is one modular inversion with what stands around it: as long
    as about 50 field multiplications (a product and its remainder), 1/63 of a verification. In the main
    loop it is one doubling and two additions: 30 products and 27 remainders.
    """
    values = copies(public_key, digest, signature)
    if not values:
        return False
    public_key, digest, signature = values
    p = _P
    n = _N
    x = _number(public_key, 1)
    d = _number(public_key, 33)
    if public_key[0] != 4 or x >= p or d >= p or (d * d - (x * x - 3) * x - _B) % p:
        return False
    r = _number(signature, 0)
    s = _number(signature, 32)
    if not (0 < r < n and 0 < s < n):
        return False
    s = _invert(s, n)
    if hook:
        hook()
    # One step of the sum is a small integer: position << 9 | 256 for Q's table | signed digit in 8 bits.
    # The last step, 0, adds nothing: it brings the doublings down to position 0.
    steps = [0]
    _recode(steps, 0, _number(digest, 0) * s % n, 6)
    _recode(steps, 256, r * s % n, 5)
    steps.sort(reverse=True)
    multiples = _odd_multiples(x, d, hook)
    from_bytes = int.from_bytes
    z = 0
    position = steps[0] >> 9
    for step in steps:
        for _ in range(position - (step >> 9)):
            if hook:
                hook()
            # dbl-2001-b of the Explicit-Formulas Database, for D = 2Y. Infinity (Z == 0) stays infinity.
            g = d * d % p
            b = x * g % p
            t = z * z % p
            a = 3 * (x - t) * (x + t) % p
            x = (a * a - (b << 1)) % p
            z = d * z % p
            d = ((a << 1) * (b - x) - g * g) % p
        position = step >> 9
        i = step & 127
        if not i:
            break
        if step & 128:
            i = 128 - i
        if step & 256:
            g, b = multiples[i >> 1]
        else:
            i <<= 5
            g = from_bytes(_G[i - 32 : i], "big")
            b = from_bytes(_G[i : i + 32], "big")
        if step & 128:
            b = -b
        if z:
            t = z * z % p
            h = (g * t - x) % p
            a = (t * z % p * b - d) % p
            if h:
                # madd-2007-bl, for D = 2Y.
                b = h << 1
                z = z * b % p
                g = b * b % p
                h = h * g % p
                g = x * g % p
                x = (a * a - (h + (g << 1))) % p
                d = (a * (g - x) - d * h << 1) % p
                continue
            if a:
                # The sum is the point's negative.
                z = 0
                continue
            # The sum is the point itself: the formula above does not hold, double the point by its tangent.
            a = 3 * (g * g - 1) * _invert(b % p, p)
            x = (a * a - 2 * g) % p
            d = (2 * a * (g - x) - b) % p
        else:
            x = g
            d = b
        z = 1
    # Infinity has no x, so no r is right. Where X is 0 with Z, the comparison below would accept any r.
    if not z:
        return False
    # x mod n == r without a division: X == r * Z^2, or (r + n) * Z^2 where x was n or more.
    z = z * z % p
    return r * z % p == x or (r + n < p and (r + n) * z % p == x)


def copies(public_key, digest, signature):
    """The three arguments of ``verify`` as bytes, or None if a type or a length is wrong.

    Copies, because the caller's buffers may change while the hook runs.
    """
    out = []
    for value, size in ((public_key, 65), (digest, 32), (signature, 64)):
        if not isinstance(value, (bytes, bytearray, memoryview)):
            return None
        value = bytes(value)
        if len(value) != size:
            return None
        out.append(value)
    return out


def _number(data, offset):
    return int.from_bytes(data[offset : offset + 32], "big")


def _invert(a, m):
    """1/a mod the prime m, by Euclid: pow(a, -1, m) is 0 on MicroPython, Fermat takes ten times as long."""
    b = m
    x = 1
    y = 0
    while a:
        q, r = divmod(b, a)
        b = a
        a = r
        x, y = y - q * x, x
    return y % m


def _recode(steps, at, scalar, width):
    """Append the wNAF digits of ``scalar``: odd, below 2^(width - 1) in size; ``at`` is the table's bit."""
    full = 1 << width
    window = count = 0
    for byte in scalar.to_bytes(34, "little"):
        window += byte << count
        count += 8
        while count >= width:
            if window & 1:
                k = window & (full - 1)
                if k > full >> 1:
                    k -= full
                steps.append(at | (k & 255))
                window = (window - k) >> width
                count -= width
                at += width << 9
            else:
                window >>= 1
                count -= 1
                at += 512


def _odd_multiples(x, y, hook):
    """[(x, 2y)] of Q, 3Q, .. 15Q, affine.

    Every step adds 2Q with both points over one Z (Meloni 2007: 7 products), and one inversion makes all
    affine. Q has the prime order n, so none of these points is infinity or meets 2Q.
    """
    p = _P
    z = y + y
    points = [(x, z)]
    # How much each point's Z has more than the one before it.
    factors = []
    # (u, v) is 2Q; (x, y) is Q over the same Z = 2y.
    t = z * y % p
    a = 3 * (x * x - 1) % p
    x = 2 * t * x % p
    y = 2 * t * t % p
    u = (a * a - x - x) % p
    v = (a * (x - u) - y) % p
    for _ in range(7):
        h = u - x
        z = z * h % p
        t = h * h % p
        u = u * t % p
        t = x * t % p
        a = v - y
        v = v * (u - t) % p
        x = (a * a - u - t) % p
        y = (a * (u - x) - v) % p
        points.append((x, y))
        factors.append(h)
        if hook:
            hook()
    z = _invert(z, p)
    for i in range(7, 0, -1):
        x, y = points[i]
        t = z * z % p
        points[i] = (x * t % p, (z + z) * t % p * y % p)
        z = z * factors[i - 1] % p
        if hook:
            hook()
    return points


# (x, 2y mod p) of G, 3G, .. 31G; tests/test_p256_vectors.py makes it again.
_G = (
    b"\x6b\x17\xd1\xf2\xe1\x2c\x42\x47\xf8\xbc\xe6\xe5\x63\xa4\x40\xf2\x77\x03\x7d\x81\x2d\xeb\x33\xa0"
    b"\xf4\xa1\x39\x45\xd8\x98\xc2\x96\x9f\xc6\x85\xc5\xfc\x34\xff\x37\x1d\xcf\xd6\x94\xf8\x1f\x3c\x2c"
    b"\x57\x9c\x66\xae\xd6\x62\xbd\x9d\x97\x6c\x80\xd0\x6f\x7e\xa3\xea\x5e\xcb\xe4\xd1\xa6\x33\x0a\x44"
    b"\xc8\xf7\xef\x95\x1d\x4b\xf1\x65\xe6\xc6\xb7\x21\xef\xad\xa9\x85\xfb\x41\x66\x1b\xc6\xe7\xfd\x6c"
    b"\x0e\x68\xc8\x19\x93\x31\xfe\xfb\x6e\x96\x0d\x9c\x34\xc9\x45\xd9\xb0\x55\x60\x6b\x70\x9f\x70\x7b"
    b"\x34\xf3\x62\x4f\x44\xfa\xa0\x65\x51\x59\x0b\x7a\x51\x51\x40\xd2\xd7\x84\xc8\x56\x08\x66\x8f\xdf"
    b"\xef\x8c\x82\xfd\x1f\x5b\xe5\x24\x21\x55\x4a\x0d\xc3\xd0\x33\xed\xc1\x82\xfb\x52\x20\x94\xe4\xfa"
    b"\x15\xc3\x7e\x6d\x7f\x14\xf2\x4c\x1a\x02\x5e\x00\xa9\xb0\x11\x11\xa3\xa1\x76\x89\xfb\x42\xdb\x49"
    b"\x8e\x53\x3b\x6f\xa0\xbf\x7b\x46\x25\xbb\x30\x66\x7c\x01\xfb\x60\x7e\xf9\xf8\xb8\xa8\x0f\xef\x5b"
    b"\x30\x06\x28\x70\x31\x87\xb2\xa3\xe7\xd6\x3b\x7b\xc0\x66\x30\x6c\xda\x0d\x3f\x07\x4d\xeb\x20\x00"
    b"\xa7\x8e\x6c\x67\x96\x08\x36\x43\x8a\xbc\x35\x0d\x83\xe8\x01\x68\xea\x68\xd7\xb6\xfe\xdf\x0b\x71"
    b"\x87\x89\x38\xd5\x1d\x71\xf8\x72\x9e\x0a\xcb\x8c\x2c\x6d\xf8\xb3\xd7\x9e\x8a\x4b\x90\x94\x9e\xe0"
    b"\x54\x4e\x89\x92\xe5\x93\xf9\xcf\x0e\x02\x95\x2c\x95\x1d\x41\x90\x9a\xe2\x9f\xd5\x49\xbd\x04\x7f"
    b"\xd0\xb4\x44\x94\x9b\xa0\x91\xf4\x3e\xd1\x13\xb7\x88\x3b\x4c\x59\x06\x38\x37\x9d\xb0\xc2\x1c\xda"
    b"\x16\x74\x2e\xd0\x25\x50\x48\xbf\x43\x33\x91\xd3\x74\xbc\x21\xd1\x21\x32\x41\x36\x99\x89\x91\x43"
    b"\x49\x90\x87\x5f\x49\xe9\x8d\x14\x12\x1a\x09\xb3\xbd\x31\x13\xb5\xc5\xf1\xdd\xf9\xd0\x54\x6e\x81"
    b"\x17\x7c\x83\x7a\xe0\xac\x49\x5a\x61\x80\x5d\xf2\xd8\x5e\xe2\xfc\x79\x2e\x28\x4b\x65\xea\xd5\x8a"
    b"\x98\xe1\x5d\x9d\x46\x07\x2c\x01\xc7\x76\xb1\x9a\x9d\x7d\x4a\xb1\x44\x81\x23\x5b\x68\x1e\x9c\xe4"
    b"\x4d\xdc\x29\x87\x43\xf6\x9b\xe7\x38\x87\x77\xc5\xdf\x8f\x7f\xb0\xf0\x45\x4d\xc6\x97\x1a\xba\xe7"
    b"\xad\xfb\x37\x89\x99\x88\x82\x65\xae\x03\xaf\x92\xde\x3a\x0e\xf1\x63\x66\x8c\x63\xe5\x9b\x9d\x5f"
    b"\x6b\x72\x7d\xc7\xb2\x5c\x5a\x3d\x9c\xcb\x29\xca\x3f\x2c\x87\xcc\x54\x76\x43\x9b\xeb\x6b\xf4\x7e"
    b"\x8f\xcb\x39\xbc\x1a\x06\x9e\x6d\x47\x77\x69\x04\xc0\xf1\xcc\x3a\x9c\x09\x84\xb6\x6f\x75\x30\x1a"
    b"\x5f\xa6\x86\x78\xf0\xd6\x4a\xf8\xba\x1a\xbc\xe3\x47\x38\xa7\x3e\x54\x00\xbd\xce\x6b\x72\xae\x4f"
    b"\xc4\x63\x0a\xca\xee\xc9\x1d\x07\x03\x65\x00\x87\x51\xaa\xe6\x7e\x65\xef\x0f\xfe\xe3\xe3\xf9\xb9"
    b"\xcb\x6d\x28\x61\x10\x2c\x0c\x25\xce\x39\xb7\xc1\x71\x08\xc5\x07\x78\x2c\x45\x22\x57\x88\x48\x95"
    b"\xc1\xfc\x7b\x74\xab\x03\xed\x83\xb1\xae\xc2\x96\x49\xb3\xde\xa2\xb8\x6b\xce\x20\x1a\xda\xd9\xc9"
    b"\x49\x2c\xe2\xdc\x61\xf4\x7c\x07\xc7\x22\xa0\xea\x57\x9d\x9b\x54\x32\x50\xfc\xf6\x86\x63\x7c\x7b"
    b"\x2e\x4a\xc8\x6e\xb4\x73\xbc\xa5\x3a\x58\x21\x39\xf4\x2b\x15\x23\xfd\x76\x36\x4e\x67\x39\x9e\x83"
    b"\x85\xcf\x86\x84\xcc\xfa\x6b\x27\x2f\x66\x12\x1a\x3a\xfd\x71\x19\x12\xf9\xa7\x86\x76\xac\xd5\x04"
    b"\x2b\xbc\x49\x40\xe3\xa9\x18\x12\x0e\x91\xc7\x23\x9c\x26\x40\xd7\xd2\x8a\x3e\x39\xd4\x58\x3f\xa6"
    b"\x3c\x0b\xc0\xa5\xdf\x64\xa4\xfe\x67\x2e\x57\x30\x45\xca\x78\x96\xbb\xec\xb8\x76\xaa\x1b\x74\x44"
    b"\x34\x44\xe6\x77\x71\xc1\x7a\xda\xfc\xd1\x06\x6a\xeb\xcf\x4b\x5c\x27\x00\x8c\xa8\x62\x81\x5a\xaa"
    b"\x3a\x67\xe2\x55\x4b\x0c\x0b\xb6\x85\xf4\xf5\x2d\x8c\x07\xfa\x84\x41\x65\x2f\xc5\xb7\x6f\x1b\x24"
    b"\x84\xa4\xdc\x45\xf2\x00\xd6\x87\x4f\xa1\xe3\x0e\x5e\x3f\x9e\x86\x4d\xb5\xe4\xce\x2c\x75\xf6\x1b"
    b"\x18\x31\x15\xee\x6b\x4e\xc3\x15\x53\xda\x2d\x66\x05\xef\x26\x48\x18\x4f\xfa\x58\x19\xd8\x0d\x51"
    b"\xde\xba\x2f\xac\x46\x11\xf3\x78\x57\x63\x55\xbd\x68\x3e\x54\xab\xf2\xe2\x01\x17\x3b\x08\x83\xd1"
    b"\x81\x4c\xdc\x4f\xcd\x11\xe6\xb2\x49\x8d\xb2\x10\x4d\x97\x33\x2a\x8b\x7b\xd9\x97\xc7\xe0\x92\x2c"
    b"\x41\xa4\x85\x84\xc1\x20\xdc\xdf\xd6\xd3\x3a\xde\xfa\x19\x5b\x07\xa7\xc3\x6d\xa0\x90\x85\x3b\x8c"
    b"\xfd\x8c\xd1\xc6\x88\xb5\x8a\x41\xde\xdd\x69\x3d\x1c\x78\x4d\xef\x09\x55\x74\x2e\xdc\x32\xba\xfb"
    b"\x7e\xf0\x48\xbe\xab\x14\xbb\x96\x13\x42\xcd\x55\x97\x2b\xdb\xda\xaa\x18\x24\x8b\x27\xa3\x79\x4d"
    b"\x30\x1d\x9e\x50\x2d\xc7\xe0\x5d\xa8\x5d\xa0\x26\xa7\xae\x9a\xa0\xfa\xc9\xdb\x7d\x52\xa9\x5b\x3e"
    b"\x3e\x3f\x9a\xa0\xa1\xb4\x5b\x8b\xca\xa3\x6d\xed\x66\x0c\x24\x47\xc1\xa4\x78\x04\xd6\x02\xfa\xe4"
    b"\x53\x1b\x35\xc8\xd1\x0f\x94\xc3\xab\x1b\x6d\x5d\x42\xfd\xc4\xce"
)
