"""The bounded CBOR reader: what it reads, where it stops, what it refuses."""

from binascii import unhexlify

from firmware_agent.reject import MALFORMED_ENVELOPE, Rejected
from firmware_agent.trust import cbor


def reader(text, limit=None):
    data = unhexlify(text)
    return cbor.Reader(data, 0, len(data), limit)


def refusal(read, *args):
    """The detail of the Rejected that the call raises; it must be the malformed kind."""
    try:
        result = read(*args)
    except Rejected as error:
        assert error.number == MALFORMED_ENVELOPE, error
        return error.detail
    raise AssertionError("not refused: %r" % (result,))


def needs_more(read, *args):
    try:
        read(*args)
    except cbor.NeedMore:
        return True
    return False


def test_integers_of_rfc_8949_appendix_a():
    cases = (
        ("00", 0),
        ("17", 23),
        ("1818", 24),
        ("18ff", 255),
        ("190100", 256),
        ("1903e8", 1000),
        ("1a00010000", 65536),
        ("1a000f4240", 1000000),
        ("1affffffff", 4294967295),
        ("20", -1),
        ("29", -10),
        ("3863", -100),
        ("3903e7", -1000),
        ("3affffffff", -4294967296),
    )
    for text, value in cases:
        item = reader(text)
        assert item.integer() == value, text
        item.finish()
        if value >= 0:
            assert reader(text).uint() == value, text


def test_only_the_shortest_form_is_read():
    # After the first byte's type: an argument that a shorter head would hold.
    for tail in ("1800", "1817", "190018", "1900ff", "1a00000100", "1a0000ffff"):
        for major in range(7):
            text = "%02x" % (major << 5 | int(tail[:2], 16)) + tail[2:]
            assert "shortest" in refusal(reader(text + "00" * 30).head, major), text


def test_more_than_32_bits_are_refused():
    assert "32 bits" in refusal(reader("1b0000000100000000").uint)
    assert "32 bits" in refusal(reader("5b0000000000000000").byte_string)


def test_indefinite_and_reserved_lengths_are_refused():
    for major in range(7):
        for short in (28, 29, 30, 31):
            text = "%02x" % (major << 5 | short)
            assert "length" in refusal(reader(text + "00" * 8).head, major), text


def test_a_string_is_a_range_of_the_buffer():
    item = reader("4401020304" + "40" + "6449455446")
    assert item.byte_string() == (1, 5)
    assert item.byte_string() == (6, 6)
    assert item.text_is(b"IETF")
    item.finish()


def test_text_is_compared_whole():
    assert not reader("6449455446").text_is(b"IET")
    assert not reader("6449455446").text_is(b"IETF2")
    assert not reader("6449455446").text_is(b"IETG")
    assert not reader("60").text_is(b"IETF")
    assert reader("60").text_is(b"")


def test_a_string_of_another_length_is_refused():
    assert reader("43010203").byte_string(3) == (1, 4)
    assert "3 bytes, not 2" in refusal(reader("43010203").byte_string, 2)
    assert reader("43010203").copy(3) == b"\x01\x02\x03"
    assert "3 bytes, not 4" in refusal(reader("43010203").copy, 4)


def test_the_buffer_may_be_of_any_kind():
    data = unhexlify("43010203")
    for buf in (data, bytearray(data), memoryview(data)):
        copy = cbor.Reader(buf, 0, 4).copy(3)
        assert copy == b"\x01\x02\x03"
        assert isinstance(copy, bytes)


def test_arrays_maps_tags_and_null():
    item = reader("83" + "a2" + "d86b" + "f6")
    assert item.array() == 3
    assert item.map() == 2
    assert item.tag() == 107
    item.null()
    item.finish()


def test_another_type_is_refused_with_offset_and_both_names():
    assert refusal(reader("4100").uint) == "offset 0: expected an unsigned integer, found a byte string"
    item = reader("0041" + "00")
    item.uint()
    assert refusal(item.array) == "offset 1: expected an array, found a byte string"
    for text in ("f4", "f5", "f7", "e0", "f0", "f818", "fb7ff0000000000000", "00"):
        assert "null" in refusal(reader(text).null), text
    for text in ("f6", "40", "60", "80", "a0", "c0"):
        assert "integer" in refusal(reader(text).integer), text


def test_an_integer_above_its_maximum_is_refused_where_it_stands():
    assert reader("19ffff").uint(0xFFFF) == 0xFFFF
    item = reader("00" + "1a00010000")
    item.uint()
    assert refusal(item.uint, 0xFFFF) == "offset 1: 65536 is above 65535"


def test_nothing_may_follow():
    item = reader("0000")
    item.uint()
    assert "1 trailing" in refusal(item.finish)


def test_a_complete_buffer_that_ends_early_is_refused():
    for text in ("", "18", "19ff", "1a010203", "41", "430102", "5818", "61", "d8"):
        major = int(text[:2], 16) >> 5 if text else cbor.UINT
        read = {cbor.UINT: "uint", cbor.BSTR: "byte_string", cbor.TSTR: "text_is", cbor.TAG: "tag"}[major]
        args = (b"a",) if read == "text_is" else ()
        assert "runs past the end" in refusal(getattr(reader(text), read), *args), text


def test_a_buffer_that_still_grows_asks_for_more():
    for text in ("", "19ff", "1a010203"):
        assert needs_more(reader(text, limit=100).uint), text
    item = reader("4301", limit=100)
    assert needs_more(item.byte_string)
    assert item.pos == 0
    assert needs_more(reader("4301", limit=4).byte_string)


def test_what_passes_the_limit_is_refused_without_waiting():
    assert "runs past the end" in refusal(reader("4301", limit=3).byte_string)
    assert "runs past the end" in refusal(reader("5affffffff", limit=437).byte_string)
    assert "runs past the end" in refusal(reader("", limit=0).uint)
    assert "runs past the end" in refusal(reader("19", limit=2).uint)


def test_what_is_wrapped_ends_with_its_byte_string():
    outer = reader("420001" + "02")
    inner = outer.wrapped()
    assert inner.uint() == 0
    assert inner.uint() == 1
    # The next byte is the outer reader's: the inner one must not take it, nor wait for it.
    assert "runs past the end" in refusal(inner.uint)
    assert outer.uint() == 2


def test_a_string_cannot_reach_out_of_what_wraps_it():
    inner = reader("4141" + "00").wrapped()
    assert "runs past the end" in refusal(inner.byte_string)
