"""The hub's end of the link: connecting again, without hurry."""

import asyncio
import itertools

from hal.link import encode
from tools.hub.link_client import LinkClient, LinkDown

GOOD_FRAME = bytearray(20)
GOOD_FRAME = bytes(GOOD_FRAME[: encode(b"good", 4, GOOD_FRAME)])


async def attempts(on_connection, seconds):
    """When the client connected, in seconds, to a server that does on_connection and closes."""
    times, frames = [], []
    loop = asyncio.get_running_loop()

    async def connection(reader, writer):
        times.append(loop.time() - began)
        on_connection(writer)
        writer.close()

    server = await asyncio.start_server(connection, "127.0.0.1", 0)
    began = loop.time()
    client = LinkClient(
        *server.sockets[0].getsockname(), lambda contents, _: frames.append(contents), lambda: None
    )
    client.start()
    await asyncio.sleep(seconds)
    await client.close()
    server.close()
    return times, frames


def test_a_peer_that_closes_at_once_is_tried_less_and_less_often():
    times, _ = asyncio.run(attempts(lambda writer: None, 0.9))
    gaps = [later - sooner for sooner, later in itertools.pairwise(times)]
    assert 2 <= len(gaps) <= 4
    for gap, pause in zip(gaps, (0.05, 0.1, 0.2, 0.4), strict=False):
        assert pause <= gap + 0.01


def test_a_good_frame_makes_the_next_attempt_quick_again():
    times, frames = asyncio.run(attempts(lambda writer: writer.write(GOOD_FRAME), 0.9))
    assert len(times) >= 6
    assert frames == [b"good"] * len(times)


def test_half_a_frame_is_forgotten_with_its_stream():
    halves = itertools.cycle([GOOD_FRAME[:4], GOOD_FRAME[4:]])
    times, frames = asyncio.run(attempts(lambda writer: writer.write(next(halves)), 0.3))
    assert len(times) >= 2
    assert frames == []


def test_sending_without_a_stream_fails(unused_port):
    async def story():
        client = LinkClient("127.0.0.1", unused_port, lambda *_: None, lambda: None)
        client.start()
        try:
            await client.send(b"good")
        except LinkDown as error:
            return str(error)
        finally:
            await client.close()

    assert f"127.0.0.1:{unused_port}" in asyncio.run(story())
