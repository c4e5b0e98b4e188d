"""hal/byte_loops.py for MicroPython's viper compiler: machine code for the board's processor.

Pointers know no bounds. Each function says what it touches; whoever calls it sees to that, and the plain
twin, which would raise an IndexError, passes the same tests.
"""

import micropython
from micropython import const

_FLAG = const(0x7E)
_ESCAPE = const(0x7D)
_ESCAPE_XOR = const(0x20)


@micropython.viper
def take(data: ptr8, start: int, end: int, buffer: ptr8, registers: ptr16, table: ptr16) -> int:
    """Reads data[start:end] and table[:256], writes buffer[:LIMIT] and three of the registers."""
    fill = int(registers[0])
    fcs = int(registers[1])
    escaped = int(registers[2])
    limit = int(registers[3])
    i = start
    while i < end:
        byte = int(data[i])
        if byte == _FLAG:
            break
        i += 1
        if byte == _ESCAPE:
            escaped = 1
        else:
            if escaped:
                byte ^= _ESCAPE_XOR
                escaped = 0
            fcs = (fcs >> 8) ^ int(table[(fcs ^ byte) & 0xFF])
            if fill < limit:
                buffer[fill] = byte
            if fill <= limit:
                fill += 1
    registers[0] = fill
    registers[1] = fcs
    registers[2] = escaped
    return i


@micropython.viper
def put(contents: ptr8, length: int, out: ptr8, table: ptr16) -> int:
    """Reads contents[:length] and table[:256], writes as much of ``out`` as encoded_limit(length) says."""
    fcs = 0xFFFF
    out[0] = _FLAG
    n = 1
    i = 0
    while i < length + 2:
        if i < length:
            byte = int(contents[i])
            fcs = (fcs >> 8) ^ int(table[(fcs ^ byte) & 0xFF])
        elif i == length:
            fcs ^= 0xFFFF
            byte = fcs & 0xFF
        else:
            byte = fcs >> 8
        if byte == _FLAG or byte == _ESCAPE:
            out[n] = _ESCAPE
            n += 1
            byte ^= _ESCAPE_XOR
        out[n] = byte
        n += 1
        i += 1
    out[n] = _FLAG
    return n + 1


@micropython.viper
def copy(target: ptr8, at: int, source: ptr8, start: int, length: int):
    """Reads source[start:start + length], writes target[at:at + length]."""
    i = 0
    while i < length:
        target[at + i] = source[start + i]
        i += 1


@micropython.viper
def same(a: ptr8, at: int, b: ptr8, start: int, length: int) -> bool:
    """Reads a[at:at + length] and b[start:start + length]."""
    i = 0
    while i < length:
        if a[at + i] != b[start + i]:
            return False
        i += 1
    return True
