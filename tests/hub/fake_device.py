"""A scripted device on the HAN serial link, only as good as the hub's tests need it.

It writes its frames by hand, so that the hub's own codec is not checked against itself; only the link's
framing is the project's, which has its own tests against crcmod.
"""

import asyncio
import contextlib
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from hal.link import FrameReceiver, encode, encoded_limit

BASIC, OTA, DEVICE_ANNCE, IEEE_ADDR_REQ = 0x0000, 0x0019, 0x0013, 0x0001
NOTIFY, QUERY, OFFER, BLOCK, BLOCK_ANSWER, END, END_ANSWER = 0, 1, 2, 3, 5, 6, 7
IEEE = bytes.fromhex("efbeadde00005002")
MANUFACTURER_CODE, IMAGE_TYPE = 0x1234, 0x0084
IDENTITY = struct.pack("<HH", MANUFACTURER_CODE, IMAGE_TYPE)


def ota_file(file_version: int, payload: bytes) -> bytes:
    """An OTA upgrade file with one Upgrade Image element."""
    element = struct.pack("<HI", 0, len(payload)) + payload
    return (
        struct.pack("<IHHHHHIH", 0x0BEEF11E, 0x0100, 56, 0, MANUFACTURER_CODE, IMAGE_TYPE, file_version, 2)
        + b"test".ljust(32, b"\0")
        + struct.pack("<I", 56 + len(element))
        + element
    )


@dataclass
class Received:
    """One frame from the hub, split by hand."""

    kind: int
    destination: int
    source_endpoint: int
    destination_endpoint: int
    cluster: int
    profile: int
    zcl: bytes

    @property
    def command(self) -> int:
        return self.zcl[2]

    @property
    def payload(self) -> bytes:
        return self.zcl[3:]


@dataclass
class FakeDevice:
    """Queries when notified, asks for blocks of 63 bytes, ends with ``verdict``, runs what it took.

    ``before_block(offset)`` is awaited before each block request. With ``announces`` false the device
    says nothing at a new connection.
    """

    address: int = 0x1234
    endpoint: int = 1
    profile: int = 0x0104
    file_version: int = 0x00010000
    verdict: int = 0
    announces: bool = True
    queries: bool = True
    before_block: Callable | None = None
    port: int = 0
    image: bytearray = field(default_factory=bytearray)
    received: list[Received] = field(default_factory=list)
    _offer: tuple[int, int] | None = None
    _tsn: int = 0

    async def __aenter__(self) -> "FakeDevice":
        await self.power_on()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.power_cut()

    async def power_on(self) -> None:
        self._writer: asyncio.StreamWriter | None = None
        self._server = await asyncio.start_server(self._connection, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def power_cut(self) -> None:
        """The stream breaks and nobody listens; what was received stays."""
        self._server.close()
        if self._writer is not None:
            self._writer.transport.abort()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        receiver = FrameReceiver()
        with contextlib.suppress(ConnectionError):
            if self.announces:
                self.send_zdo(DEVICE_ANNCE, struct.pack("<H", self.address) + IEEE + b"\x8e")
            if self._offer:
                await self.ask_for_block()
            while data := await reader.read(4096):
                start = 0
                while start < len(data):
                    start = receiver.feed(data, start, len(data))
                    if receiver.ready:
                        await self._frame(bytes(receiver.buffer[: receiver.length]))

    async def _frame(self, contents: bytes) -> None:
        version, kind, source, destination, *rest = struct.unpack_from("<BBHHBBHH", contents)
        assert (version, source) == (1, 0x0000)
        frame = Received(kind, destination, *rest, contents[12:])
        self.received.append(frame)
        if frame.destination_endpoint == 0:
            self._answer_zdo(frame)
        elif frame.cluster == OTA and frame.zcl[0] & 3:
            await self._ota(frame)
        elif frame.zcl[2] == 0x00:
            self._answer_read(frame)

    async def _ota(self, frame: Received) -> None:
        if frame.command == NOTIFY and self.queries:
            self.send_ota(QUERY, b"\0" + IDENTITY + struct.pack("<I", self.file_version))
        elif frame.command == OFFER and frame.payload[0] == 0:
            self._offer = struct.unpack_from("<II", frame.payload, 5)
            self.image.clear()
            await self.ask_for_block()
        elif frame.command == BLOCK_ANSWER and frame.payload[0] == 0:
            offset, length = struct.unpack_from("<IB", frame.payload, 9)
            if offset == len(self.image):
                self.image += frame.payload[14 : 14 + length]
            await self.ask_for_block()
        elif frame.command == BLOCK_ANSWER:
            self._offer = None
        elif frame.command == END_ANSWER and self.verdict == 0:
            self.file_version = self._offer[0]
            self._offer = None

    async def ask_for_block(self) -> None:
        file_version, size = self._offer
        if len(self.image) < size:
            if self.before_block is not None:
                await self.before_block(len(self.image))
            position = struct.pack("<II", file_version, len(self.image))
            self.send_ota(BLOCK, b"\0" + IDENTITY + position + b"\x3f")
        else:
            self.send_ota(END, bytes([self.verdict]) + IDENTITY + struct.pack("<I", file_version))

    def _answer_read(self, frame: Received) -> None:
        records = b""
        for (attribute,) in struct.iter_unpack("<H", frame.payload):
            if frame.cluster == OTA and attribute == 0x0002:
                records += struct.pack("<HBBI", attribute, 0, 0x23, self.file_version)
            else:
                records += struct.pack("<HBB4s", attribute, 0, 0x42, b"\3fox")
        control = 0x10 if frame.zcl[0] & 8 else 0x18
        self._send(self.endpoint, frame.cluster, bytes([control, frame.zcl[1], 0x01]) + records)

    def _answer_zdo(self, frame: Received) -> None:
        head = struct.pack("<BBH", frame.zcl[0], 0, self.address)
        if frame.cluster == IEEE_ADDR_REQ and frame.zcl[1:3] == self.address.to_bytes(2, "little"):
            self._send(0, 0x8001, frame.zcl[:1] + b"\0" + IEEE + self.address.to_bytes(2, "little"))
        elif frame.cluster == 0x0002:
            self._send(0, 0x8002, head + bytes.fromhex("01408e341252ff0000 00ff0000"))
        elif frame.cluster == 0x0005:
            self._send(0, 0x8005, head + bytes([1, self.endpoint]))
        elif frame.cluster == 0x0004:
            description = struct.pack("<BHHBBHBH", self.endpoint, self.profile, 2, 0, 1, BASIC, 1, OTA)
            self._send(0, 0x8004, head + bytes([len(description)]) + description)

    def send_zdo(self, cluster: int, payload: bytes) -> None:
        self._send(0, cluster, bytes([self._next_tsn()]) + payload)

    def send_ota(self, command: int, payload: bytes) -> None:
        self._send(self.endpoint, OTA, bytes([0x01, self._next_tsn(), command]) + payload)

    def send_raw(self, contents: bytes) -> None:
        out = bytearray(encoded_limit(len(contents)))
        self._writer.write(out[: encode(contents, len(contents), out)])

    def _send(self, endpoint: int, cluster: int, zcl: bytes) -> None:
        profile = self.profile if endpoint else 0
        ends = (endpoint, endpoint, cluster, profile)
        self.send_raw(struct.pack("<BBHHBBHH", 1, 0, self.address, 0x0000, *ends) + zcl)

    def _next_tsn(self) -> int:
        self._tsn = (self._tsn + 1) % 256
        return self._tsn
