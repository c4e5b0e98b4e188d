"""The outer end of an emulated device's HAN link: a socket, a pseudo-terminal, or standard input and output.

At most one peer at a time; with --listen a newer connection replaces the older one. No peer: the
device is off the HAN, and what it sends is lost.
"""

import asyncio
import functools
import os
import select
import socket
import sys
import tty
from collections.abc import Awaitable, Callable, Coroutine

_RETRY = 0.2  # seconds between attempts to connect
_MOST_UNSENT = 1 << 20  # a peer that does not read loses what comes after this many bytes
_ORPHAN_LOOK = 1.0
_PTY_LOOK = 0.05  # seconds between looks whether somebody has opened the pseudo-terminal


class LinkPort:
    """``deliver``: takes bytes for the device; ``joined``: told when a peer comes or goes; ``keeps``: how
    many bytes of what the device said to nobody the next peer still gets."""

    def __init__(
        self, deliver: Callable[[bytes], Awaitable[None]], joined: Callable[[bool], None], keeps: int = 0
    ):
        self._deliver = deliver
        self._joined = joined
        self._writer: asyncio.StreamWriter | None = None
        self._keeps = keeps
        self._kept = b""

    def send(self, data: bytes) -> None:
        """Bytes from the device to the peer, if there is one."""
        writer = self._writer
        if writer is not None and writer.transport.get_write_buffer_size() < _MOST_UNSENT:
            writer.write(data)
        elif writer is None and self._keeps:
            self._kept = (self._kept + data)[-self._keeps :]

    async def listen(self, host: str, port: int) -> int:
        """Accept peers from now on; returns the port."""
        # asyncio sets SO_REUSEADDR on POSIX; said here because harnesses rely on it.
        server = await asyncio.start_server(self._serve, host, port, reuse_address=True)
        return server.sockets[0].getsockname()[1]

    async def connect(self, host: str, port: int) -> None:
        """Keep a connection to HOST:PORT, for ever."""
        while True:
            try:
                reader, writer = await asyncio.open_connection(host, port)
            except OSError:
                await asyncio.sleep(_RETRY)
                continue
            await self._serve(reader, writer)

    def open_pty(self) -> tuple[str, Coroutine[None, None, None]]:
        """A pseudo-terminal's path, and what serves it, for ever: whoever has it open is the peer."""
        outer, inner = os.openpty()
        tty.setraw(inner)
        path = os.ttyname(inner)
        # Ours closed, the kernel tells by POLLHUP whether anybody has it open.
        os.close(inner)
        return path, self._serve_pty(outer)

    async def _serve_pty(self, outer: int) -> None:
        loop = asyncio.get_running_loop()
        poll = select.poll()
        poll.register(outer, select.POLLIN)
        while True:
            if any(what & select.POLLHUP for _, what in poll.poll(0)):
                await asyncio.sleep(_PTY_LOOK)
                continue
            reader = asyncio.StreamReader()
            # A duplicate each time: the transports close theirs.
            incoming = os.fdopen(os.dup(outer), "rb", buffering=0)
            await loop.connect_read_pipe(functools.partial(asyncio.StreamReaderProtocol, reader), incoming)
            transport, protocol = await loop.connect_write_pipe(
                lambda: asyncio.streams.FlowControlMixin(loop), os.fdopen(os.dup(outer), "wb", buffering=0)
            )
            await self._serve(reader, asyncio.StreamWriter(transport, protocol, None, loop))

    async def stdio(self) -> None:
        """Standard input and output as the stream; once it is closed the device is off the HAN for good."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer)
        transport, protocol = await loop.connect_write_pipe(
            lambda: asyncio.streams.FlowControlMixin(loop), sys.stdout.buffer
        )
        await self._serve(reader, asyncio.StreamWriter(transport, protocol, None, loop))
        parent = os.getppid()
        while os.getppid() == parent:  # nobody can come back; without a parent nobody watches either
            await asyncio.sleep(_ORPHAN_LOOK)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        older, self._writer = self._writer, writer
        if older is not None:
            older.transport.abort() if hasattr(older.transport, "abort") else older.close()
        sock = writer.get_extra_info("socket")
        if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._kept:
            writer.write(self._kept)
            self._kept = b""
        self._joined(True)
        try:
            while data := await reader.read(4096):
                if self._writer is not writer:
                    break
                await self._deliver(data)
        except OSError:
            pass  # a connection reset, or a pseudo-terminal that nobody has open any more
        finally:
            if self._writer is writer:
                self._writer = None
                self._joined(False)
            writer.close()
