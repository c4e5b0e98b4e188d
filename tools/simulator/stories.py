"""What happens in a simulated home, and how it must end."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

from firmware_agent import reject
from firmware_agent.store.image_writer import PROOF_AT, PROOF_SIZE
from firmware_agent.trust.anchors import ANCHORS, FIRMWARE, Anchor
from tools import envelope, keys, upgrade_file
from tools.simulator import world
from tools.simulator.flash import Geometry
from tools.simulator.hub import SimHub

MANUFACTURER_CODE = 0x1234
IMAGE_TYPE = 0x0084
# Known to everybody: a simulated device is the only one that trusts it.
KEY = keys.from_scalar(0x5EED)
NEXT_KEY = keys.from_scalar(0x5EED2)
FACTORY = 0x00010000
NEW = 0x00020000
NEWER = 0x00030000
OLDER = 0x00000900


@cache
def payload(version: int, size: int) -> bytes:
    """``size`` bytes that no other version has."""
    return random.Random(f"payload {version} {size}").randbytes(size)


@cache
def image(version: int, size: int) -> bytes:
    """The signed Manufacturer Image of a version."""
    identity = envelope.Identity(MANUFACTURER_CODE, IMAGE_TYPE, version, None)
    return envelope.build(payload(version, size), identity, version, KEY)


@cache
def rotating_image(version: int, size: int) -> bytes:
    """The same in a rotation of keys: the old key's image adds the new key, the new key's revokes the old."""
    if version == FACTORY:
        return image(version, size)
    identity = envelope.Identity(MANUFACTURER_CODE, IMAGE_TYPE, version, None)
    signer, conditions = KEY, envelope.UNCONDITIONAL
    if version == NEW:
        conditions = envelope.Conditions(new_anchor=Anchor(NEXT_KEY.public_key, FIRMWARE | ANCHORS))
    elif version == NEWER:
        signer, conditions = NEXT_KEY, envelope.Conditions(revoked=KEY.key_id)
    return envelope.build(payload(version, size), identity, version, signer, conditions)


def trusted_with(version: int, rotates: bool) -> list[bytes]:
    """Key ids of the trust anchors of a device that confirmed ``version`` last."""
    if not rotates or version == FACTORY:
        return [KEY.key_id]
    return [KEY.key_id, NEXT_KEY.key_id] if version == NEW else [NEXT_KEY.key_id]


def upgrade(version: int, size: int, make: Callable[[int, int], bytes] = image) -> bytes:
    """The upgrade file of a version."""
    identity = envelope.Identity(MANUFACTURER_CODE, IMAGE_TYPE, version, None)
    return upgrade_file.build(make(version, size), identity, b"simulated", True)


def spoiled(version: int, size: int) -> bytes:
    """The upgrade file with one bit of its payload flipped."""
    data = bytearray(upgrade(version, size))
    data[-size // 2] ^= 0x10
    return bytes(data)


def spoiled_head(version: int, size: int) -> bytes:
    """The upgrade file with one bit of its signature flipped."""
    data = bytearray(upgrade(version, size))
    at = bytes(data).index(bytes.fromhex("f65840")) + 3  # nil payload, then 64 bytes
    data[at + 40] ^= 0x01
    return bytes(data)


def namesake(version: int, size: int) -> bytes:
    """The upgrade file of another image with the same version and size, signed as well."""
    identity = envelope.Identity(MANUFACTURER_CODE, IMAGE_TYPE, version, None)
    other = envelope.build(payload(-version, size), identity, version, KEY)
    return upgrade_file.build(other, identity, b"simulated", True)


# (file offset, length) of what a hub has to show before a download goes on.
PROOF = (len(upgrade(NEW, 1000)) - len(image(NEW, 1000)) + PROOF_AT, PROOF_SIZE)


@dataclass(frozen=True)
class Story:
    """``prepare(hub, size)`` sets the hub up; ``ends_in``: the version that runs when all is quiet.

    reasons: if the update must fail, the reject numbers that may be on record for it. bare: it begins with a
    device neither of whose slots holds whole firmware. rotates: its images change the trust anchors.
    """

    name: str
    prepare: Callable[[SimHub, int], None]
    ends_in: int
    behaviours: dict[int, str] = field(default_factory=dict)
    reasons: frozenset[int] = frozenset()
    link: world.Link | None = None
    bare: bool = False
    rotates: bool = False

    def image(self, version: int, size: int) -> bytes:
        """The approved Manufacturer Image of a version in this story."""
        return rotating_image(version, size) if self.rotates else image(version, size)

    @property
    def refused_in_download(self) -> bool:
        """A download may end in the middle: the image is bad, or the firmware that runs cannot stand it."""
        return bool(self.reasons) and NEW not in self.behaviours


def _offer(hub: SimHub, size: int) -> None:
    hub.offer(upgrade(NEW, size))


def _replace(hub: SimHub, size: int) -> None:
    hub.offer(upgrade(NEW, size))
    hub.replacement = upgrade(NEWER, size)
    hub.replace_after = 12


def _rotate(hub: SimHub, size: int) -> None:
    hub.offer(upgrade(NEW, size, rotating_image))
    hub.following = upgrade(NEWER, size, rotating_image)


def _swap(hub: SimHub, size: int) -> None:
    """Half-way the hub's file is another one under the same ids: nothing of both may end up in one slot."""
    hub.offer(namesake(NEW, size))
    hub.replacement = upgrade(NEW, size)
    hub.replace_after = 14


def _spoil(hub: SimHub, size: int) -> None:
    hub.offer(spoiled(NEW, size))


def _abort(hub: SimHub, size: int) -> None:
    hub.offer(upgrade(NEW, size))
    hub.abort_after = 14


def _flicker(hub: SimHub, size: int) -> None:
    hub.offer(upgrade(NEW, size))
    hub.flickers = 6


def _forge(hub: SimHub, size: int) -> None:
    hub.offer(spoiled_head(NEW, size))


def _relabel(hub: SimHub, size: int) -> None:
    """An older image under a newer version in the unsigned header."""
    data = bytearray(upgrade(OLDER, size))
    data[14:18] = NEW.to_bytes(4, "little")
    hub.offer(bytes(data))


def _nothing(hub: SimHub, size: int) -> None:
    pass


_CRASH_REASONS = frozenset((reject.CRASHED, reject.OUT_OF_ATTEMPTS))
STORIES = {
    story.name: story
    for story in (
        Story("update", _offer, NEW),
        Story("replaced", _replace, NEWER),
        Story("swapped", _swap, NEW),
        Story("spoiled", _spoil, FACTORY, reasons=frozenset((reject.DIGEST_MISMATCH,))),
        Story("abort", _abort, NEW),
        Story("crash", _offer, FACTORY, {NEW: world.CRASHES}, _CRASH_REASONS),
        Story("hang", _offer, FACTORY, {NEW: world.HANGS}, _CRASH_REASONS),
        Story("self-test", _offer, FACTORY, {NEW: world.FAILS}, frozenset((reject.SELF_TEST_FAILED,))),
        Story("flicker", _flicker, NEW, {NEW: world.FLICKERS}),
        Story("forged", _forge, FACTORY, reasons=frozenset((reject.BAD_SIGNATURE,))),
        Story("relabelled", _relabel, FACTORY, reasons=frozenset((reject.ROLLBACK,))),
        Story("choke", _offer, FACTORY, {FACTORY: world.CHOKES}, frozenset((reject.CRASHED,))),
        Story("bare", _offer, NEW, bare=True),
        Story("rotation", _rotate, NEWER, rotates=True),
        Story("factory", _nothing, FACTORY),
        Story("lossy", _offer, NEW, link=world.Link(loss=0.1, double=0.1, late=0.05)),
    )
}

# erase size, write size, journal units, slot units
GEOMETRIES = {
    str(geometry): geometry
    for geometry in (
        Geometry(256, 1, 6, 8),
        Geometry(256, 16, 6, 8),
        Geometry(512, 4, 3, 4),
        Geometry(512, 32, 4, 4),
        Geometry(1024, 8, 3, 2),
        Geometry(1024, 256, 3, 2),
        Geometry(4096, 16, 4, 1),
        Geometry(4096, 16, 3, 1, program_once=False),
        Geometry(1024, 16, 3, 2, erased_value=0x00),
        Geometry(65536, 16, 3, 1),
        Geometry(512, 16, 4, 4, queued=True),
    )
}
IMAGE_SIZE = 1100  # bytes of payload: a page and more of the second unit of 1024 bytes
