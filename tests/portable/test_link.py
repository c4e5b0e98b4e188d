"""The HAN serial link's framing, on both interpreters."""

from hal import byte_loops
from hal.link import FrameReceiver, encode, encoded_limit


def frames_of(wire, receiver=None, step=None):
    receiver = receiver or FrameReceiver()
    out = []
    at = 0
    while at < len(wire):
        end = len(wire) if step is None else min(len(wire), at + step)
        at = receiver.feed(wire, at, end)
        if receiver.ready:
            out.append(bytes(receiver.buffer[: receiver.length]))
    return out, receiver


def framed(contents):
    out = bytearray(encoded_limit(len(contents)))
    return bytes(out[: encode(contents, len(contents), out)])


def test_fcs_check_value():
    assert fcs_of(b"123456789") == b"\x6e\x90"


def test_round_trip_of_every_byte_value():
    contents = bytes(range(256))
    wire = framed(contents)
    assert wire[0] == 0x7E and wire[-1] == 0x7E and 0x7E not in wire[1:-1]
    assert frames_of(wire)[0] == [contents]


def test_any_split():
    wire = framed(b"\x7e\x7d hello") + framed(b"second frame")
    for step in range(1, len(wire)):
        assert frames_of(wire, step=step)[0] == [b"\x7e\x7d hello", b"second frame"]


def test_one_flag_ends_and_starts():
    wire = framed(b"first") + framed(b"second")[1:]
    assert frames_of(wire)[0] == [b"first", b"second"]


def test_between_two_frames_another_receiver_may_take_over():
    first = FrameReceiver()
    assert not first.between(), "it hunts for a flag"
    wire = framed(b"first") + framed(b"second")[1:]
    for end in range(1, len(wire)):
        got, receiver = frames_of(wire[:end])
        # The flag in the middle ends the first frame, and may start the second.
        assert receiver.between() == (end in (1, len(framed(b"first")))), end
        if receiver.between() and got:
            assert frames_of(wire[end:], FrameReceiver(hunting=False))[0] == [b"second"]
            assert frames_of(wire[end:], FrameReceiver())[0] == []
    assert end == len(wire) - 1 and frames_of(wire)[1].between()


def test_wrong_fcs_is_dropped_and_counted():
    wire = bytearray(framed(b"payload"))
    wire[3] ^= 1
    out, receiver = frames_of(bytes(wire) + framed(b"good"))
    assert out == [b"good"] and receiver.dropped == 1 and receiver.frames == 1


def test_abort_drops_the_frame():
    out, receiver = frames_of(b"\x7eabcdefgh\x7d\x7e" + framed(b"good"))
    assert out == [b"good"] and receiver.dropped == 1


def test_noise_between_frames():
    wire = b"boot banner\r\n" + framed(b"one.") + b"MicroPython v1.29\r\n" + framed(b"two.")
    out, receiver = frames_of(wire)
    assert out == [b"one.", b"two."] and receiver.dropped == 1


def test_empty_frames_are_ignored():
    out, receiver = frames_of(b"\x7e\x7e\x7e\x7e" + framed(b"four"))
    assert out == [b"four"] and receiver.dropped == 0


def test_shortest_and_longest():
    wire = b"\x7e\x01\x02\x03" + fcs_of(b"\x01\x02\x03") + b"\x7e"
    out, receiver = frames_of(wire)
    assert out == [] and receiver.dropped == 1
    assert frames_of(framed(b"z" * 512))[0] == [b"z" * 512]
    too_long = b"z" * 513
    wire = b"\x7e" + too_long + fcs_of(too_long) + b"\x7e"
    out, receiver = frames_of(wire + framed(b"after"))
    assert out == [b"after"] and receiver.dropped == 1
    out, receiver = frames_of(b"\x7e" + b"x" * 100000 + b"\x7e" + framed(b"after"))
    assert out == [b"after"] and receiver.dropped == 1


def fcs_of(contents):
    """As it follows the contents on the wire, of any length; not escaped."""
    out = bytearray(encoded_limit(len(contents)))
    end = byte_loops.put(0, len(contents), contents, out, byte_loops.table())
    fcs = bytearray()
    at = end - 2
    for _ in range(2):
        escaped = out[at - 1] == 0x7D
        fcs.append(out[at] ^ (0x20 if escaped else 0))
        at -= 2 if escaped else 1
    return bytes([fcs[1], fcs[0]])


def test_encode_refuses_lengths_outside_the_contract():
    for length in (0, 3, 513):
        try:
            encode(bytes(600), length, bytearray(1300))
        except ValueError:
            continue
        raise AssertionError("length %d was framed" % length)


def test_who_lets_go_of_the_table_takes_it_from_nobody():
    receiver = FrameReceiver()
    contents = bytes(range(20))
    wire = bytearray(encoded_limit(20))
    byte_loops.rest()
    length = encode(contents, 20, wire)
    byte_loops.rest()
    receiver.feed(wire, 0, length)
    byte_loops.table()  # for the tests that come after
    assert receiver.ready and receiver.buffer[: receiver.length] == contents
