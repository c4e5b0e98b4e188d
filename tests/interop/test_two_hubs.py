"""The same updates by both hubs: zigpy's OTA manager and zigbee-herdsman's OTA code, both unmodified.

The emulated device runs on real MicroPython. Between hub and device lies the air (tests/interop/air.py),
which loses, doubles and re-times frames. Nobody tells a hub anything: it interviews the device first. At the
end tshark reads every frame that the device sent (tests/interop/dissector.py).

The tests run side by side (tests/scenarios.py).
"""

import asyncio
import contextlib
import hashlib
import struct
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from zigpy.zcl import foundation
from zigpy.zcl.clusters.general import Ota

from boards.common.flash_map import ERASE_SIZE
from firmware_agent.store.image_writer import PROOF_SIZE
from tests import scenarios
from tests.boards import check_firmware
from tests.interop import dissector
from tests.interop.air import Air, Losses, clear
from tests.interop.hubs import HUBS, HerdsmanHub, ZigpyHub
from tests.scenarios import scenario
from tools.demo.device import Device
from tools.hub.han_frame import HanFrame

V1, V2 = 0x00010000, 0x00020000
ADDRESS = 0x1234
EVENT_S = 60.0
MANUFACTURER, LEGRAND = 0x1234, 0x1021  # hubs serve a Legrand device as many bytes as it asks for
HOLD = 0xFFFFFFFF
BOARD = "qemu_mps2"
both_hubs = pytest.mark.parametrize("hub_name", list(HUBS))


@dataclass
class Place:
    """One test's directory, the module's images by manufacturer, and what all devices sent, by test."""

    images: dict
    directory: Path
    node: Path
    name: str
    sent: dict[str, list[bytes]]
    devices: list[Device] = field(default_factory=list)

    def device(self, *options, manufacturer=MANUFACTURER):
        images = self.images[manufacturer]
        options = ("--address", str(ADDRESS), "--manufacturer-code", str(manufacturer), *options)
        device = Device(self.directory / "device", images.trust, images.v1, options)
        self.devices.append(device)
        return device

    @contextlib.asynccontextmanager
    async def air(self, device, weather=clear):
        async with Air(device.port, weather) as air:
            try:
                yield air
            finally:
                self.sent.setdefault(self.name, []).extend(air.from_device)

    def hub(self, name, air, address=None):
        return HUBS[name](air.port, self.directory, self.node, address)

    def close(self):
        for device in self.devices:
            assert not device.said, device.said


@pytest.fixture(scope="module", name="scenarios")
def running_scenarios(request, sign_images, node, sent, tmp_path_factory):
    images = {code: sign_images(code) for code in (MANUFACTURER, LEGRAND)}

    def place(name):
        return Place(images, tmp_path_factory.mktemp("place"), node, name, sent)

    with scenarios.running(request, place) as running:
        yield running


@pytest.fixture(scope="module")
def sent():
    """What the devices of this module sent, by test; filled as the tests end."""
    return {}


async def is_updated(place, device, version, manufacturer=MANUFACTURER):
    """Version 2 is confirmed, and holds the payload's very bytes."""
    assert version == V2
    # A hub may end before the device has confirmed what it heard from it.
    await device.wait_for("confirmed", EVENT_S)
    slots = device.slots()
    slot = slots["slots"][slots["boots"]]
    assert (slot["state"], slot["file_version"]) == ("updated", f"0x{V2:08x}")
    payload = place.images[manufacturer].payload.read_bytes()
    assert slot["sha256"] == hashlib.sha256(payload).hexdigest()
    names = [event.name for event in device.events]
    assert names.count("verified") == names.count("confirmed") == 1
    assert "rejected" not in names and "reverted" not in names


# The slowest first.


# rule: hub-duplicates, hub-pages
@both_hubs
@pytest.mark.parametrize("page_size", [0, 2048])
@scenario
async def test_lost_and_doubled_frames(place, hub_name, page_size):
    losses = Losses(
        {
            "Query Next Image": (1,),
            "Image Page" if page_size else "Image Block": (5,),
            "Image Block Response": (30, 200),
            "Upgrade End": (1,),
        },
        doubled=9,
    )
    async with place.device("--setting", f"page_size={page_size}") as device:
        await device.power_on()
        async with place.air(device, losses) as air, place.hub(hub_name, air) as hub:
            await hub.start_update(place.images[MANUFACTURER].v2)
            version = await hub.updated()
        await is_updated(place, device, version)
        assert losses.told["lost"] == 5 and losses.told["doubled"] > 50, losses.told
        asked = {name: air.statistics.received[name].frames for name in ("Image Page", "Image Block")}
        return f"{hub_name}, pages of {page_size}: {losses.told}, asked: {asked}"


@both_hubs
@scenario
async def test_an_update_of_the_emulated_microcontroller(place, hub_name):
    """The same hubs, the same air; on the other end real firmware and a serial port."""
    check_firmware(BOARD)
    async with place.device("--board", BOARD) as device:
        await device.power_on()
        async with place.air(device) as air, place.hub(hub_name, air) as hub:
            await hub.start_update(place.images[MANUFACTURER].v2)
            version = await hub.updated()
        await is_updated(place, device, version)
        assert air.statistics.bytes_served(V2) == place.images[MANUFACTURER].v2.stat().st_size
        assert air.statistics.bytes_served_twice(V2) == 0
        return f"{hub_name}, {BOARD}: {air.statistics.received_total.frames} frames from the device"


# rule: hub-block-size, hub-announce, hub-version-read, hub-end-in-time
@both_hubs
@pytest.mark.parametrize("size", [16, 63, 200])
@scenario
async def test_a_plain_update(place, hub_name, size):
    manufacturer = LEGRAND if size > 63 else MANUFACTURER
    async with place.device("--max-data-size", str(size), manufacturer=manufacturer) as device:
        await device.power_on()
        async with place.air(device) as air, place.hub(hub_name, air) as hub:
            await hub.start_update(place.images[manufacturer].v2)
            version = await hub.updated()
        await is_updated(place, device, version, manufacturer)
        served = air.statistics.blocks
        longest = {16: 16, 63: 50, 200: 200}[size]
        assert max(block.length for block in served) == longest
        assert air.statistics.bytes_served(V2) == place.images[manufacturer].v2.stat().st_size
        assert air.statistics.bytes_served_twice(V2) == 0
        frames = air.statistics.received_total.frames
        return f"{hub_name}, {size} bytes a block: {len(served)} blocks, {frames} frames from the device"


# rule: hub-after-reboot
@both_hubs
@scenario
async def test_a_hub_that_restarts_half_way(place, hub_name):
    async with place.device() as device:
        await device.power_on()
        image = place.images[MANUFACTURER].v2
        half = image.stat().st_size // 2
        async with place.air(device) as air:
            async with place.hub(hub_name, air) as hub, asyncio.timeout(EVENT_S):
                await hub.start_update(image)
                await air.reached(half)
            async with place.hub(hub_name, air, ADDRESS) as hub:
                await hub.start_update(image)
                version = await hub.updated()
        await is_updated(place, device, version)
        twice = air.statistics.bytes_served_twice(V2)
        assert twice <= ERASE_SIZE + PROOF_SIZE
        return f"{hub_name}: {twice} bytes served twice"


# rule: hub-abort, hub-again
@both_hubs
@scenario
async def test_abort_and_again(place, hub_name):
    async with place.device() as device:
        await device.power_on()
        image = place.images[MANUFACTURER].v2
        third = image.stat().st_size // 3
        async with place.air(device) as air:
            hub = place.hub(hub_name, air)
            async with hub:
                # Some milliseconds a block, or herdsman has served it all before it is told to stop.
                await hub.start_update(image, "--abort-at", third, "--delay", 2)
                await hub.aborted(air, third)
                async with asyncio.timeout(EVENT_S):
                    await told_to_abort(air)
                if hub_name == "zigpy":
                    await hub.start_update(image)
                    version = await hub.updated()
            if hub_name == "herdsman":
                async with place.hub(hub_name, air, ADDRESS) as hub:
                    await hub.start_update(image)
                    version = await hub.updated()
        await is_updated(place, device, version)
        assert air.statistics.bytes_served_twice(V2) <= ERASE_SIZE + PROOF_SIZE
        assert [event.name for event in device.events].count("accepted") == 1


async def told_to_abort(air):
    """Return once a block response without data has reached the device."""
    while air.statistics.sent["Image Block Response"].frames == len(air.statistics.blocks):
        await asyncio.sleep(0.02)


def retimed(current, upgrade):
    """Weather in which the hub's Upgrade End Responses carry these times, as of a server with a plan."""

    def weather(frame, to_device):
        if to_device and frame.name() == "Upgrade End Response":
            frame = frame._replace(payload=frame.payload[:11] + struct.pack("<II", current, upgrade))
        return [frame]

    return weather


# rule: end-hold, end-difference
@both_hubs
@scenario
async def test_a_scheduled_upgrade(place, hub_name):
    """Both hubs say "now"; on the air it becomes "wait until told", then "in two seconds", in UTC.

    The device's block requests have their optional fields, too.
    """
    options = ("--setting", "request_node_address=1", "--setting", "request_block_period=1")
    async with place.device(*options) as device:
        await device.power_on()
        async with place.air(device, retimed(0, HOLD)) as air, place.hub(hub_name, air) as hub:
            await hub.start_update(place.images[MANUFACTURER].v2)
            await device.wait_for("waiting", EVENT_S)
            assert not [event for event in device.events if event.name in ("countdown", "pending")]
            now = 0x2F000000
            ids = struct.pack("<HHI", MANUFACTURER, 0x0084, V2)
            response = b"\x19\x01\x07" + ids + struct.pack("<II", now, now + 2)
            air.inject(HanFrame(0, 0, ADDRESS, 1, 1, Ota.cluster_id, 0x0104, response))
            counting = await device.wait_for("countdown", EVENT_S)
            assert counting.fields["seconds"] == 2
            reset = await device.wait_for("reset", EVENT_S, why="activate")
            # The emulator stamps an event when it reads it: some milliseconds after the device's own clock.
            assert reset.fields["t_ms"] - counting.fields["t_ms"] > 1900
            version = await hub.updated()
        await is_updated(place, device, version)


# rule: hub-scheduled
@scenario
async def test_an_update_that_herdsman_scheduled_starts_with_the_devices_own_query(place):
    async with place.device() as device:
        await device.power_on()
        async with place.air(device) as air, HerdsmanHub(air.port, place.directory, place.node) as hub:
            await hub.start_update(place.images[MANUFACTURER].v2, "--scheduled")
            await hub.says("waiting")
            await device.power_cut()
            await device.power_on()
            version = await hub.updated()
        await is_updated(place, device, version)
        assert not air.statistics.sent["Image Notify"].frames


# Interviews


# rule: hub-interview
@scenario
async def test_zigpys_interview_is_answered_by_the_device_itself(place):
    async with place.device("--endpoint", "11") as device:
        await device.power_on()
        async with place.air(device) as air, ZigpyHub(air.port, place.directory, place.node) as hub:
            found = await hub.device()
        assert found.is_initialized and found.node_desc is not None
        assert (found.manufacturer, found.model, found.nwk) == ("hanota", "PPMID", ADDRESS)
        node = found.node_desc
        assert node.manufacturer_code == MANUFACTURER
        assert node.is_end_device and node.is_mains_powered and node.is_receiver_on_when_idle
        (endpoint,) = found.non_zdo_endpoints
        assert (endpoint.endpoint_id, endpoint.profile_id, endpoint.device_type) == (11, 0x0104, 0x0506)
        assert (list(endpoint.in_clusters), list(endpoint.out_clusters)) == ([0x0000], [0x0019])
        asked = air.statistics.sent
        for question in ("Node_Desc_req", "Active_EP_req", "Simple_Desc_req"):
            assert asked[f"ZDO {question}"].frames == 1, question
        answers = [HanFrame.from_contents(contents).name() for contents in air.from_device]
        assert {"ZDO Node_Desc_rsp", "ZDO Active_EP_rsp", "ZDO Simple_Desc_rsp"} <= set(answers)
        assert "Read Attributes Response" in answers


# rule: read-attributes, discovery
@scenario
async def test_zigpy_reads_every_attribute_and_discovers_every_command(place):
    async with place.device() as device:
        await device.power_on()
        async with place.air(device) as air, ZigpyHub(air.port, place.directory, place.node) as hub:
            found = await hub.device()
            basic, ota = found.endpoints[1].in_clusters[0], found.endpoints[1].out_clusters[0x0019]
            values, failures = await ota.read_attributes(list(range(0x000D)))
            assert len(values) == 0x000D and not failures
            assert values[0x0000] == hub.ieee
            assert values[0x0002] == V1 and values[0x0007] == MANUFACTURER and values[0x000A] not in (0, HOLD)
            values, failures = await basic.read_attributes([*range(8), 0x4000])
            assert len(values) == 9 and not failures and values[0x4000] == "0.1.0.0"
            (refusals,) = await ota.write_attributes({"minimum_block_req_delay": 9})
            assert [refusal.status for refusal in refusals] == [foundation.Status.READ_ONLY]
            told = await ota.configure_reporting("image_upgrade_status", 1, 60, 1)
            assert list(told.values()) == [foundation.Status.UNREPORTABLE_ATTRIBUTE], told
            assert len((await ota.discover_attributes(0, 0xFF))[1]) == 14
            assert len((await ota.discover_attributes_extended(0, 0xFF))[1]) == 14
            received = set((await ota.discover_commands_received(0, 0xFF))[1])
            assert {command.id for command in Ota.client_commands.values()} & {0, 2, 5, 7} <= received


@scenario
async def test_a_device_that_was_sent_off_the_han_is_silent_until_it_is_joined_again(place):
    async with place.device() as device:
        await device.power_on()
        async with place.air(device) as air:
            async with ZigpyHub(air.port, place.directory, place.node) as hub:
                found = await hub.device()
                (status,) = await found.zdo.Mgmt_Leave_req(found.ieee, 0x80)
                assert status == foundation.Status.SUCCESS
                await device.wait_for("leave", EVENT_S, rejoin=True)
                while count(air, "ZDO Device_annce") < 2:
                    await asyncio.sleep(0.02)
                cluster = found.endpoints[1].out_clusters[0x0019]
                assert (await cluster.read_attributes([2]))[0] == {2: V1}, "it is back"
                (status,) = await found.zdo.Mgmt_Leave_req(found.ieee, 0x00)
                assert status == foundation.Status.SUCCESS
                await device.wait_for("leave", EVENT_S, rejoin=False)
                said = len(air.from_device)
                with pytest.raises(TimeoutError):
                    await cluster.read_attributes([2], timeout=1.0, retries=0)
                assert len(air.from_device) == said
            async with ZigpyHub(air.port, place.directory, place.node) as hub:
                assert (await hub.device()).is_initialized, "the next peer joins it, and it announces itself"


def count(air, name):
    return sum(HanFrame.from_contents(contents).name() == name for contents in air.from_device)


# What tshark says


@pytest.fixture
def dissected(scenarios, sent, request, tmp_path):
    """Every frame of the tests of this module that were selected, as tshark reads it."""
    if not dissector.available():
        pytest.fail("no tshark: make toolchain, or leave this test out", pytrace=False)
    scenarios.wait()
    assert sent, "select at least one other test of this module: it is their frames that are dissected"
    return dissector.dissect([contents for frames in sent.values() for contents in frames], tmp_path)


@pytest.mark.tshark
def test_every_frame_that_the_device_sent_is_what_tshark_reads(dissected):
    names = {}
    for one in dissected:
        frame = one.frame
        assert not one.complaints, (frame, one.complaints)
        assert not dissector.uncovered(one), (frame, dissector.uncovered(one))
        expected = dissector.expected(frame)
        shown = {name: one.fields.get(name) for name in expected}
        assert shown == expected, frame
        if dissector.FIELD + "manufacturer_code" in expected:
            assert shown[dissector.FIELD + "manufacturer_code"][0] in (MANUFACTURER, LEGRAND), frame
            assert shown[dissector.FIELD + "image.type"] == [0x0084], frame
            assert shown[dissector.FIELD + "file.version"][0] in (V1, V2), frame
        names[frame.name()] = names.get(frame.name(), 0) + 1
    assert {"Query Next Image", "Upgrade End", "Read Attributes Response", "ZDO Device_annce"} <= set(names)
    print(f"tshark read {len(dissected)} frames: {names}")
