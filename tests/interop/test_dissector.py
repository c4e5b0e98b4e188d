"""tshark reads every sort of answer that the device gives, and the dissector's checks can fail."""

import pytest

from tests.interop import dissector
from tests.portable.scripted import BASIC, OTA, Identity, Rig

MINE = b"\x34\x12"
pytestmark = pytest.mark.tshark


def device_frames():
    """One of each request, and an answer, good or bad, to each question that the device knows."""
    rig = Rig()
    frames = [rig.query().frame, Rig().downloading().take().frame, Rig().ending().take().frame]
    frames.append(Rig().reporting().take().frame)
    for options in ({}, {"request_node_address": True}, {"request_block_period": True}):
        for page_size in (0, 512):
            frames.append(Rig(page_size=page_size, **options).downloading().take().frame)
    both = {"request_node_address": True, "request_block_period": True}
    frames.append(Rig(**both).downloading().take().frame)
    fetch = Rig(specific_file_size=100)
    assert fetch.client.fetch(0xFFC1)
    fetch.send()
    frames.append(fetch.take().frame)
    out = bytearray(64)
    frames.append(bytes(out[: rig.endpoint.put_announce(out)]))
    rig.client.unanswered = 10
    frames.append(bytes(out[: rig.endpoint.put_question(out)]))
    rig.client.unanswered = 0
    rig.endpoint.heard = True
    frames.append(bytes(out[: rig.endpoint.put_question(out)]))
    for cluster, payload in (
        (0x0000, Identity.eui64 + b"\0\0"),
        (0x0000, Identity.eui64 + b"\1\0"),
        (0x0000, b"\x09" * 8 + b"\0\0"),
        (0x0001, MINE + b"\0\0"),
        (0x0001, b"\x35\x12\0\0"),
        (0x0001, b""),
        *((cluster, address) for cluster in (2, 3, 5) for address in (MINE, b"\x35\x12", b"")),
        *((0x0004, MINE + bytes([endpoint])) for endpoint in (0, 1, 2)),
        (0x0006, MINE + b"\4\1\0\1\x19\0"),
        (0x0006, MINE + b"\4\2\0\1\x19\0"),
        (0x0021, bytes(21)),
        (0x0034, bytes(9)),
        (0x0034, b"\x09" * 9),
    ):
        rig.hear(b"\x2a" + payload, cluster=cluster, endpoint=0, source_endpoint=0, profile=0)
        frames.append(rig.take_reply())
    for cluster in (BASIC, OTA):
        for zcl in (
            b"\x18\1\0\0\0\1\0\2\0\3\0",
            b"\x18\1\0\4\0\5\0\6\0\7\0\0\x40\xfd\xff",
            b"\x18\1\0\x08\0\x09\0\x0a\0\x0b\0\x0c\0",
            b"\x18\1\2\6\0\x30\0",
            b"\x18\1\2\6\0\x30\0\1\1\x20\0",
            b"\x18\1\6\0\6\0\x30\1\0\1\0",
            b"\x18\1\x08\0\6\0",
            b"\x18\1\x0c\0\0\xff",
            b"\x18\1\x15\0\0\xff",
            b"\x18\1\x11\0\xff",
            b"\x18\1\x13\0\xff",
            b"\x18\1\x77",
            b"\x1c\x34\x12\1\x00\0\0",
            b"\x19\1\x77",
        ):
            rig.hear(zcl, cluster=cluster)
            frames.append(rig.take_reply())
    return frames


def test_every_sort_of_frame_is_read_whole(tmp_path):
    frames = device_frames()
    for one in dissector.dissect(frames, tmp_path):
        assert not one.complaints and not dissector.uncovered(one), one
        expected = dissector.expected(one.frame)
        assert {name: one.fields.get(name) for name in expected} == expected, one
    print(f"{len(frames)} frames")


def test_a_frame_cut_short_is_malformed(tmp_path):
    whole = Rig().downloading().take().frame
    cut = [whole[:length] for length in range(16, len(whole))]
    assert all(one.complaints for one in dissector.dissect(cut, tmp_path))


def test_a_byte_too_many_is_found(tmp_path):
    for frame in (Rig().query().frame, Rig().ending().take().frame):
        (one,) = dissector.dissect([frame + b"\0"], tmp_path)
        assert dissector.uncovered(one) == {len(frame) - 12}


def test_another_value_is_found(tmp_path):
    frame = bytearray(Rig().downloading().take().frame)
    (one,) = dissector.dissect([bytes(frame)], tmp_path)
    for at, name in (
        (16, "manufacturer_code"),
        (18, "image.type"),
        (20, "file.version"),
        (24, "file.offset"),
    ):
        other = frame[:]
        other[at] ^= 0x40
        (two,) = dissector.dissect([bytes(other)], tmp_path)
        full = f"zbee_zcl_general.ota.{name}"
        assert dissector.expected(two.frame)[full] == two.fields[full] != one.fields[full]
