"""The loops over bytes, plain and in machine code: the same tests, and the link's over each of them."""

import sys
from array import array

from hal import byte_loops
from tests.portable import test_link

HEAP = "1M"


class Plain:
    """The loops as the module has them before anybody says otherwise."""

    take = byte_loops.take
    put = byte_loops.put
    copy = byte_loops.copy
    same = byte_loops.same


IMPLEMENTATIONS = [("plain", Plain)]
if sys.implementation.name == "micropython":
    from boards.common import byte_loops_viper

    IMPLEMENTATIONS.append(("viper", byte_loops_viper))


def registers(limit, fill=0, escaped=0):
    return array("H", [fill, byte_loops.FCS_INIT, escaped, limit])


def test_both_are_tried_where_both_are():
    assert len(IMPLEMENTATIONS) == (2 if sys.implementation.name == "micropython" else 1)


def test_take_stops_before_a_flag_and_says_where():
    for name, loops in IMPLEMENTATIONS:
        buffer = bytearray(8)
        kept = registers(8)
        assert loops.take(b"..abc\x7edef", 2, 9, buffer, kept, byte_loops.FCS_TABLE) == 5, name
        assert bytes(buffer) == b"abc\0\0\0\0\0" and kept[byte_loops.FILL] == 3
        assert loops.take(b"abc", 0, 3, buffer, kept, byte_loops.FCS_TABLE) == 3
        assert loops.take(b"abc", 2, 2, buffer, kept, byte_loops.FCS_TABLE) == 2
        assert kept[byte_loops.FILL] == 6


def test_take_keeps_an_escape_from_call_to_call():
    for name, loops in IMPLEMENTATIONS:
        buffer = bytearray(4)
        kept = registers(4)
        loops.take(b"\x7d", 0, 1, buffer, kept, byte_loops.FCS_TABLE)
        assert kept[byte_loops.ESCAPED] == 1 and kept[byte_loops.FILL] == 0, name
        loops.take(b"\x5e\x7d\x5d", 0, 3, buffer, kept, byte_loops.FCS_TABLE)
        assert bytes(buffer[:2]) == b"\x7e\x7d" and kept[byte_loops.ESCAPED] == 0


def test_take_counts_one_beyond_the_limit_and_writes_none():
    for name, loops in IMPLEMENTATIONS:
        buffer = bytearray(8)
        kept = registers(4)
        loops.take(bytes(range(1, 100)), 0, 99, buffer, kept, byte_loops.FCS_TABLE)
        assert bytes(buffer) == b"\x01\x02\x03\x04\0\0\0\0" and kept[byte_loops.FILL] == 5, name


def test_take_computes_the_fcs():
    for name, loops in IMPLEMENTATIONS:
        kept = registers(20)
        loops.take(b"123456789", 0, 9, bytearray(20), kept, byte_loops.FCS_TABLE)
        assert kept[byte_loops.FCS] ^ 0xFFFF == 0x906E, name


def test_put_stuffs_and_ends_in_the_fcs():
    for name, loops in IMPLEMENTATIONS:
        for contents in (b"123456789", bytes(range(256)), b"\x7e\x7d" * 40, bytes(512)):
            out = bytearray(2 * len(contents) + 6)
            end = loops.put(contents, len(contents), out, byte_loops.FCS_TABLE)
            plain = bytearray(len(out))
            assert end == Plain.put(contents, len(contents), plain, byte_loops.FCS_TABLE)
            assert out == plain, name


def test_copy():
    for name, loops in IMPLEMENTATIONS:
        target = bytearray(b"........")
        loops.copy(target, 2, b"abcdef", 1, 3)
        assert bytes(target) == b"..bcd...", name
        loops.copy(target, 8, b"abcdef", 6, 0)
        assert bytes(target) == b"..bcd..."


def test_same():
    for name, loops in IMPLEMENTATIONS:
        a = b"xxabcxx"
        assert loops.same(a, 2, b"abc", 0, 3) is True, name
        assert loops.same(a, 2, b"zbc", 1, 0) is True
        for i in range(3):
            other = bytearray(b"abc")
            other[i] ^= 0x80
            assert loops.same(a, 2, other, 0, 3) is False, (name, i)


def test_the_link_over_each():
    for _, loops in IMPLEMENTATIONS:
        byte_loops.use(loops)
        try:
            ran = 0
            for test in dir(test_link):
                if test.startswith("test_"):
                    getattr(test_link, test)()
                    ran += 1
            assert ran > 8
        finally:
            byte_loops.use(Plain)


def test_none_of_them_allocates():
    if sys.implementation.name != "micropython":
        return
    from micropython import heap_lock, heap_unlock

    buffer = bytearray(300)
    out = bytearray(300)
    kept = registers(300)
    contents = bytes(range(100))
    for _, loops in IMPLEMENTATIONS:
        take, put, copy, same = loops.take, loops.put, loops.copy, loops.same
        heap_lock()
        try:
            for _ in range(100):
                end = put(contents, 100, out, byte_loops.FCS_TABLE)
                take(out, 1, end, buffer, kept, byte_loops.FCS_TABLE)
                kept[byte_loops.FILL] = 0
                copy(buffer, 3, contents, 1, 80)
                same(buffer, 3, contents, 1, 80)
        finally:
            heap_unlock()
