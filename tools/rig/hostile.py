"""A hub that lies: noise, frames of other protocols and other images, blocks that are empty, long, elsewhere.

It answers each request of the device with several frames that are wrong and one that is right, so that the
download goes on and meets every lie at every state; then it serves an image whose signature is spoiled. What
must come of it: nothing. No reset, no refusal of the good image, no wrong byte; and the bench's own hub then
updates the device as ever.
"""

import asyncio
import random
import struct

from firmware_agent.reject import BAD_SIGNATURE
from tools.errors import Failed
from tools.rig.bench import Bench
from tools.rig.images import Image
from tools.rig.plan import Step
from tools.simulator.hub import SimHub
from tools.together import beside, while_going

_LIES_A_REQUEST = 6
_LOOK_S = 0.05
_CALL_S = 3.0
_MOST_NOISE = 200  # bytes
_REQUESTS = (0x01, 0x03, 0x06)


class HostileHub(SimHub):
    """``lies``: how many frames it still has; after them it is honest."""

    def __init__(self, lies: int, chance: random.Random):
        super().__init__()
        self.lies = lies
        self.told: dict[str, int] = {}
        self._chance = chance
        # They must be told before the download is through.
        self._each = max(_LIES_A_REQUEST, lies // 300)

    def answers(self, frame: bytes) -> list[bytes]:
        """Lies first, then what a hub should say."""
        honest = self.handle(frame)
        zcl = frame[12:]
        if frame[8:10] != b"\x19\x00" or len(zcl) < 3 or zcl[2] not in _REQUESTS:
            return honest
        lies = []
        for _ in range(min(self.lies, self._each)):
            self.lies -= 1
            name = self._chance.choice(list(_LIES))
            self.told[name] = self.told.get(name, 0) + 1
            lies.append(_LIES[name](self, zcl))
        return lies + honest

    def wrap(self, zcl: bytes) -> bytes:
        """A frame to the device."""
        return self._frame(zcl)

    def draw(self, n: int) -> bytes:
        """Random bytes."""
        return self._chance.randbytes(n)

    def number(self, least: int, most: int) -> int:
        """A random number."""
        return self._chance.randint(least, most)


def _block(hub: HostileHub, zcl: bytes, identity: bytes, offset: int, data: bytes, length: int) -> bytes:
    head = b"\x19" + zcl[1:2] + b"\x05\x00"
    return hub.wrap(head + identity + struct.pack("<IB", offset & 0xFFFFFFFF, length & 0xFF) + data)


def _asked(zcl: bytes) -> int:
    return struct.unpack_from("<I", zcl, 12)[0] if zcl[2] == 0x03 and len(zcl) >= 16 else 0


def _other_image(hub: HostileHub, zcl: bytes) -> bytes:
    identity = bytearray(hub.identity)
    identity[hub.number(0, 7)] ^= hub.number(1, 255)
    return _block(hub, zcl, bytes(identity), _asked(zcl), hub.draw(48), 48)


def _empty_block(hub: HostileHub, zcl: bytes) -> bytes:
    return _block(hub, zcl, hub.identity, _asked(zcl), b"", 0)


def _other_offset(hub: HostileHub, zcl: bytes) -> bytes:
    away = hub.number(1, 0xFFFFFFFF)
    return _block(hub, zcl, hub.identity, _asked(zcl) + away, hub.draw(48), 48)


def _too_long(hub: HostileHub, zcl: bytes) -> bytes:
    return _block(hub, zcl, hub.identity, _asked(zcl), hub.draw(100), 100)


def _says_more(hub: HostileHub, zcl: bytes) -> bytes:
    return _block(hub, zcl, hub.identity, _asked(zcl), hub.draw(hub.number(0, 40)), 63)


def _truncated(hub: HostileHub, zcl: bytes) -> bytes:
    whole = _block(hub, zcl, hub.identity, _asked(zcl), hub.draw(48), 48)
    return whole[: hub.number(4, 30)]


def _unknown_command(hub: HostileHub, zcl: bytes) -> bytes:
    return hub.wrap(bytes([0x19, hub.number(0, 255), hub.number(0x0A, 0xFF)]) + hub.draw(hub.number(0, 60)))


def _garbage(hub: HostileHub, zcl: bytes) -> bytes:
    return hub.wrap(hub.draw(hub.number(1, 80)))


def _unknown_version(hub: HostileHub, zcl: bytes) -> bytes:
    return bytes([hub.number(2, 255)]) + hub.draw(hub.number(4, 80))


_LIES = {
    "another image's block": _other_image,
    "an empty block": _empty_block,
    "a block from elsewhere": _other_offset,
    "a block longer than asked": _too_long,
    "a length that is not there": _says_more,
    "half a frame": _truncated,
    "an unknown command": _unknown_command,
    "noise in a frame": _garbage,
    "another link version": _unknown_version,
}


async def run(bench: Bench, step: Step, chance: random.Random) -> dict[str, object]:
    """Lies, an image that is spoiled, and then an honest hub."""
    hub = HostileHub(step.count("frames"), chance)
    image = bench.next_image()
    spoiled = bench.next_image(approve=False)
    events = bench.events
    since = len(events.events)
    noise = 0

    def hear(contents: bytes) -> None:
        nonlocal noise
        hub.address = int.from_bytes(contents[2:4], "little")
        for answer in hub.answers(contents):
            if hub.lies:
                dirt = chance.randbytes(chance.randrange(_MOST_NOISE))
                noise += len(dirt)
                bench.wire.send_raw(dirt + b"\x7e")
            bench.wire.send(answer)

    bench.wire.listener = hear
    try:
        hub.offer(_spoil(spoiled))
        bench.wire.send(hub.notify())
        refused = await events.wait_for("rejected", step["timeout"], since)
        if refused.fields["number"] != BAD_SIGNATURE:
            raise Failed(f"the spoiled image was to be refused for its signature: {refused}")
        hub.offer(image.data)
        while hub.lies:
            await _some_of(bench, hub, step, since)
    finally:
        bench.wire.listener = None
    _unmoved(bench, since)
    # Part of the good image has come from the liar, between its lies; the honest hub brings the rest.
    rest = len(events.events)
    async with bench.hub() as honest, beside(honest.offer(image.path, lambda offset, size: None)) as offering:
        told = events.wait_for("confirmed", step["timeout"], since, file_version=image.version_text)
        await while_going(offering, told)
        await bench.reports(honest, image.version)
    for event in events.since(rest, "rejected") + events.since(rest, "reverted"):
        raise Failed(f"under the honest hub: {event}")
    bench.version = image.version
    return {
        "hostile frames": sum(hub.told.values()),
        "bytes of noise": noise,
        **dict(sorted(hub.told.items())),
    }


async def _some_of(bench: Bench, hub: HostileHub, step: Step, since: int) -> None:
    """A part of the lies: the device is called, asks, and asks on until they are used up."""
    async with asyncio.timeout(step["timeout"]):
        total = step.count("frames")
        called = 0.0
        while hub.lies:
            if bench.record.now() - called > _CALL_S:
                called = bench.record.now()
                bench.wire.send(hub.notify())
            bench.record.progress = 1 - hub.lies / total
            _unmoved(bench, since)
            await asyncio.sleep(_LOOK_S)


def _unmoved(bench: Bench, since: int) -> None:
    for event in bench.events.since(since, "boot") + bench.events.since(since, "failed"):
        raise Failed(f"a hostile hub made the device reset: {event}")


def _spoil(image: Image) -> bytes:
    """One bit of its signature flipped: the 64 bytes in front of what it signs, behind their CBOR head."""
    data = bytearray(image.data)
    at = image.data.index(bytes.fromhex("f65840")) + 3
    data[at + 40] ^= 0x01
    return bytes(data)
