"""`hanota emulate`: what makes a device, the ways to its link, its events and its slots."""

import asyncio
import contextlib
import hashlib
import json

import pytest

from tests.end_to_end.device_and_hub import CONTACT_S, EVENT_S, VERSION_1, hanota, hub_of, start_hanota
from tests.scenarios import scenario
from tools import files, keys
from tools.demo.device import HOST
from tools.demo.images import V1
from tools.hub.session import HubSession


@scenario
async def test_a_factory_image_of_another_key_makes_no_device(place):
    _, other = keys.generate(place.directory / "other")
    factory = place.images.upgrade_file(1)
    arguments = ["emulate", "--state", place.state, "--factory", factory, "--listen", f"{HOST}:0"]
    code, output, errors = await hanota(*arguments, "--trust", other)
    assert code == 1 and output == ""
    assert "unknown-key" in errors and str(factory) in errors
    # Nothing of it stays in the way of the right one.
    async with place.device() as device:
        await device.power_on()
        await device.wait_for("boot", EVENT_S, file_version=VERSION_1)


@pytest.mark.parametrize("length", [0, 30, 200, 5000])
@scenario
async def test_a_truncated_factory_image_makes_no_device(place, length):
    factory = place.directory / "short.ota"
    factory.write_bytes(place.images.upgrade_file(1).read_bytes()[:length])
    arguments = ["emulate", "--state", place.state, "--factory", factory, "--listen", f"{HOST}:0"]
    code, output, errors = await hanota(*arguments, "--trust", place.images.public_key)
    assert code == 1 and output == ""
    assert "not a factory image" in errors


@scenario
async def test_a_device_runs_once_at_a_time(place):
    async with place.device() as device:
        await device.power_on()
        arguments = ["emulate", "--state", place.state, "--trust", place.images.public_key]
        code, output, errors = await hanota(*arguments, "--listen", f"{HOST}:0")
        assert code == 1 and output == ""
        assert "in use" in errors and str(place.state) in errors
        # The first one never noticed.
        async with hub_of(device) as session:
            assert await session.read_file_version() == V1


@scenario
async def test_a_newer_connection_replaces_the_older(place):
    async with place.device() as device:
        await device.power_on()
        await device.wait_for("boot", EVENT_S)
        reader, writer = await asyncio.open_connection(HOST, device.port)
        assert await asyncio.wait_for(reader.read(1), EVENT_S), "a device that joins announces itself"
        async with hub_of(device) as session:
            with contextlib.suppress(ConnectionError):
                async with asyncio.timeout(EVENT_S):
                    while await reader.read(1024):
                        pass
            writer.close()
            assert await session.read_file_version() == V1
        # And when that one closes, the device waits for the next.
        async with hub_of(device) as session:
            assert await session.read_file_version() == V1


@scenario
async def test_the_link_by_connect(place):
    devices = asyncio.Queue()

    async def joined(reader, writer):
        await devices.put((reader, writer))

    server = await asyncio.start_server(joined, HOST, 0)
    port = server.sockets[0].getsockname()[1]
    process = await start_emulate(place, "--connect", f"{HOST}:{port}", stdout=asyncio.subprocess.DEVNULL)
    try:
        for _ in range(2):  # it connects again when its peer goes away
            reader, writer = await asyncio.wait_for(devices.get(), EVENT_S)
            assert await version_by(reader, writer) == V1
            writer.close()
    finally:
        process.kill()
        await process.wait()
        server.close()


@scenario
async def test_the_link_by_stdio_leaves_the_events_on_standard_error(place):
    process = await start_emulate(place, "--stdio", stdin=asyncio.subprocess.PIPE)
    try:
        assert await version_by(process.stdout, process.stdin) == V1
    finally:
        process.kill()
        await process.wait()
    lines = (await process.stderr.read()).splitlines()
    assert "boot" in [json.loads(line)["event"] for line in lines]


async def start_emulate(place, *link, **streams):
    arguments = ["--state", place.state, "--trust", place.images.public_key]
    factory = ["--factory", place.images.upgrade_file(1)]
    return await start_hanota("emulate", *arguments, *factory, *link, **streams)


async def version_by(reader, writer):
    """What a hub reads over these streams; the hub speaks TCP, so they are joined to a port of its own."""

    async def join(hub_reader, hub_writer):
        up = asyncio.create_task(pump(hub_reader, writer))
        down = asyncio.create_task(pump(reader, hub_writer))
        await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
        for task in (up, down):
            task.cancel()
        await asyncio.gather(up, down, return_exceptions=True)
        hub_writer.close()

    server = await asyncio.start_server(join, HOST, 0)
    try:
        async with HubSession(HOST, server.sockets[0].getsockname()[1]) as session:
            await session.wait_for_device(CONTACT_S)
            return await session.read_file_version()
    finally:
        server.close()


async def pump(reader, writer):
    while data := await reader.read(4096):
        writer.write(data)
        await writer.drain()


@scenario
async def test_events_are_appended_to_a_file(place):
    path = place.directory / "events.jsonl"
    async with place.device("--events", str(path)) as device:
        for _ in range(2):
            await device.power_on()
            await device.wait_for("boot", EVENT_S, len(device.events) - 1)
            await device.power_cut()
    written = [json.loads(line) for line in path.read_text().splitlines()]
    told = [{"event": event.name, **event.fields} for event in device.events if event.name != "power"]
    assert written == told
    assert [event["event"] for event in written].count("boot") == 2
    assert all(isinstance(event["t_ms"], int) for event in written)


@scenario
async def test_slots_are_shown_and_dumped_while_the_device_runs(place):
    async with place.device() as device:
        await device.power_on()
        await device.wait_for("boot", EVENT_S)
        code, output, _ = await hanota("slots", "--state", place.state, "--json")
        assert code == 0
        payload = files.read(place.images.payload(1))
        shown = json.loads(output)
        assert {name: shown[name] for name in ("boots", "security_counter", "slots")} == {
            "boots": "A",
            "security_counter": V1,
            "slots": {
                "A": {
                    "state": "updated",
                    "file_version": VERSION_1,
                    "size": len(payload),
                    "sha256": hashlib.sha256(payload).hexdigest(),
                },
                "B": {"state": "ready", "file_version": None, "size": None, "sha256": None},
            },
        }
        dumped = place.directory / "a.romfs"
        code, _, _ = await hanota("slots", "--state", place.state, "--dump", "A", "-o", dumped)
        assert code == 0 and dumped.read_bytes() == payload
        code, _, errors = await hanota("slots", "--state", place.state, "--dump", "B", "-o", dumped)
        assert code == 1 and "slot B" in errors
        code, _, errors = await hanota("slots", "--state", place.directory / "nothing", "--json")
        assert code == 2 and "no device" in errors
