"""What a server may send: every command of the cluster, every status, ids and offsets that match or not.

Own layouts, on purpose not the client's: a shared mistake would hide. A frame here is the ZCL frame; it
is built for the moment, from what the device asked for last.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tools.simulator.world import Identity

NOTIFY, QUERY, OFFER, BLOCK_REQUEST, PAGE_REQUEST, BLOCK, END, END_RESPONSE = range(8)
SPECIFIC_REQUEST, SPECIFIC_RESPONSE = 8, 9
DEFAULT_RESPONSE = 0x0B
FROM_SERVER, GENERAL = b"\x19\x01", b"\x18\x01"

MANUFACTURER, IMAGE_TYPE = 0x1234, 0x0084
RUNNING, NEW, OTHER = 0x00010000, 0x00020000, 0x00030000
SIZE = 40  # bytes of a file: two blocks of 20, or more and shorter ones
SHORT = 10  # bytes of an answer that is shorter than what was asked

SOME_STATUSES = (0x01, 0x7E, 0x81, 0x95, 0x98, 0x99)  # in the quick walk
TOLD = (0x00, 0x81, 0x95)  # the same for a Default Response
NEVER = 0xFFFFFFFF


def identity(version: int = NEW, manufacturer: int = MANUFACTURER, image_type: int = IMAGE_TYPE) -> bytes:
    """As on the air."""
    return struct.pack("<HHI", manufacturer, image_type, version)


@dataclass(frozen=True)
class Asked:
    """The device's last Image Block Request; before the first one, what it might ask for."""

    image: bytes = identity()
    offset: int = 0
    size: int = 20


@dataclass(frozen=True)
class Kind:
    """A frame: ``name``, its cluster or general ``command``, and its payload for the moment.

    ``good``: what a good server would send, if this was asked for; ``foreign``: manufacturer specific."""

    name: str
    command: int
    payload: Callable[[Asked], bytes]
    good: bool = False
    general: bool = False
    foreign: bool = False

    def frame(self, asked: Asked) -> bytes:
        """The ZCL frame."""
        head = b"\x1c\x34\x12\x01" if self.foreign else GENERAL if self.general else FROM_SERVER
        return head + bytes([self.command]) + self.payload(asked)


def _fixed(name: str, command: int, payload: bytes, good: bool = False, general: bool = False) -> Kind:
    return Kind(name, command, _always(payload), good, general)


def _always(payload: bytes) -> Callable[[Asked], bytes]:
    return lambda asked: payload


# A file for this device alone, and what its identity is.
SPECIFIC_TYPE = 0xFFC1
SPECIFIC = identity(image_type=SPECIFIC_TYPE)
LARGEST_SPECIFIC = 80
SPECIFIC_FILE = struct.pack("<IHHH", 0x0BEEF11E, 0x0100, 64, 2) + SPECIFIC + b"\x02\x00" + bytes(32)
SPECIFIC_FILE += struct.pack("<I", 70) + Identity().eui64 + b"secret"


def contents(image: bytes, offset: int, size: int) -> bytes:
    """Bytes of a file: another image has others, and so has another place."""
    if image == SPECIFIC:
        return SPECIFIC_FILE[offset : offset + size].ljust(size, b"\0")
    return bytes((sum(image) + offset + i) & 0xFF for i in range(size))


def _block(image: bytes, offset: int, size: int, given: int | None = None) -> bytes:
    data = contents(image, offset, size if given is None else given)
    return b"\x00" + image + struct.pack("<IB", offset & 0xFFFFFFFF, size) + data


def notifies() -> Iterator[Kind]:
    """Image Notify."""
    for jitter in (0, 50, 100, 101):
        yield _fixed(f"notify, jitter {jitter}", NOTIFY, bytes([0, jitter]), jitter == 100)
    ours = struct.pack("<H", MANUFACTURER)
    for what, rest in (
        ("manufacturer", ours),
        ("another manufacturer", b"\x77\x77"),
        ("image type", identity()[:4]),
        ("another image type", ours + b"\x01\x00"),
        ("new version", identity()),
        ("running version", identity(RUNNING)),
        ("any", b"\xff" * 8),
    ):
        kind = {2: 1, 4: 2, 8: 3}[len(rest)]
        yield _fixed(f"notify, {what}", NOTIFY, bytes([kind, 100]) + rest)
    yield _fixed("notify, reserved type", NOTIFY, b"\x04\x64" + identity())
    yield _fixed("notify, cut", NOTIFY, b"\x00")
    yield _fixed("notify, empty", NOTIFY, b"")


def offers(statuses: tuple[int, ...], command: int = OFFER, most: int = 9) -> Iterator[Kind]:
    """Query Next Image Response, or that for a device specific file."""
    name = "offer" if command == OFFER else "specific offer"
    for what, image, size in (
        ("new", identity(), SIZE),
        ("of what runs", identity(RUNNING), SIZE),
        ("another manufacturer", identity(manufacturer=0x7777), SIZE),
        ("another type", identity(image_type=0x0001), SIZE),
        ("no bytes", identity(), 0),
        ("other", identity(OTHER), SIZE),
        ("another size", identity(), SIZE + 20),
        ("too many bytes", identity(), NEVER),
        ("any version", identity(NEVER), SIZE),
    )[:most]:
        good = what == "new" and command == OFFER
        yield _fixed(f"{name}, {what}", command, b"\x00" + image + struct.pack("<I", size), good)
    yield _fixed(f"{name}, cut", command, b"\x00" + identity())
    yield _fixed(f"{name}, empty", command, b"")
    for status in statuses:
        yield _fixed(f"{name}, status 0x{status:02x}", command, bytes([status]))


def blocks(statuses: tuple[int, ...]) -> Iterator[Kind]:
    """Image Block Response."""
    for what, payload in (
        ("whole", lambda asked: _block(asked.image, asked.offset, asked.size)),
        ("short", lambda asked: _block(asked.image, asked.offset, min(SHORT, asked.size))),
        ("no bytes", lambda asked: _block(asked.image, asked.offset, 0)),
        ("no bytes but more behind", lambda asked: _block(asked.image, asked.offset, 0, 5)),
        ("too long", lambda asked: _block(asked.image, asked.offset, asked.size + 1)),
        ("cut", lambda asked: _block(asked.image, asked.offset, asked.size, asked.size - 1)),
        ("earlier", lambda asked: _block(asked.image, asked.offset - 10, asked.size)),
        ("later", lambda asked: _block(asked.image, asked.offset + 10, asked.size)),
        ("offset wraps", lambda asked: _block(asked.image, 0xFFFFFFFF, asked.size)),
        ("other image", lambda asked: _block(identity(0x00040000), asked.offset, asked.size)),
        ("other type", lambda asked: _block(identity(image_type=1), asked.offset, asked.size)),
        ("other manufacturer", lambda asked: _block(identity(manufacturer=1), asked.offset, asked.size)),
        ("any image", lambda asked: _block(b"\xff" * 8, asked.offset, asked.size)),
        ("head only", lambda asked: _block(asked.image, asked.offset, asked.size, 0)),
        ("empty", lambda asked: b""),
    ):
        yield Kind(f"block, {what}", BLOCK, payload, what == "whole")
    for status in statuses:
        yield _fixed(f"block, status 0x{status:02x}", BLOCK, bytes([status]))


def waits() -> Iterator[Kind]:
    """Image Block Response, WAIT_FOR_DATA."""
    for what, current, request, period in (
        ("no time", 0, 0, b""),
        ("in 1 s", 0, 1, b""),
        ("in 1 s of UTC", 0x2F000000, 0x2F000001, b""),
        ("period only", 5, 5, b"\xc8\x00"),
        ("with period", 0, 1, b"\xc8\x00"),
        ("longest period", 0, 0, b"\xff\xff"),
        ("wrong way", 9, 5, b""),
        ("for ever", 0, NEVER, b""),
        ("cut period", 0, 1, b"\xc8"),
    ):
        yield _fixed(f"wait, {what}", BLOCK, b"\x97" + struct.pack("<II", current, request) + period)
    yield _fixed("wait, cut", BLOCK, b"\x97" + bytes(7))
    yield _fixed("wait, empty", BLOCK, b"\x97")


def ends() -> Iterator[Kind]:
    """Upgrade End Response."""
    for who, ids in (
        ("asked", None),
        ("any", b"\xff" * 8),
        ("other version", identity(0x00040000)),
        ("other type", identity(image_type=1)),
        ("other manufacturer", identity(manufacturer=1)),
    ):
        for when, current, upgrade in (
            ("now", 0, 0),
            ("at once", 0x2F000000, 0x2F000000),
            ("in 100 s", 0, 100),
            ("in 2 h of UTC", 0x2F000000, 0x2F000000 + 7200),
            ("wrong way", 0x2F000000, 0x2EFFFFFF),
            ("when told", 0x2F000000, NEVER),
            ("by wildcards", NEVER, NEVER),
        ):
            if who not in ("asked", "any") and when != "now":
                continue
            good = who == "asked" and when == "now"
            yield Kind(f"end, {who}, {when}", END_RESPONSE, _ending(ids, current, upgrade), good)
    yield _fixed("end, cut", END_RESPONSE, bytes(15))
    yield _fixed("end, empty", END_RESPONSE, b"")


def _ending(ids: bytes | None, current: int, upgrade: int) -> Callable[[Asked], bytes]:
    return lambda asked: (ids or asked.image) + struct.pack("<II", current, upgrade)


def default_responses(statuses: tuple[int, ...]) -> Iterator[Kind]:
    """Default Response to each request there is, and to what was never sent."""
    for command in (NOTIFY, QUERY, BLOCK_REQUEST, PAGE_REQUEST, END, SPECIFIC_REQUEST, 0x77):
        for status in statuses:
            name = f"default response to 0x{command:02x}, 0x{status:02x}"
            yield _fixed(name, DEFAULT_RESPONSE, bytes([command, status]), general=True)
    yield _fixed("default response, cut", DEFAULT_RESPONSE, b"\x03", general=True)
    for command in (QUERY, BLOCK_REQUEST, END):
        payload = bytes([command, 0x81])
        yield Kind(
            f"foreign refusal of 0x{command:02x}", DEFAULT_RESPONSE, _always(payload), False, True, True
        )


def others() -> Iterator[Kind]:
    """Commands that a server has no business to send."""
    for command in (QUERY, BLOCK_REQUEST, PAGE_REQUEST, END, SPECIFIC_REQUEST, 0x0A, 0x77, 0xFF):
        yield _fixed(f"command 0x{command:02x}", command, bytes(20))
    for command in (0x02, 0x06, 0x0C, 0x77):
        yield _fixed(f"general command 0x{command:02x}", command, b"\x00\x00\x20\x00", general=True)


def kinds(thorough: bool, images: int) -> list[Kind]:
    """All of it, with one to five different ``images`` on offer; with each of the 256 statuses where there is
    one, if ``thorough``."""
    everything = tuple(status for status in range(1, 256) if status != 0x97)
    statuses = everything if thorough else SOME_STATUSES
    told = tuple(range(256)) if thorough else TOLD
    return [
        *notifies(),
        *offers((*statuses, 0x97), most=4 + images),
        *offers((0x7E, 0x98), SPECIFIC_RESPONSE),
        *blocks(statuses),
        *waits(),
        *ends(),
        *default_responses(told),
        *others(),
    ]


def specific_kinds() -> list[Kind]:
    """What matters to a file for this device alone: what offers, ends, delays or interrupts one."""
    whole = struct.pack("<I", len(SPECIFIC_FILE))
    told = [
        _fixed("specific file", SPECIFIC_RESPONSE, b"\x00" + SPECIFIC + whole),
        _fixed("specific file that is none", SPECIFIC_RESPONSE, b"\x00" + SPECIFIC + struct.pack("<I", 20)),
        _fixed(
            "specific file that is large",
            SPECIFIC_RESPONSE,
            b"\x00" + SPECIFIC + struct.pack("<I", LARGEST_SPECIFIC + 1),
        ),
        *default_responses((0x00, 0x81)),
    ]
    return download_kinds() + told + list(offers((0x7E, 0x98), SPECIFIC_RESPONSE))


def download_kinds() -> list[Kind]:
    """What matters to a download: every block, and what ends, delays or interrupts one."""
    refused = [f"default response to 0x{command:02x}, 0x81" for command in (QUERY, 3, 4, END)]
    names = ["notify, jitter 100", "offer, new", "offer, status 0x98", "wait, in 1 s", "wait, with period"]
    names += ["wait, cut", "end, asked, now", "end, asked, when told", *refused]
    blocks_too = [kind for kind in kinds(False, 1) if kind.name.startswith("block,") or kind.name in names]
    refusals = ("0x01", "0x7e", "0x81", "0x98", "0x99")
    return [kind for kind in blocks_too if not kind.name.endswith(refusals) or kind.name in names]


def search_kinds() -> list[Kind]:
    """What tells of a server that is there after all, in a few ways, and the rest of an update."""
    names = ["notify, jitter 100", "offer, new", "offer, status 0x98", "block, whole", "block, other image"]
    names += ["end, asked, now", "default response to 0x03, 0x81"]
    return [kind for kind in kinds(False, 1) if kind.name in names]
