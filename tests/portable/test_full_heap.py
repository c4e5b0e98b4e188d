"""Code is loaded when a frame wants it. If the heap has no room for it, that frame is lost, nothing else."""

import builtins
import gc
import sys

from firmware_agent.protocol import session as ss
from firmware_agent.protocol import states
from hal.modules import forget
from tests.portable.full_heap import filled
from tests.portable.scripted import (
    BASIC,
    FOREVER,
    NO_IMAGE,
    NOW,
    SIZE,
    Rig,
    aps,
    block_status,
    default_response,
    end_response,
    notify,
    offer,
    wait_for_data,
)
from tests.portable.specific_file import asking, file_offer

HEAP = "2M"
_import = builtins.__import__
_READ = b"\x00\x07\x00\x04\x00\x05\x00"
_NODE_DESCRIPTOR = b"\x07\x34\x12"
_HUB = b"\x11" * 8


class ScarceHeap:
    """Within it there is room for ``room`` imports of the protocol's, and then for none ``times`` times."""

    def __init__(self, room, times=1000):
        self.room = room
        self.times = times
        self.refused = 0

    def __enter__(self):
        builtins.__import__ = self._load
        return self

    def __exit__(self, *_):
        builtins.__import__ = _import

    def _load(self, name, *rest):
        if name.startswith("firmware_agent.protocol"):
            if self.room == 0 and self.refused < self.times:
                self.refused += 1
                raise MemoryError
            self.room -= self.room > 0
        return _import(name, *rest)


def zdo(cluster, payload):
    return aps(payload, cluster=cluster, source_endpoint=0, endpoint=0, profile=0)


def searching():
    rig = Rig(server_errors=2).downloading(2)
    while rig.client.unanswered < 2:
        rig.pass_time(1000)
    rig.endpoint.put_question(bytearray(64))
    assert rig.endpoint.search is not None
    return rig


def querying():
    rig = Rig()
    rig.query()
    return rig


def steady():
    return Rig().downloading(3)


FRAMES = (
    # where the device is, and what it hears
    (steady, zdo(0x0002, _NODE_DESCRIPTOR)),
    (steady, zdo(0x0034, bytes(10))),
    (steady, zdo(0x8001, b"\x07\x00" + _HUB + b"\x00\x00")),
    (steady, aps(_READ, cluster=BASIC)),
    (steady, aps(_READ)),
    (steady, aps(b"\x00\x07\x15\x00\x00\x20")),
    (steady, aps(b"\x04\x34\x12\x07\x00\x04\x00")),
    (steady, aps(b"\x19\x03\x05")),
    (steady, aps(block_status(0x95))),
    (steady, aps(wait_for_data(0, 5))),
    (steady, aps(default_response(3, 0x95))),
    (steady, aps(notify())),
    (steady, aps(notify(3, 100, b"\x34\x12\x84\x00" + bytes(4)), broadcast=True)),
    (steady, aps(end_response(0, 0))),
    (steady, aps(b"\x19\x03\x55")),
    (querying, aps(offer())),
    (querying, aps(offer(size=SIZE, image_type=7))),
    (querying, aps(NO_IMAGE)),
    (asking, aps(file_offer())),
    (lambda: Rig().ending(), aps(end_response(NOW, FOREVER))),
    (lambda: Rig().ending(), aps(end_response(0, 0))),
    (lambda: Rig().waiting(), aps(end_response(0, 100))),
    (lambda: Rig().reporting(), aps(default_response(6, 0))),
    (searching, zdo(0x8006, b"\x01\x00\x00\x00\x01\x05")),
)


def seen(rig):
    """All of it that counts."""
    endpoint, client = rig.endpoint, rig.client
    parts = [endpoint, client, client.download]
    parts += [part for part in (client.end, client.offer, client.file, endpoint.search) if part is not None]
    values = [bytes(endpoint.reply[: endpoint.reply_length])]
    for part in parts:
        for name in sorted(part.__dict__):
            value = part.__dict__[name]
            if isinstance(value, bytearray) and name != "reply":
                value = bytes(value)
            if isinstance(value, (int, bytes)) and name not in ("dropped", "_modules"):
                values.append((name, value))
    return values


def hears(rig, frame):
    """Only the endpoint; True if it took the frame."""
    rig.client.tidy()
    rig.endpoint.tidy()
    buf = bytearray(frame)
    return rig.endpoint.handle_frame(buf, len(buf))


def test_frame_is_handled_if_there_is_room_after_a_collection():
    for where, frame in FRAMES:
        plain, scarce = where(), where()
        expected = hears(plain, frame)
        for room in range(4):
            scarce = where()
            with ScarceHeap(room, times=1):
                assert hears(scarce, frame) == expected
            assert seen(scarce) == seen(plain), (frame, room)
            assert scarce.endpoint.dropped == 0


def test_frame_for_which_there_is_no_room_changes_nothing():
    for where, frame in FRAMES:
        plain = where()
        before = seen(plain)
        expected = hears(plain, frame)
        lost = 0
        for room in range(6):
            rig = where()
            with ScarceHeap(room) as heap:
                taken = hears(rig, frame)
            if heap.refused == 0:
                assert taken == expected and seen(rig) == seen(plain)
                break
            assert not taken and rig.endpoint.dropped == 1, (frame, room)
            rig.endpoint._answer_length = plain.endpoint._answer_length
            assert _without(seen(rig)) == _without(before), (frame, room)
            lost += 1
            # It comes again, and there is room.
            assert hears(rig, frame) == expected
            assert seen(rig) == seen(plain), (frame, room)
        # A block, whatever its status, wants nothing.
        assert lost or frame[14] == 5, frame


def _without(values):
    """What any frame but the block that is expected does at once: there is no short way now."""
    return [value for value in values if not isinstance(value, tuple) or value[0] != "_answer_length"]


def test_download_goes_on_while_nothing_can_be_loaded():
    rig = steady()
    with ScarceHeap(0):
        for _, frame in FRAMES[:7]:
            rig.answer()
            rig.hear_frame(frame)
        rig.pass_time(4000)
        assert len(rig.asked) == 2, "the lost answer's request, and a try more"
        rig.asked.pop(0)
        while rig.asked:
            rig.answer()
    assert rig.state == states.VERIFYING and rig.endpoint.dropped == 7 and rig.quiet()


def test_question_waits_until_there_is_room():
    for rig in (steady(), searching()):
        rig.endpoint.search = None
        rig.endpoint.asked_address = -1
        out = bytearray(64)
        forget("firmware_agent.protocol.zdo_requests")
        with ScarceHeap(0):
            assert rig.endpoint.put_question(out) == rig.endpoint.put_announce(out) == 0
        assert rig.endpoint.search is None and rig.endpoint.asked_address == -1
        assert rig.endpoint.put_question(out) > 0 and rig.endpoint.put_announce(out) > 0


def test_heap_that_is_full():
    if sys.implementation.name != "micropython":
        return
    rig = steady()
    rig.client.tidy()
    rig.endpoint.tidy()
    answers = [aps(_READ, cluster=BASIC), zdo(0x0002, _NODE_DESCRIPTOR), aps(notify())]
    answers = [bytearray(frame) for frame in answers]
    handle = rig.endpoint.handle_frame
    results = bytearray(len(answers))
    rest = filled(256)
    for i in range(len(answers)):
        results[i] = handle(answers[i], len(answers[i]))
    del rest
    gc.collect()
    assert bytes(results) == bytes(3) and rig.endpoint.dropped == 3
    assert rig.client.outstanding == ss.BLOCK and rig.state == states.DOWNLOADING
    assert handle(answers[0], len(answers[0])) and rig.endpoint.reply_length
    rig.answer()
