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
    return array("H", [fill, byte_loops.FCS_INIT, escaped, limit, 0])


def test_both_are_tried_where_both_are():
    assert len(IMPLEMENTATIONS) == (2 if sys.implementation.name == "micropython" else 1)


def test_take_ends_with_a_flag_and_then_begins_anew():
    for name, loops in IMPLEMENTATIONS:
        buffer = bytearray(8)
        kept = registers(8)
        assert loops.take(2, 9, b"..abc\x7edef", buffer, kept, byte_loops.table()) == 6, name
        assert bytes(buffer) == b"abc\0\0\0\0\0" and kept[byte_loops.FILL] == 3 and kept[byte_loops.ENDED]
        fcs = kept[byte_loops.FCS]
        assert loops.take(0, 2, b"abc", buffer, kept, byte_loops.table()) == 2
        assert loops.take(2, 2, b"abc", buffer, kept, byte_loops.table()) == 2
        assert kept[byte_loops.FILL] == 2 and not kept[byte_loops.ENDED]
        assert loops.take(2, 3, b"abc", buffer, kept, byte_loops.table()) == 3
        assert kept[byte_loops.FILL] == 3 and kept[byte_loops.FCS] == fcs


def test_take_keeps_an_escape_from_call_to_call():
    for name, loops in IMPLEMENTATIONS:
        buffer = bytearray(4)
        kept = registers(4)
        loops.take(0, 1, b"\x7d", buffer, kept, byte_loops.table())
        assert kept[byte_loops.ESCAPED] == 1 and kept[byte_loops.FILL] == 0, name
        loops.take(0, 3, b"\x5e\x7d\x5d", buffer, kept, byte_loops.table())
        assert bytes(buffer[:2]) == b"\x7e\x7d" and kept[byte_loops.ESCAPED] == 0


def test_take_passes_over_flags_before_a_frame_only():
    for name, loops in IMPLEMENTATIONS:
        buffer = bytearray(8)
        kept = registers(8)
        assert loops.take(0, 3, b"\x7e\x7e\x7e", buffer, kept, byte_loops.table()) == 3, name
        assert kept[byte_loops.FILL] == 0 and kept[byte_loops.FCS] == byte_loops.FCS_INIT
        assert loops.take(0, 4, b"\x7eab\x7e", buffer, kept, byte_loops.table()) == 4
        assert loops.take(0, 4, b"\x7eab\x7e", buffer, registers(8, escaped=1), byte_loops.table()) == 1
        assert loops.take(0, 4, b"\x7eab\x7e", buffer, registers(8, fill=1), byte_loops.table()) == 1


def test_take_agrees_with_the_plain_loop_on_anything_in_any_split():
    seed = 7
    data = bytearray()
    for _ in range(600):
        seed = (seed * 1103 + 12345) & 0xFFFF
        # The specials, their neighbours, and others.
        data.append((0x7C, 0x7D, 0x7E, 0x7F, seed >> 8, seed >> 7 & 0xFF)[seed % 6])
    for name, loops in IMPLEMENTATIONS:
        for limit in (3, 200):
            for step in (1, 2, 7, 50):
                one, other = bytearray(limit), bytearray(limit)
                kept, expected = registers(limit), registers(limit)
                at = 0
                while at < len(data):
                    end = min(at + step, len(data))
                    stopped = loops.take(at, end, data, one, kept, byte_loops.table())
                    assert stopped == Plain.take(at, end, data, other, expected, byte_loops.table()), name
                    assert one == other and kept == expected, (name, limit, step, at)
                    at = stopped


def test_take_counts_one_beyond_the_limit_and_writes_none():
    for name, loops in IMPLEMENTATIONS:
        buffer = bytearray(8)
        kept = registers(4)
        loops.take(0, 99, bytes(range(1, 100)), buffer, kept, byte_loops.table())
        assert bytes(buffer) == b"\x01\x02\x03\x04\0\0\0\0" and kept[byte_loops.FILL] == 5, name


def test_take_tells_a_good_frame_from_a_bad_one():
    wire = bytearray(40)
    end = byte_loops.put(0, 9, b"123456789", wire, byte_loops.table())
    for name, loops in IMPLEMENTATIONS:
        for limit, damage, ended in ((20, 0, 11), (11, 0, 11), (10, 0, 1), (20, 1, 1)):
            kept = registers(limit)
            wire[4] ^= damage
            assert loops.take(0, end, wire, bytearray(20), kept, byte_loops.table()) == end
            wire[4] ^= damage
            assert kept[byte_loops.ENDED] == ended, (name, limit, damage)
        # 7D 7E gives a frame up, were it good so far.
        kept = registers(20)
        wire[end - 1 : end + 1] = b"\x7d\x7e"
        assert loops.take(0, end + 1, wire, bytearray(20), kept, byte_loops.table()) == end + 1
        assert kept[byte_loops.ENDED] == 1 and kept[byte_loops.FILL] == 11, name
        wire[end - 1] = 0x7E


def test_take_computes_the_fcs():
    for name, loops in IMPLEMENTATIONS:
        kept = registers(20)
        loops.take(0, 9, b"123456789", bytearray(20), kept, byte_loops.table())
        assert kept[byte_loops.FCS] ^ 0xFFFF == 0x906E, name


def test_put_stuffs_and_ends_in_the_fcs():
    for name, loops in IMPLEMENTATIONS:
        for contents in (b"123456789", bytes(range(256)), b"\x7e\x7d" * 40, bytes(512)):
            out = bytearray(2 * len(contents) + 6)
            end = loops.put(0, len(contents), contents, out, byte_loops.table())
            plain = bytearray(len(out))
            assert end == Plain.put(0, len(contents), contents, plain, byte_loops.table())
            assert out == plain, name


def test_copy():
    for name, loops in IMPLEMENTATIONS:
        target = bytearray(b"........")
        loops.copy(target, b"abcdef", 2, 1, 3)
        assert bytes(target) == b"..bcd...", name
        loops.copy(target, b"abcdef", 8, 6, 0)
        assert bytes(target) == b"..bcd..."
        source = bytes(range(100, 120))
        for length in range(12):
            target = bytearray(16)
            loops.copy(target, source, 2, 3, length)
            assert bytes(target) == bytes(2) + source[3 : 3 + length] + bytes(14 - length), (name, length)


def test_same():
    for name, loops in IMPLEMENTATIONS:
        a = b"xxabcdefghijkxx"
        assert loops.same(a, b"abc", 2, 0, 3) is True, name
        assert loops.same(a, b"zbc", 2, 1, 0) is True
        for length in range(12):
            assert loops.same(a, b"yabcdefghijk", 2, 1, length) is True, (name, length)
            for i in range(12):
                other = bytearray(b"yabcdefghijk")
                other[i] ^= 0x80
                assert loops.same(a, other, 2, 1, length) is not (1 <= i <= length), (name, i)


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
                end = put(0, 100, contents, out, byte_loops.table())
                take(1, end, out, buffer, kept, byte_loops.table())
                kept[byte_loops.FILL] = 0
                copy(buffer, contents, 3, 1, 80)
                same(buffer, contents, 3, 1, 80)
        finally:
            heap_unlock()
