"""The HAN link's FCS against an independent CRC library."""

import crcmod.predefined
from hypothesis import given
from hypothesis import strategies as st

from hal.link import encode, encoded_limit
from tests.portable.test_link import fcs_of

x25 = crcmod.predefined.mkPredefinedCrcFun("x-25")


@given(st.binary(max_size=600))
def test_fcs_is_crc_16_x_25(data):
    assert fcs_of(data) == x25(data).to_bytes(2, "little")


@given(st.binary(min_size=4, max_size=512))
def test_a_frame_ends_in_it_low_byte_first(contents):
    wire = bytearray(encoded_limit(len(contents)))
    inside = bytes(wire[1 : encode(contents, len(contents), wire) - 1])
    plain = bytearray()
    escaped = False
    for byte in inside:
        if byte == 0x7D:
            escaped = True
            continue
        plain.append(byte ^ 0x20 if escaped else byte)
        escaped = False
    assert plain == contents + x25(contents).to_bytes(2, "little")
