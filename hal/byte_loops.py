"""The loops that touch every byte of a block: all that is worth machine code. Plain Python here.

A board may have them in machine code and says so with use(): boards/common/byte_loops_viper.py, the same
loops for MicroPython's viper compiler, passes the same tests. Nothing here allocates.

Whoever calls them looks them up here at each call: ``byte_loops.copy(...)``.
"""

from array import array

FLAG = 0x7E
ESCAPE = 0x7D
ESCAPE_XOR = 0x20
FCS_INIT = 0xFFFF
# What the FCS register holds after a good frame's own FCS went through it (RFC 1662, C.2).
FCS_GOOD = 0xF0B8

# Of take(): what it keeps from call to call, in an array("H").
FILL = 0
FCS = 1
ESCAPED = 2
LIMIT = 3
ENDED = 4


def _fcs_table():
    # Not from a list: MicroPython would need 1 KiB for that in one piece, 2 KiB on 64 bits.
    table = array("H", range(256))
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = (value >> 1) ^ 0x8408 if value & 1 else value >> 1
        table[byte] = value
    return table


FCS_TABLE = _fcs_table()


def table():
    """FCS_TABLE, made anew if it is gone."""
    global FCS_TABLE
    if FCS_TABLE is None:
        FCS_TABLE = _fcs_table()
    return FCS_TABLE


def rest():
    """Let go of FCS_TABLE: it is half a kilobyte, and wanted only while frames come or go."""
    global FCS_TABLE
    FCS_TABLE = None


def take(start, end, data, buffer, registers, table):
    """Unstuff data[start:end] into ``buffer``, up to and with the flag that ends a frame; returns the first
    index not taken (RFC 1662). Flags before the frame's first byte are passed over.

    registers: array("H") of FILL, bytes in the frame so far; FCS, over them; ESCAPED, 1 after an escape;
    LIMIT, the size of ``buffer``; and ENDED, what a flag ended, if one did: FILL if that is good, else 1. The
    next call begins another frame then. What is beyond LIMIT is lost, and counted as one byte more.
    """
    if registers[ENDED]:
        registers[ENDED] = 0
        registers[FILL] = 0
        registers[FCS] = FCS_INIT
        registers[ESCAPED] = 0
    fill = registers[FILL]
    fcs = registers[FCS]
    escaped = registers[ESCAPED]
    limit = registers[LIMIT]
    i = start
    while i < end:
        byte = data[i]
        i += 1
        if byte == FLAG:
            if fill or escaped:
                good = fcs == FCS_GOOD and not escaped and fill <= limit
                registers[ENDED] = fill if good else 1
                break
            continue
        if byte == ESCAPE:
            # A second escape in a row is no valid sequence; the FCS will tell.
            escaped = 1
            continue
        if escaped:
            byte ^= ESCAPE_XOR
            escaped = 0
        fcs = (fcs >> 8) ^ table[(fcs ^ byte) & 0xFF]
        if fill < limit:
            buffer[fill] = byte
            fill += 1
        else:
            fill = limit + 1
    registers[FILL] = fill
    registers[FCS] = fcs
    registers[ESCAPED] = escaped
    return i


def put(start, end, contents, out, table):
    """Frame contents[start:end] into ``out``: flag, stuffed contents and FCS, flag. Returns the bytes."""
    fcs = FCS_INIT
    out[0] = FLAG
    n = 1
    for i in range(start, end + 2):
        if i < end:
            byte = contents[i]
            fcs = (fcs >> 8) ^ table[(fcs ^ byte) & 0xFF]
        elif i == end:
            fcs ^= 0xFFFF
            byte = fcs & 0xFF
        else:
            byte = fcs >> 8
        if byte == FLAG or byte == ESCAPE:
            out[n] = ESCAPE
            n += 1
            byte ^= ESCAPE_XOR
        out[n] = byte
        n += 1
    out[n] = FLAG
    return n + 1


def copy(target, source, at, start, length):
    """target[at:at + length] = source[start:start + length]; the two are not the same buffer."""
    for i in range(length):
        target[at + i] = source[start + i]


def same(a, b, at, start, length):
    """True if a[at:at + length] == b[start:start + length]."""
    for i in range(length):
        if a[at + i] != b[start + i]:
            return False
    return True


def use(loops):
    """From now on these are ``loops``'s: a module that has all four of them."""
    global take, put, copy, same
    take = loops.take
    put = loops.put
    copy = loops.copy
    same = loops.same
