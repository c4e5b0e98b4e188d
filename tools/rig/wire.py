"""The HAN between a hub and a board's port: every frame passes here, is counted, and may be lost on the way.

Hubs connect over TCP, as to an emulated device; the board is on a serial port. The wire stays when the board
goes: a network does not notice that one device has lost its power.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable

from hal.link import FrameReceiver, encode, encoded_limit
from tools.hub.han_frame import HanFrame
from tools.hub.statistics import LinkStatistics
from tools.rig.port import Port

HOST = "127.0.0.1"
# Hubs send the other frames once and never again: a link that loses those proves nothing.
_MAY_BE_LOST = ("Image Block", "Image Block Response")


class Wire:
    """``loss``: the share of block requests and responses that get lost, drawn from ``chance``.
    ``listener``: also sees every whole frame of the device's."""

    def __init__(self, path: str, baud: int):
        self.statistics = LinkStatistics()
        self.loss = 0.0
        self.lost = 0
        self.chance = random.Random(0)
        self.listener: Callable[[bytes], None] | None = None
        self.tcp_port = 0
        self.port = Port(path, baud, self._from_board, self._port_opened)
        self._from_device = FrameReceiver()
        self._hub: asyncio.StreamWriter | None = None
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen for hubs, and open the board's port."""
        self._server = await asyncio.start_server(self._serve, HOST, 0)
        self.tcp_port = self._server.sockets[0].getsockname()[1]
        self.port.start()

    async def stop(self) -> None:
        """Nobody is connected any more."""
        await self.port.stop()
        if self._hub is not None:
            self._hub.close()
        if self._server is not None:
            self._server.close()

    def send(self, contents: bytes) -> None:
        """One frame to the device."""
        self._to_device(contents, count=False)

    def send_raw(self, data: bytes) -> None:
        """Any bytes to the device, frames or not."""
        self.port.write(data)

    def _port_opened(self) -> None:
        self._from_device.reset()
        self.statistics.connections += 1

    def _from_board(self, data: bytes) -> None:
        for contents, size in _frames(self._from_device, data):
            frame = _parsed(contents)
            if frame is not None:
                self.statistics.count_received(frame, len(contents), size)
                if self._is_lost(frame):
                    continue
            if self.listener is not None:
                self.listener(contents)
            if self._hub is not None:
                self._hub.write(_encoded(contents))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        older, self._hub = self._hub, writer
        if older is not None:
            older.close()
        receiver = FrameReceiver()
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(4096):
                for contents, _ in _frames(receiver, data):
                    self._to_device(contents, count=True)
        if self._hub is writer:
            self._hub = None
        writer.close()

    def _to_device(self, contents: bytes, count: bool) -> None:
        frame = _parsed(contents)
        wire = _encoded(contents)
        if count and frame is not None and self._is_lost(frame):
            return
        if not self.port.write(wire):
            self.statistics.undelivered += 1
        elif frame is not None:
            self.statistics.count_sent(frame, len(contents), len(wire))

    def _is_lost(self, frame: HanFrame) -> bool:
        lost = self.loss > 0 and frame.name() in _MAY_BE_LOST and self.chance.random() < self.loss
        self.lost += lost
        return lost


def _frames(receiver: FrameReceiver, data: bytes):
    """(contents, bytes on the wire) of each frame that ends in ``data``."""
    at = began = 0
    while at < len(data):
        at = receiver.feed(data, at, len(data))
        if receiver.ready:
            yield bytes(receiver.buffer[: receiver.length]), at - began
            began = at


def _parsed(contents: bytes) -> HanFrame | None:
    try:
        return HanFrame.from_contents(contents)
    except ValueError:
        return None


def _encoded(contents: bytes) -> bytes:
    out = bytearray(encoded_limit(len(contents)))
    return bytes(out[: encode(contents, len(contents), out)])
