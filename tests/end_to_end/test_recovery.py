"""On real MicroPython, with a real hub: a device neither of whose slots may run gets firmware again; and what
an application keeps.

The functions are also the stories of the boards' tests.
"""

from zigpy.zcl.foundation import Status

from boards.common import flash_map
from tests import sample_apps
from tests.end_to_end.device_and_hub import (
    EVENT_S,
    VERSION_1,
    VERSION_2,
    hub_of,
    names,
    runs_version_2,
    screen_shows,
    update_to_the_end,
    version_becomes,
)
from tests.scenarios import scenario
from tools.demo.images import V2
from tools.emulator.state_dir import StateDir


def rot(state, unit):
    """Flip a bit in the middle of an erase unit, past the head of what it holds."""
    at = unit * flash_map.ERASE_SIZE + flash_map.ERASE_SIZE // 2
    with StateDir(state).map(0, flash_map.FLASH_SIZE) as flash:
        flash[at] ^= 0x10


async def recovers(place):
    device = place.device()
    async with device:
        await device.power_on()
        await device.wait_for("boot", EVENT_S)
        await device.power_cut()
        rot(place.state, flash_map.JOURNAL_UNITS)
        since = len(device.events)
        await device.power_on()
        failed = await device.wait_for("failed", EVENT_S, since)
        assert failed.fields["reasons"] == ["digest-mismatch", None]
        await screen_shows(device, "No firmware")
        async with hub_of(device) as hub:
            assert await hub.read_file_version() == 0
            assert await update_to_the_end(hub, place.images.upgrade_file(2)) == Status.SUCCESS
            await device.wait_for("confirmed", EVENT_S, since)
            await version_becomes(hub, V2)
        assert "boot" not in names(device.events[since:])[: names(device.events[since:]).index("pending")]
    runs_version_2(device)


async def keeps_settings(place):
    """Over a power cut, an update that is reverted, and one that stays."""
    factory = await place.image(sample_apps.COUNTS_STARTS, 0x00010000)
    bad = await place.image(sample_apps.FAILS_SELF_TEST, 0x00018000)
    good = await place.image(sample_apps.COUNTS_STARTS, V2)
    device = place.device(factory=factory)
    async with device:
        for start in (1, 2):
            await device.power_on()
            await screen_shows(device, f"Start {start} of {VERSION_1}")
            if start == 1:
                await device.power_cut()
        async with hub_of(device) as hub:
            await update_to_the_end(hub, bad)
            await device.wait_for("reverted", EVENT_S)
            await screen_shows(device, f"Start 3 of {VERSION_1}")
            await update_to_the_end(hub, good)
            await device.wait_for("confirmed", EVENT_S)
            await screen_shows(device, f"Start 4 of {VERSION_2}")


@scenario
async def test_a_device_without_firmware_takes_it_from_the_hub(place):
    await recovers(place)


@scenario
async def test_settings_survive_a_cut_a_revert_and_an_update(place):
    await keeps_settings(place)
