"""The simulator's hub on a TCP stream, for a device in a process of its own."""

import asyncio

from hal.link import FrameReceiver, encode, encoded_limit
from tools.simulator.hub import SimHub

_ZDO_PROFILE = 0


# Seconds an answer takes: a download is as long as some twenty lives, and cuts fall all along it.
_ANSWER = 0.008


async def serve(hub: SimHub, host: str, port: int, notify: bool) -> None:
    """Connect to a device and answer it until it goes away; ``notify`` first, if it may be idle."""
    reader, writer = await asyncio.open_connection(host, port)
    receiver = FrameReceiver()
    wire = bytearray(encoded_limit(512))

    def send(frame: bytes) -> None:
        writer.write(bytes(wire[: encode(frame, len(frame), wire)]))

    try:
        if notify:
            send(hub.notify())
        while data := await reader.read(4096):
            at = 0
            while at < len(data):
                at = receiver.feed(data, at, len(data))
                if receiver.ready:
                    for answer in hub.handle(bytes(receiver.buffer[: receiver.length])):
                        await asyncio.sleep(_ANSWER)
                        send(answer)
    except ConnectionError:
        pass
    finally:
        writer.close()
