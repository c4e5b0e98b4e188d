"""An application on a device on real MicroPython gets the file that our hub has for this device alone."""

import asyncio
from binascii import crc32

from tests.end_to_end.device_and_hub import CONTACT_S, EVENT_S, VERSION_1, names, screen_shows
from tests.interop.air import Air, Losses, clear
from tests.portable.specific_file import CONFIGURATION, VERSION, file_of
from tests.sample_apps import WANTS_ITS_FILE
from tests.scenarios import scenario
from tools.demo.device import HOST
from tools.demo.images import V1
from tools.emulator.state_dir import StateDir
from tools.hub.han_frame import HanFrame
from tools.hub.session import HubSession
from tools.hub.specific_files import SpecificFiles

CONTENTS = bytes((i * 7 + i // 251) & 0xFF for i in range(3000))
SHOWN = f"File {VERSION}: {len(CONTENTS)}, {crc32(CONTENTS):08x}"
QUERY, QUERY_ANSWER = "Query Specific File", "Query Specific File Response"
SETTINGS = ("--setting", "specific_file_size=4096", "--setting", "specific_file_period=1")


async def device_of(place):
    return place.device(*SETTINGS, factory=await place.image(WANTS_ITS_FILE, V1))


def files_for(place):
    """What the hub has: a file for the device, which has its EUI64 by now, and one for its neighbour."""
    eui64 = bytes.fromhex(StateDir(place.state).identity()["eui64"])
    neighbour = bytes([eui64[0] ^ 1]) + eui64[1:]
    paths = []
    for name, destination, contents in (("ours", eui64, CONTENTS), ("theirs", neighbour, b"not for us")):
        paths.append(place.directory / f"{name}.ota")
        paths[-1].write_bytes(file_of(contents, destination))
    return SpecificFiles(tuple(paths))


def hub_on(air, files):
    return HubSession(HOST, air.port, specific_files=files)


@scenario
async def test_an_application_gets_its_file_though_frames_get_lost(place):
    losses = Losses({QUERY: (1,), "Image Block": (3,), "Image Block Response": (8, 9)}, doubled=7)
    async with await device_of(place) as device:
        await device.power_on()
        files = files_for(place)
        async with Air(device.port, losses) as air, hub_on(air, files) as session:
            await session.wait_for_device(CONTACT_S)
            await screen_shows(device, SHOWN)
            async with asyncio.timeout(EVENT_S):
                while files.told != {CONFIGURATION: 0}:
                    await asyncio.sleep(0.1)
        assert losses.told["lost"] == 4 and losses.told["doubled"] > 5
        asked = [HanFrame.from_contents(contents).name() for contents in air.from_device]
        # One was lost. A query for firmware, at its random time, may have ended the fetching once.
        assert asked.count(QUERY) >= 2 and "Upgrade End" in asked
        assert QUERY not in asked[asked.index("Upgrade End") :], "once it has its file it asks no more"
        assert not {"offer", "accepted"} & set(names(device.events)), "it is no firmware"
        assert device.slots()["slots"]["A"]["file_version"] == VERSION_1
        assert device.slots()["slots"]["B"]["state"] == "ready"


@scenario
async def test_an_application_gets_its_file_after_a_power_cut_in_the_middle(place):
    async with await device_of(place) as device:
        await device.power_on()
        files = files_for(place)
        async with Air(device.port, clear) as air, hub_on(air, files) as session:
            await session.wait_for_device(CONTACT_S)
            async with asyncio.timeout(EVENT_S):
                await air.reached(len(CONTENTS) // 2)
            await device.power_cut()
            assert SHOWN not in device.screen() and not files.told
            await device.power_on()
            await screen_shows(device, SHOWN)
            # It was in RAM: all of it comes again.
            offsets = [served.offset for served in air.statistics.blocks]
            assert offsets.count(0) >= 2 and air.statistics.sent[QUERY_ANSWER].frames >= 2
