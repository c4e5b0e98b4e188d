"""The TCP end of the HAN serial link on the hub's side, connected again whenever the stream closes."""

import asyncio
import contextlib
import logging
from collections.abc import Callable

from hal.link import FrameReceiver, encode, encoded_limit

_LOGGER = logging.getLogger(__name__)
FIRST_RETRY_S = 0.05
LAST_RETRY_S = 1.0
_READ_SIZE = 4096


class LinkDown(ConnectionError):
    """Nothing can be sent: the stream to the device is closed."""


class LinkClient:
    """Keeps one stream to HOST:PORT and hands every good frame's contents to ``on_frame``.

    ``on_frame(contents, wire_bytes)`` runs in the event loop; wire_bytes is what the frame took on the
    wire, with flags, escapes and any noise before it. ``on_connected()`` runs at each new connection.
    The device's end goes away at every power cut, so a refused or closed stream is no error: the next
    attempt follows after 50 ms, doubling up to 1 s until a connection stands.
    """

    def __init__(
        self,
        host: str,
        port: int,
        on_frame: Callable[[bytes, int], None],
        on_connected: Callable[[], None],
    ) -> None:
        self.connected = asyncio.Event()
        self._host = host
        self._port = port
        self._on_frame = on_frame
        self._on_connected = on_connected
        self._receiver = FrameReceiver()
        self._writer: asyncio.StreamWriter | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def dropped(self) -> int:
        """Bad frames the link layer dropped."""
        return self._receiver.dropped

    def start(self) -> None:
        """Begin to connect, in the background and for ever, until close()."""
        self._task = asyncio.create_task(self._run(), name=f"HAN link to {self._host}:{self._port}")

    async def close(self) -> None:
        """Close the stream and stop connecting."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def send(self, contents: bytes) -> int:
        """Frame and send one frame's contents; returns its bytes on the wire. LinkDown without a stream."""
        if self._writer is None:
            raise LinkDown(f"no connection to {self._host}:{self._port}")
        out = bytearray(encoded_limit(len(contents)))
        length = encode(contents, len(contents), out)
        try:
            self._writer.write(out[:length])
            await self._writer.drain()
        except OSError as error:
            raise LinkDown(f"{self._host}:{self._port}: {error}") from error
        return length

    async def _run(self) -> None:
        pause = FIRST_RETRY_S
        while True:
            try:
                reader, writer = await asyncio.open_connection(self._host, self._port)
            except OSError as error:
                _LOGGER.debug("%s:%d: %s", self._host, self._port, error)
            else:
                frames = self._receiver.frames
                await self._serve(reader, writer)
                # A peer that accepts and closes at once is no device yet: go on backing off.
                if self._receiver.frames != frames:
                    pause = FIRST_RETRY_S
            await asyncio.sleep(pause)
            pause = min(2 * pause, LAST_RETRY_S)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._receiver.reset()
        self._writer = writer
        self.connected.set()
        try:
            self._on_connected()
            wire_bytes = 0
            while data := await reader.read(_READ_SIZE):
                start = 0
                while start < len(data):
                    end = self._receiver.feed(data, start, len(data))
                    wire_bytes += end - start
                    start = end
                    if self._receiver.ready:
                        self._on_frame(bytes(self._receiver.buffer[: self._receiver.length]), wire_bytes)
                        wire_bytes = 0
        except OSError as error:
            _LOGGER.debug("%s:%d: %s", self._host, self._port, error)
        finally:
            self._writer = None
            self.connected.clear()
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
