"""Bytes into what a hostile hub does. A target takes any bytes and raises only if something is broken."""

import struct

from firmware_agent.protocol.upgrade_file import MAX_HEADER, UpgradeFile
from firmware_agent.reject import MALFORMED_FILE, Rejected
from tools.fuzzing.home import Broken, Home, linked
from tools.simulator import stories

_TIMES = (0, 1, 49, 50, 200, 3000, 4500, 9000, 30000, 61000, 3600000, 86400000)
_MOST_STEPS = 40
FRAMES_SEEDS = (
    # Each letter's value modulo 18 is a step: see STEPS.
    b"\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02",
    b"\x02\x02\x03\x0d\x05\x04\x05\x02\x07\x02\x06\x05\x0d\x95\x02\x02",
    b"\x02\x02\x06\x05\x0b\x97\0\0\0\0\0\0\0\1\xc8\0\x04\x0a\x02\x08\x05\x04\x05\x02",
    b"\x05\x02\x04\x0a\x03\x81\x04\x08\x01\x0c\x19\x01\x05\x98\x02\x0b\x00\x04\x01\x00\x02\x00",
    b"\x02\x02\x08\x14\x08\x1e\x04\x05\x02\x09\x0d\x04\x0f\x02",
    b"\x06\x07\x10" + b"\xff" * 16 + b"\x0e\x02\x02\x0c\x05\x00\x04\x00\x34\x12\x09\x0a\x00\x06",
)
# The same where the application asks for files, and the server is looked for when it is silent.
_OWN_SEEDS = (
    b"\x04\x05\x06\x02\x01\x98\x10" + b"\x02" * 9,
    b"\x04\x05\x06\x02\x01\x98\x10\x02\x04\x05\x02\x05\x02\x02",
    b"\x04\x05\x06\x02\x01\x98\x10\x02\x0d\x00\x10\x03\x00\x15\x00",
    b"\x04\x05\x04\x07\x04\x07\x11\x05\x11\x05\x04\x07\x11\x00\x04\x08\x02",
    b"\x04\x05\x02\x02\x04\x07\x04\x07\x11\x09\x11\x09\x04\x07\x04\x07\x11\x00\x02",
)
# What campaigns have found: a notify before the block that makes the head whole, which is then refused.
_FOUND = (
    b"\x00\x04\x05\x02\x02" + b"\xff" * 34 + b"\x0d\x00\x10\x04\xeb\x05\x02*\x02\x06\x05\r\x95\x02\x02",
)
_IDS = bytes(byte for one in range(13) for byte in (one, 0))
_GENERAL = (
    (0x00, _IDS),
    (0x0C, b"\x00\x00\x20"),
    (0x15, b"\x00\x00\x20"),
    (0x11, b"\x00\x20"),
    (0x13, b"\x00\x20"),
    (0x02, b"\x06\x00\x30\x01"),
    (0x03, b"\x04\x00\x42\x02ab"),
    (0x05, b"\x06\x00\x30\x01"),
    (0x06, b"\x00\x06\x00\x30\x00\x00\x10\x00"),
    (0x08, b"\x00\x06\x00"),
    (0x0A, b"\x00"),
)
# Address, active endpoints, descriptors and so on, asked of the device itself.
_ZDO = ((0, 0), (1, 0), (2, 0), (3, 0), (4, 0), (5, 0), (6, 0), (0x34, 0), (0x15, 0))
_NETWORK = b"\x07\x34\x12\x01\x04\x01\x01\x19\x00\x00\x00\x00"


class Input:
    """The bytes, taken one by one; zeros when there are no more."""

    def __init__(self, data: bytes):
        self._data = data
        self._at = 0

    @property
    def over(self) -> bool:
        return self._at >= len(self._data)

    def byte(self) -> int:
        self._at += 1
        return 0 if self._at > len(self._data) else self._data[self._at - 1]

    def some(self) -> bytes:
        """As many as the next byte says, as far as there are."""
        count = self.byte()
        start = self._at
        self._at += count
        return self._data[start : start + count]


class Hostile:
    """A home and the input that decides what its device hears."""

    def __init__(self, home: Home, data: bytes):
        self.home = home
        self.input = Input(data)
        self.last = b""

    def run(self) -> None:
        """Steps until the input is over."""
        steps = 0
        while not self.input.over and steps < _MOST_STEPS:
            self.step()
            steps += 1
        self.home.check()

    def step(self) -> None:
        """One thing that happens: the input's next byte says which of STEPS."""
        STEPS[self.input.byte() % len(STEPS)](self)

    def bytes_on_the_link(self) -> None:
        self.home.hear(self.input.some())

    def any_frame(self) -> None:
        self.home.hear(linked(self.input.some()))

    def good_answer(self) -> None:
        """What a good hub would say to the last request."""
        self._answer(lambda frame: frame)

    def changed_answer(self) -> None:
        self._answer(self._changed)

    def time_passes(self) -> None:
        self.home.pass_time(_TIMES[self.input.byte() % len(_TIMES)])

    def good_notify(self) -> None:
        self.home.hear(linked(self.home.hub.notify()))

    def ota_command(self) -> None:
        self._say(b"\x19", self.input.byte(), self.input.some())

    def link_comes_or_goes(self) -> None:
        self.home.board.joined = not self.home.board.joined
        self.home.poll()

    def cut_answer(self) -> None:
        self._answer(lambda frame: frame[: len(frame) - 1 - self.input.byte() % len(frame)])

    def late_answer(self) -> None:
        self.home.hear(linked(self.last))

    def default_response(self) -> None:
        self._say(b"\x18", 0x0B, bytes((self.input.byte(), self.input.byte())))

    def general_command(self) -> None:
        take = self.input
        self._say(b"\x00", take.byte(), take.some(), (0x00, 0x19, 0x02)[take.byte() % 3])

    def network_command(self) -> None:
        """Of the ZigBee Device Profile."""
        take = self.input
        self.home.hear(linked(self._head(take.byte(), take.byte() << 8, 0, 0) + take.some()))

    def answer_of_another_size(self) -> None:
        self._answer(lambda frame: frame[:27] + struct.pack("<I", self._size()) + frame[31:])

    def answer_with_more_behind(self) -> None:
        self._answer(lambda frame: frame + self.input.some())

    def broadcast_answer(self) -> None:
        self._answer(lambda frame: frame[:1] + bytes((1,)) + frame[2:])

    def application_asks_for_a_file(self) -> None:
        self.home.fetch_file()

    def somebody_says_who_he_is(self) -> None:
        self._identify(self.input.byte())

    def _identify(self, who: int) -> None:
        """Somebody answers the device's last question: who has the server, what is your EUI64."""
        question = self.home.question
        if len(question) < 13:
            return
        cluster = struct.unpack_from("<H", question, 8)[0]
        address = struct.pack("<H", 0x4300 | who >> 2 if who & 3 else 0)
        if cluster == 0x0006:
            body = b"\x00" + address + bytes((1, who | 1))
        else:
            body = b"\x00" + bytes((who,)) * 8 + address
        head = struct.pack("<BBHHBBHH", 1, 0, 0, 0x1234, 0, 0, cluster | 0x8000, 0)
        self.home.hear(linked(head[:2] + address + head[4:] + question[12:13] + body))

    def _size(self) -> int:
        return (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFC0)[self.input.byte() % 6]

    def _changed(self, frame: bytes) -> bytes:
        changed = bytearray(frame)
        for _ in range(1 + self.input.byte() % 3):
            changed[12 + self.input.byte() % (len(frame) - 12)] = self.input.byte()
        return bytes(changed)

    def _answer(self, change) -> None:
        """What a good hub would say to the last request, changed."""
        if self.home.asked:
            for frame in self.home.hub.handle(self.home.asked):
                self.last = change(frame)
                self.home.hear(linked(self.last))

    def _head(self, low: int, high: int, endpoint: int, profile: int) -> bytes:
        return struct.pack("<BBHHBBHH", 1, 0, 0, 0x1234, 0, endpoint, low | high, profile)

    def _say(self, control: bytes, command: int, payload: bytes, cluster: int = 0x19) -> None:
        head = struct.pack("<BBHHBBHH", 1, 0, 0, 0x1234, 1, 1, cluster, 0x0104)
        self.home.hear(linked(head + control + b"\x01" + bytes((command,)) + payload))


# Their numbers stand in the seeds and in what a campaign has kept.
STEPS = (
    Hostile.bytes_on_the_link,
    Hostile.any_frame,
    Hostile.good_answer,
    Hostile.changed_answer,
    Hostile.time_passes,
    Hostile.good_notify,
    Hostile.ota_command,
    Hostile.link_comes_or_goes,
    Hostile.cut_answer,
    Hostile.late_answer,
    Hostile.default_response,
    Hostile.general_command,
    Hostile.network_command,
    Hostile.answer_of_another_size,
    Hostile.answer_with_more_behind,
    Hostile.broadcast_answer,
    Hostile.application_asks_for_a_file,
    Hostile.somebody_says_who_he_is,
)


def frames(data: bytes) -> None:
    """A storm of frames; after some of them a good hub must update the device."""
    if not data:
        return
    settings: dict[str, int] = {"page_size": 200} if data[0] & 1 else {}
    if data[0] & 0x10:
        settings |= {"specific_file_size": 400, "server_errors": 2, "other_servers": data[0] & 0x20}
    home = Home(**settings)
    Hostile(home, data[1:]).run()
    if data[0] & 0x0E == 0x0E:
        home.rescue()
        home.check()


def _fed(data: bytes, step: int) -> tuple | None:
    """What the file's parser makes of it, in pieces of ``step`` bytes."""
    file = UpgradeFile()
    for at in range(0, min(len(data), 2 * MAX_HEADER), step):
        length = min(step, len(data) - at)
        try:
            taken = file.feed(data, at, length)
        except Rejected as refusal:
            if refusal.number != MALFORMED_FILE:
                raise Broken(f"the parser refuses for reason {refusal.number}") from None
            return ()
        if not 0 <= taken <= length or (taken < length and not file.ready):
            raise Broken("the parser leaves bytes of the head")
        if file.ready:
            if file.image_length <= 0 or file.image_offset + file.image_length != file.size:
                raise Broken("an image outside its file")
            return file.file_version, file.size, file.image_offset, file.image_length
    return None


def _content(data: bytes, bent: bool) -> bytes:
    """A good upgrade file with bytes changed and put in as the input says, or the input as it is."""
    if not bent:
        return data[2:]
    take = Input(data[2:])
    content = bytearray(stories.upgrade(stories.NEW, stories.IMAGE_SIZE))
    while not take.over:
        at = take.byte() | (take.byte() & 1) << 8
        if take.byte() & 3:
            content[at % len(content)] = take.byte()
        else:
            content[at % len(content) : at % len(content)] = take.some()
    return bytes(content)


def files(data: bytes) -> None:
    """An upgrade file under the offered name, in blocks of any size: changed bytes of a good one, or any."""
    take = Input(data)
    kind, block = take.byte(), 1 + take.byte() % 63
    content = _content(data, bool(kind & 1))
    if len(content) < 18:
        return
    results = {_fed(content, step) for step in (1, block, len(content))}
    if len(results) != 1:
        raise Broken(f"the split decides: {results}")
    home = Home(data_size=block)
    good = home.hub
    home.hub = type(good)()
    home.hub.offer(content)
    if kind & 2:
        # Whatever the file says, it is offered as what the device wants.
        home.hub.identity = good.identity
        home.hub.version = good.version
    if kind & 4:
        home.hub.image += bytes(kind)
    _serve(home, 12 if kind & 8 else 60)
    home.check()
    if kind & 0x30 == 0x30:
        home.hub = good
        home.rescue()


def _serve(home: Home, requests: int) -> None:
    """Answer so many, or until nothing more is asked."""
    hub = Hostile(home, b"")
    for _ in range(requests):
        if not home.asked:
            home.pass_time(3000)
        before = home.asked
        hub.good_answer()
        if home.asked == before:
            return


TARGETS = {"frames": frames, "files": files}


def seeds(name: str) -> list[bytes]:
    """What a campaign starts from."""
    if name == "frames":
        # First the time of the first query comes.
        general = b"".join(
            bytes((11, command, len(payload))) + payload + bytes((cluster,))
            for cluster in (0, 1)
            for command, payload in _GENERAL
        )
        network = b"".join(bytes((12, low, high, 12)) + _NETWORK for low, high in _ZDO)
        asked = [b"\x00" + general[at : at + 120] for at in (0, 60)] + [b"\x00" + network, b"\x00" + general]
        asked += [bytes((first,)) + seed for first in (0x10, 0x31, 0x1F) for seed in _OWN_SEEDS]
        asked += _FOUND
        return asked + [bytes((first, 4, 5)) + seed for first in (0, 1, 0x0F) for seed in FRAMES_SEEDS]
    good = stories.upgrade(stories.NEW, stories.IMAGE_SIZE)
    plain = b"\x1e\xf1\xee\x0b" + good[4:]
    starts = [
        b"\x00\x31" + good[:200],
        b"\x01\x31",
        b"\x03\x08" + b"\x38\x00\x01\x01",
        b"\x02\x10" + plain[:80],
    ]
    # A vendor's prefix, a second header, a Telink element, sizes that wrap.
    starts += [
        b"\x01\x31\x00\x00\x04OTA:",
        b"\x03\x3e\x38\x00\x01\x00\x39\x00\x01\xf0",
        b"\x01\x31\x00\x00\x00\x38" + good[:56],
    ]
    starts += [
        b"\x03\x31\x34\x00\x01" + bytes((value,)) + b"\x37\x00\x01\xff" for value in (0, 1, 0x7F, 0xFF)
    ]
    return starts
