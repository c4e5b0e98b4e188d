"""The air between one hub and one device: a relay of whole frames, which may lose, double or alter them.

What the device sends is kept, as it sent it: tests/interop/dissector.py looks at it.
"""

import asyncio
import contextlib
from collections.abc import Callable
from types import TracebackType
from typing import Self

from hal.link import FrameReceiver, encode, encoded_limit
from tools.hub.han_frame import HanFrame
from tools.hub.statistics import LinkStatistics

HOST = "127.0.0.1"
Weather = Callable[[HanFrame, bool], list[HanFrame]]


def clear(frame: HanFrame, to_device: bool) -> list[HanFrame]:
    """Every frame arrives once."""
    return [frame]


class Air:
    """``port`` is where the hub connects. ``statistics`` count what reached the device (sent) and the hub
    (received); ``from_device`` holds the contents of all that the device sent, whatever became of it.

    ``weather(frame, to_device)`` says which frames arrive in the frame's place.
    """

    def __init__(self, device_port: int, weather: Weather = clear) -> None:
        self.port = 0
        self.statistics = LinkStatistics()
        self.from_device: list[bytes] = []
        self._device_port = device_port
        self._weather = weather
        self._to_device: asyncio.StreamWriter | None = None
        self._waiting: list[tuple[int, asyncio.Event]] = []
        self._links: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, HOST, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for link in self._links:
            link.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)

    async def reached(self, offset: int) -> None:
        """Return when a block at ``offset`` or beyond is on its way to the device."""
        event = asyncio.Event()
        self._waiting.append((offset, event))
        await event.wait()

    def inject(self, frame: HanFrame) -> None:
        """Send the device a frame that no hub sent."""
        assert self._to_device is not None, "the device is off the air"
        self._put(frame, self._to_device, True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._links.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await self._join(reader, writer)
        finally:
            self._links.discard(task)
            writer.close()

    async def _join(self, hub_reader: asyncio.StreamReader, hub_writer: asyncio.StreamWriter) -> None:
        """One hub's connection; without a device behind it it closes, as the device's own would."""
        reader, writer = await asyncio.open_connection(HOST, self._device_port)
        self._to_device = writer
        pumps = [
            asyncio.create_task(self._pump(hub_reader, writer, True)),
            asyncio.create_task(self._pump(reader, hub_writer, False)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            if self._to_device is writer:
                self._to_device = None
            writer.close()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, to_device: bool
    ) -> None:
        receiver = FrameReceiver()
        while data := await reader.read(4096):
            at = 0
            while at < len(data):
                at = receiver.feed(data, at, len(data))
                if receiver.ready:
                    contents = bytes(receiver.buffer[: receiver.length])
                    if not to_device:
                        self.from_device.append(contents)
                    for frame in self._weather(HanFrame.from_contents(contents), to_device):
                        self._put(frame, writer, to_device)
            await writer.drain()

    def _put(self, frame: HanFrame, writer: asyncio.StreamWriter, to_device: bool) -> None:
        contents = frame.to_contents()
        out = bytearray(encoded_limit(len(contents)))
        length = encode(contents, len(contents), out)
        writer.write(out[:length])
        count = self.statistics.count_sent if to_device else self.statistics.count_received
        count(frame, len(contents), length)
        if to_device and self.statistics.blocks:
            last = self.statistics.blocks[-1].offset
            for offset, event in self._waiting:
                if last >= offset:
                    event.set()


# What no hub repeats is never lost here: it would end the session, not test the device.
_SPARED = ("Image Notify", "Query Next Image Response", "Upgrade End Response")


class Losses:
    """Loses the n-th frames of a name, as ``lost`` says, and doubles every ``doubled``-th of the others.

    ``told`` counts what it did.
    """

    def __init__(self, lost: dict[str, tuple[int, ...]], doubled: int) -> None:
        assert not set(lost) & set(_SPARED)
        self.told = {"lost": 0, "doubled": 0}
        self._lost = lost
        self._doubled = doubled
        self._seen: dict[str, int] = {}
        self._count = 0

    def __call__(self, frame: HanFrame, to_device: bool) -> list[HanFrame]:
        name = frame.name()
        self._seen[name] = self._seen.get(name, 0) + 1
        if self._seen[name] in self._lost.get(name, ()):
            self.told["lost"] += 1
            return []
        self._count += 1
        if name in _SPARED or self._count % self._doubled:
            return [frame]
        self.told["doubled"] += 1
        return [frame, frame]
