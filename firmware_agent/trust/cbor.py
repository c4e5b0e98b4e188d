"""A bounded reader for the little CBOR that a signed envelope needs (RFC 8949).

One item at a time, from a buffer that the caller owns: strings come back as
``(start, end)`` ranges into it, never as copies. The reader does not recurse; the
nesting is that of the code that calls it.

Only deterministic CBOR is read (RFC 8949, 4.2.1): definite lengths and the shortest
form of every head. So a value has one encoding, and a byte that changes is a value
that changes. Arguments above 32 bits are refused: no upgrade file needs one.

What is not such CBOR, or has another type than the caller asked for, raises
``Rejected(MALFORMED_ENVELOPE, "offset 17: ...")``.
"""

from firmware_agent.reject import MALFORMED_ENVELOPE, Rejected

UINT = 0
NINT = 1
BSTR = 2
TSTR = 3
ARRAY = 4
MAP = 5
TAG = 6
_NULL = 0xF6
_KINDS = (
    "an unsigned integer",
    "a negative integer",
    "a byte string",
    "a text string",
    "an array",
    "a map",
    "a tag",
    "a simple value",
)


class NeedMore(Exception):
    """The buffer ends before the item does, and more bytes may still come."""


class Reader:
    """Reads ``buf[pos:end]``, item by item.

    ``buf``    bytes, bytearray or memoryview.
    ``limit``  the offset that no item may pass, however many bytes still come. An item
               that passes ``limit`` is refused at once; one that only passes ``end`` raises
               NeedMore. Without it the buffer is complete: ``limit`` is ``end``.
    """

    def __init__(self, buf, pos, end, limit=None):
        self.buf = buf
        self.pos = pos
        self.end = end
        self.limit = end if limit is None else limit

    def fail(self, detail, number=MALFORMED_ENVELOPE, offset=None):
        """Raise Rejected, naming the offset: by default the one of the next item."""
        raise Rejected(number, "offset %d: %s" % (self.pos if offset is None else offset, detail))

    def _reach(self, end):
        # Both comparisons are needed: a length beyond the limit must not wait for bytes.
        if end > self.limit:
            self.fail("runs past the end, %d bytes of %d" % (end, self.limit))
        if end > self.end:
            raise NeedMore

    def head(self, major):
        """The argument of the next head, which must be of type ``major``; 0 to 2**32 - 1."""
        at = self.pos
        self._reach(at + 1)
        first = self.buf[at]
        if first >> 5 != major:
            self.fail("expected %s, found %s" % (_KINDS[major], _KINDS[first >> 5]))
        short = first & 0x1F
        if short < 24:
            self.pos = at + 1
            return short
        if short > 27:
            self.fail("indefinite or reserved length")
        size = 1 << (short - 24)
        if size > 4:
            self.fail("more than 32 bits")
        self._reach(at + 1 + size)
        value = 0
        for i in range(at + 1, at + 1 + size):
            value = value << 8 | self.buf[i]
        # The smallest value that needs this many bytes: 24, 2**8 or 2**16.
        if value < (24 if size == 1 else 1 << (4 * size)):
            self.fail("not the shortest form")
        self.pos = at + 1 + size
        return value

    def uint(self, maximum=0xFFFFFFFF):
        """An unsigned integer, at most ``maximum``."""
        at = self.pos
        value = self.head(UINT)
        if value > maximum:
            self.fail("%d is above %d" % (value, maximum), offset=at)
        return value

    def integer(self):
        """An integer of either sign."""
        self._reach(self.pos + 1)
        if self.buf[self.pos] >> 5 == NINT:
            return -1 - self.head(NINT)
        return self.head(UINT)

    def _string(self, major, length):
        at = self.pos
        size = self.head(major)
        start = self.pos
        if length is not None and size != length:
            self.fail("%d bytes, not %d" % (size, length), offset=at)
        try:
            self._reach(start + size)
        except (NeedMore, Rejected):
            self.pos = at
            raise
        self.pos = start + size
        return start, start + size

    def byte_string(self, length=None):
        """The range ``(start, end)`` of a byte string's contents, of ``length`` bytes if given."""
        return self._string(BSTR, length)

    def copy(self, length):
        """A byte string of exactly ``length`` bytes, copied out."""
        start, end = self._string(BSTR, length)
        return bytes(self.buf[start:end])

    def wrapped(self):
        """A reader of the CBOR inside a byte string; the outer one moves past it."""
        start, end = self._string(BSTR, None)
        return Reader(self.buf, start, end)

    def text_is(self, expected):
        """Whether the next text string is ``expected`` (bytes of UTF-8)."""
        start, end = self._string(TSTR, None)
        if end - start != len(expected):
            return False
        for i in range(len(expected)):
            if self.buf[start + i] != expected[i]:
                return False
        return True

    def array(self):
        """The number of items of an array, which follow."""
        return self.head(ARRAY)

    def map(self):
        """The number of pairs of a map, which follow."""
        return self.head(MAP)

    def tag(self):
        """The number of a tag; the tagged item follows."""
        return self.head(TAG)

    def null(self):
        """The simple value null."""
        self._reach(self.pos + 1)
        if self.buf[self.pos] != _NULL:
            self.fail("expected null")
        self.pos += 1

    def finish(self):
        """Nothing may follow."""
        if self.pos != self.end:
            self.fail("%d trailing bytes" % (self.end - self.pos))
