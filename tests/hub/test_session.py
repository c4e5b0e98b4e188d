"""The hub, unmodified zigpy over our radio, against a scripted device on a real TCP stream."""

import asyncio
import contextlib
import random
import struct

import crcmod.predefined
import pytest
import zigpy.device
import zigpy.ota.manager
from zigpy.zcl.foundation import Status

from tests.hub.fake_device import END, IDENTITY, IEEE, IEEE_ADDR_REQ, NOTIFY, OTA, FakeDevice, ota_file
from tools.hub.images import UnusableImage, load_image
from tools.hub.session import DeviceAway, HubSession

VERSION = 0x00020000
DEADLINE_S = 10


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "v2.ota"
    path.write_bytes(ota_file(VERSION, random.Random(2).randbytes(3000)))
    return path


@contextlib.asynccontextmanager
async def on_the_han(device, **options):
    async with asyncio.timeout(DEADLINE_S):
        async with device, HubSession("127.0.0.1", device.port, **options) as session:
            yield session


def run(coroutine):
    return asyncio.run(coroutine)


def test_a_full_update_serves_every_byte_once_and_reads_the_new_version_back(image):
    async def story():
        device = FakeDevice()
        reached = []
        async with on_the_han(device) as session:
            await session.wait_for_device(DEADLINE_S)
            assert await session.read_file_version() == 0x00010000
            status = await session.update(image, lambda offset, size: reached.append((offset, size)))
            assert status == Status.SUCCESS
            assert await session.read_file_version() == VERSION
            return device, session, reached

    device, session, reached = run(story())
    size = image.stat().st_size
    assert bytes(device.image) == image.read_bytes()
    assert reached[-1] == (size, size)
    assert session.device_ieee == ":".join(f"{byte:02x}" for byte in reversed(IEEE))
    statistics = session.statistics
    assert statistics.bytes_served(VERSION) == size
    assert statistics.bytes_served_twice(VERSION) == 0
    # zigpy sends at most 50 bytes a block whatever is asked for.
    assert {block.length for block in statistics.blocks} == {50, size % 50}
    assert statistics.received["Image Block"].frames == len(statistics.blocks) == -(-size // 50)
    assert statistics.sent["Image Block Response"].contents_bytes == size + len(statistics.blocks) * (
        12 + 3 + 14
    )


def test_wire_bytes_are_counted_with_framing_and_escapes():
    contents = struct.pack("<BBHHBBHH", 1, 0, 0x1234, 0, 1, 1, OTA, 0x0104) + b"\x7e\x7d\x0b" * 2
    checksum = crcmod.predefined.mkCrcFun("x-25")(contents).to_bytes(2, "little")
    escapes = sum(byte in (0x7D, 0x7E) for byte in contents + checksum)

    async def story():
        device = FakeDevice(queries=False, announces=False)
        async with on_the_han(device, device_address=0x1234, device_endpoint=1) as session:
            await session.wait_for_device(DEADLINE_S)
            while device._writer is None:
                await asyncio.sleep(0)
            device.send_raw(contents)
            device.send_raw(contents)
            while session.statistics.received_total.frames < 2:
                await asyncio.sleep(0)
            return session.statistics

    total = run(story()).received_total
    assert (total.frames, total.contents_bytes) == (2, 2 * len(contents))
    assert total.wire_bytes == 2 * (len(contents) + 2 + escapes + 2)


def test_power_cut_in_mid_update_goes_on_with_block_requests_after_the_reconnect(image):
    async def story():
        device = FakeDevice()
        cuts = []

        async def cut_once(offset):
            if offset >= 1500 and not cuts:
                cuts.append(offset)
                del device.image[1400:]  # what was not durable is asked for again
                await device.power_cut()
                await asyncio.sleep(0.2)
                asyncio.get_running_loop().create_task(device.power_on())
                raise ConnectionResetError

        device.before_block = cut_once
        async with on_the_han(device) as session:
            await session.wait_for_device(DEADLINE_S)
            status = await session.update(image)
            return device, session.statistics, status, cuts

    device, statistics, status, cuts = run(story())
    assert status == Status.SUCCESS
    assert cuts == [1500]
    assert bytes(device.image) == image.read_bytes()
    assert statistics.connections == 2
    assert statistics.bytes_served_twice(VERSION) == 100
    assert statistics.received["ZDO Device_annce"].frames == 2
    assert device.file_version == VERSION


def test_refusal_is_the_devices_own_status(image):
    async def story():
        device = FakeDevice(verdict=0x96)
        async with on_the_han(device) as session:
            await session.wait_for_device(DEADLINE_S)
            return await session.update(image), session.upgrade_end_status, await session.read_file_version()

    assert run(story()) == (Status.INVALID_IMAGE, 0x96, 0x00010000)


def test_a_device_that_falls_silent_is_away_and_has_refused_nothing(image, monkeypatch):
    monkeypatch.setattr(zigpy.ota.manager, "MAX_TIME_WITHOUT_PROGRESS", 0.3)

    async def story():
        device = FakeDevice()

        async def cut(offset):
            if offset:
                await device.power_cut()

        device.before_block = cut
        async with on_the_han(device) as session:
            await session.wait_for_device(DEADLINE_S)
            with pytest.raises(DeviceAway) as away:
                await session.update(image)
            assert session.upgrade_end_status is None
            return away.value

    away = run(story())
    assert not away.took_image
    assert "silent" in str(away)


def test_a_second_update_takes_a_device_that_was_away(image, monkeypatch):
    monkeypatch.setattr(zigpy.ota.manager, "MAX_TIME_WITHOUT_PROGRESS", 0.3)

    async def story():
        device = FakeDevice(queries=False)
        async with on_the_han(device, device_endpoint=1) as session:
            await session.wait_for_device(DEADLINE_S)
            with pytest.raises(DeviceAway):
                await session.update(image)
            device.queries = True
            return await session.update(image)

    assert run(story()) == Status.SUCCESS


@pytest.mark.parametrize("status", [0x01, 0x94])
def test_a_refusal_with_a_status_that_zigpy_uses_itself_is_still_a_refusal(image, status):
    async def story():
        async with on_the_han(FakeDevice(verdict=status)) as session:
            await session.wait_for_device(DEADLINE_S)
            return await session.update(image)

    assert run(story()) == status


def test_an_image_that_does_not_fit_is_not_offered(image):
    async def story():
        async with on_the_han(FakeDevice(file_version=VERSION)) as session:
            await session.wait_for_device(DEADLINE_S)
            return await session.update(image), session.statistics.blocks

    assert run(story()) == (Status.NO_IMAGE_AVAILABLE, [])


def test_broadcast_notify_finds_a_device_that_never_announced_itself(image):
    async def story():
        device = FakeDevice(announces=False, address=0x4321)
        async with on_the_han(device) as session:
            await session.wait_for_device(DEADLINE_S)
            found = (session.device_address, session.device_endpoint, session.device_ieee)
            notify = next(frame for frame in device.received if frame.cluster == OTA)
            return device, session.statistics, found, notify, await session.update(image)

    device, statistics, found, notify, status = run(story())
    assert found == (0x4321, 1, None)
    assert (notify.kind, notify.destination, notify.destination_endpoint) == (1, 0xFFFF, 0xFF)
    assert (notify.command, notify.payload) == (NOTIFY, b"\x00\x64")
    assert status == Status.SUCCESS
    assert device.file_version == VERSION
    assert statistics.broadcasts_sent >= 1


def test_an_announcement_in_mid_update_gives_the_device_its_name_without_an_interview(image):
    async def story():
        device = FakeDevice(announces=False)

        async def announce(offset):
            if offset == 1000:
                device.send_zdo(0x0013, struct.pack("<H", device.address) + IEEE + b"\x8e")

        device.before_block = announce
        async with on_the_han(device) as session:
            await session.wait_for_device(DEADLINE_S)
            status = await session.update(image)
            return device, session, status

    device, session, status = run(story())
    assert status == Status.SUCCESS
    assert session.device_ieee is not None
    # zigpy's one interview is the one it makes after every update.
    assert sum(frame.cluster == 0x0002 and not frame.destination_endpoint for frame in device.received) == 1
    assert session.statistics.bytes_served_twice(VERSION) == 0


def test_a_device_whose_first_frame_is_not_of_the_upgrade_cluster_is_one_device(image):
    """It asks the hub for its IEEE address, say: zigpy asks back, and makes a device of the answer."""

    async def story():
        device = FakeDevice(announces=False, queries=False)
        async with on_the_han(device) as session:
            await session.connected.wait()
            while device._writer is None:
                await asyncio.sleep(0)
            device.send_zdo(IEEE_ADDR_REQ, bytes(4))
            while session.device_ieee is None:
                await asyncio.sleep(0)
            device.queries = True
            await session.wait_for_device(DEADLINE_S)
            return await session.update(image), await session.read_file_version(), session.device_ieee

    status, version, ieee = run(story())
    assert (status, version) == (Status.SUCCESS, VERSION)
    assert ieee == ":".join(f"{byte:02x}" for byte in reversed(IEEE))


def test_the_end_of_another_file_is_no_refusal_of_this_one(image):
    """A device may still have to report what another hub, or an earlier offer, has left it with."""

    async def story():
        device = FakeDevice(queries=False)
        async with on_the_han(device, device_address=0x1234, device_endpoint=1) as session:
            await session.wait_for_device(DEADLINE_S)
            updating = asyncio.create_task(session.update(image))
            while not any(frame.cluster == OTA and frame.command == NOTIFY for frame in device.received):
                await asyncio.sleep(0)
            device.send_ota(END, b"\x96" + IDENTITY + struct.pack("<I", VERSION + 1))
            with pytest.raises(DeviceAway, match="the end of another file") as away:
                await updating
            assert session.upgrade_end_status is None and not away.value.took_image
            device.queries = True
            return await session.update(image)

    assert run(story()) == Status.SUCCESS


@pytest.mark.parametrize("profile", [0x0104, 0x0109])
@pytest.mark.parametrize("endpoint", [1, 11])
def test_profile_and_endpoint_are_the_devices(image, profile, endpoint):
    async def story():
        device = FakeDevice(profile=profile, endpoint=endpoint)
        async with on_the_han(device, profile=profile) as session:
            await session.wait_for_device(DEADLINE_S)
            assert session.device.endpoints[endpoint].profile_id == profile
            await session.broadcast_notify()
            status = await session.update(image)
            return device, status, await session.read_file_version()

    device, status, version = run(story())
    assert (status, version) == (Status.SUCCESS, VERSION)
    application = [frame for frame in device.received if frame.cluster == OTA]
    assert {frame.profile for frame in application} == {profile}
    assert {frame.destination_endpoint for frame in application} <= {endpoint, 0xFF}
    assert {frame.source_endpoint for frame in application if frame.kind == 0} == {endpoint}


def test_a_read_while_the_link_is_down_fails_at_once():
    async def story():
        device = FakeDevice()
        async with on_the_han(device) as session:
            await session.wait_for_device(DEADLINE_S)
            await device.power_cut()
            while session.connected.is_set():
                await asyncio.sleep(0)
            with pytest.raises(DeviceAway, match="no connection"):
                await session.read_file_version()
            return session.statistics.undelivered

    assert run(story()) >= 1


def test_a_device_that_comes_back_as_another_is_learnt_anew(image):
    async def story():
        device = FakeDevice()
        async with on_the_han(device) as session:
            await session.wait_for_device(DEADLINE_S)
            await device.power_cut()
            device.address, device.endpoint = 0x4321, 11
            await device.power_on()
            while session.device_address != 0x4321:
                await asyncio.sleep(0)
            await session.broadcast_notify()
            while session.device_endpoint != 11:
                await asyncio.sleep(0)
            return await session.update(image), session.device_address

    assert run(story()) == (Status.SUCCESS, 0x4321)


def test_garbage_on_the_link_is_counted_and_survived(image):
    async def story():
        device = FakeDevice()
        rng = random.Random(7)
        async with on_the_han(device) as session:
            await session.wait_for_device(DEADLINE_S)
            device._writer.write(rng.randbytes(2000) + b"\x7e")
            for length in range(4, 60):
                device.send_raw(rng.randbytes(length))
                endpoints = rng.choice([b"\0\0", b"\1\1"])
                cluster = rng.choice([b"\x19\0", b"\x13\0", b"\0\0", b"\2\x80"])
                header = b"\1\0\x34\x12\0\0" + endpoints + cluster + rng.choice([b"\4\1", b"\0\0"])
                device.send_raw(header + rng.randbytes(length - 4))
            device.send_zdo(0x0013, struct.pack("<H", device.address) + IEEE + b"\x8e")
            return await session.update(image), session.statistics

    status, statistics = run(story())
    assert status == Status.SUCCESS
    assert statistics.bad_frames > 0
    assert statistics.bad_contents >= 56


def test_no_device_is_said_plainly(unused_port):
    async def story():
        async with HubSession("127.0.0.1", unused_port) as session:
            with pytest.raises(DeviceAway, match="nothing listens there"):
                await session.wait_for_device(0.3)

    run(story())


def test_a_connected_but_silent_device_is_said_plainly():
    async def story():
        async with on_the_han(FakeDevice(announces=False, queries=False)) as session:
            with pytest.raises(DeviceAway, match="says nothing"):
                await session.wait_for_device(0.5)

    run(story())


# rule: hub-file-check
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not an OTA file",
        ota_file(1, b"x" * 100)[:-1],
        ota_file(1, b"")[:56],
        ota_file(1, b"\1" * 9)[:-9],
    ],
)
def test_unusable_files_are_named(tmp_path, content):
    path = tmp_path / "bad.ota"
    path.write_bytes(content)
    with pytest.raises(UnusableImage, match=r"bad\.ota"):
        load_image(path)


def test_an_unreadable_file_is_named(tmp_path):
    with pytest.raises(UnusableImage, match="missing.ota: cannot be read"):
        load_image(tmp_path / "missing.ota")
