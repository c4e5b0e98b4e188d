"""hal/byte_loops.py for MicroPython's viper compiler: machine code for the board's processor.

Pointers know no bounds. Each function says what it touches; whoever calls it sees to that, and the plain
twin, which would raise an IndexError, passes the same tests.
"""

import micropython
from micropython import const

_FLAG = const(0x7E)
_ESCAPE = const(0x7D)
_ESCAPE_XOR = const(0x20)
_FCS_GOOD = const(0xF0B8)


# Of flag and escape, which alone are special on the wire, these two bits differ; two other values have the
# same ones beside them.
_SPECIAL = const(0x7F)
_DIFFER = const(0x03)


@micropython.viper
def take(byte: int, fcs: int, data: ptr8, buffer: ptr8, registers: ptr16, table: ptr16) -> int:
    """Reads data[start:end] and table[:256], writes buffer[:LIMIT] and four of the registers.

    ``byte`` and ``fcs`` come as start and end: the compiler has processor registers for a function's first
    two names only, and these two are what the loop computes with.
    """
    at = byte
    end = fcs
    if registers[4]:
        registers[4] = 0
        fill = 0
        fcs = 0xFFFF
        escaped = 0
    else:
        fill = int(registers[0])
        fcs = int(registers[1])
        escaped = int(registers[2])
    limit = int(registers[3])
    while at < end:
        # A run ends at the end, where the buffer ends, or at what is special.
        stop = at + limit - fill
        if stop > end:
            stop = end
        into = ptr8(int(buffer) + fill - at)
        fill -= at
        if not escaped:
            while at < stop:
                byte = int(data[at])
                if byte | _DIFFER == _SPECIAL:
                    if byte == _FLAG or byte == _ESCAPE:
                        break
                into[at] = byte
                fcs = (fcs >> 8) ^ int(table[(fcs ^ byte) & 0xFF])
                at += 1
        fill += at
        if at == end:
            break
        # One byte by itself.
        byte = int(data[at])
        at += 1
        if byte == _FLAG:
            if fill or escaped:
                registers[4] = 1
                if fcs == _FCS_GOOD:
                    if not escaped:
                        if fill <= limit:
                            registers[4] = fill
                break
            continue
        if byte == _ESCAPE:
            escaped = 1
            continue
        if escaped:
            byte ^= _ESCAPE_XOR
            escaped = 0
        fcs = (fcs >> 8) ^ int(table[(fcs ^ byte) & 0xFF])
        if fill < limit:
            buffer[fill] = byte
            fill += 1
        else:
            fill = limit + 1
    registers[0] = fill
    registers[1] = fcs
    registers[2] = escaped
    return at


@micropython.viper
def put(byte: int, fcs: int, contents: ptr8, out: ptr8, table: ptr16) -> int:
    """Reads contents[start:end] and table[:256], writes as much of ``out`` as encoded_limit() says.

    ``byte`` and ``fcs`` come as start and end, as take()'s.
    """
    at = byte
    end = fcs
    fcs = 0xFFFF
    out[0] = _FLAG
    n = 1
    shift = 0
    while shift < 16:
        if at < end:
            byte = int(contents[at])
            at += 1
            fcs = (fcs >> 8) ^ int(table[(fcs ^ byte) & 0xFF])
        else:
            byte = (fcs ^ 0xFFFF) >> shift & 0xFF
            shift += 8
        if byte | _DIFFER == _SPECIAL:
            if byte == _FLAG or byte == _ESCAPE:
                out[n] = _ESCAPE
                n += 1
                byte ^= _ESCAPE_XOR
        out[n] = byte
        n += 1
    out[n] = _FLAG
    return n + 1


@micropython.viper
def copy(target: ptr8, source: ptr8, at: int, start: int, length: int):
    """Reads source[start:start + length], writes target[at:at + length]."""
    target = ptr8(int(target) + at)
    source = ptr8(int(source) + start)
    while length >= 4:
        target[0] = source[0]
        target[1] = source[1]
        target[2] = source[2]
        target[3] = source[3]
        target = ptr8(int(target) + 4)
        source = ptr8(int(source) + 4)
        length -= 4
    while length > 0:
        target[0] = source[0]
        target = ptr8(int(target) + 1)
        source = ptr8(int(source) + 1)
        length -= 1


@micropython.viper
def same(a: ptr8, b: ptr8, at: int, start: int, length: int) -> bool:
    """Reads a[at:at + length] and b[start:start + length]."""
    a = ptr8(int(a) + at)
    b = ptr8(int(b) + start)
    while length >= 4:
        differ = (a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) | (a[3] ^ b[3])
        if differ:
            return False
        a = ptr8(int(a) + 4)
        b = ptr8(int(b) + 4)
        length -= 4
    while length > 0:
        if a[0] != b[0]:
            return False
        a = ptr8(int(a) + 1)
        b = ptr8(int(b) + 1)
        length -= 1
    return True
