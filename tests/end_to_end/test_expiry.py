"""An image that expires, before boards that know the time and boards that do not, on both interpreters."""

import asyncio

import pytest
from zigpy.zcl.foundation import Status

from tests import sample_apps
from tests.end_to_end.device_and_hub import EVENT_S, VERSION_2, hub_of, update_to_the_end
from tests.scenarios import scenario
from tools import envelope, keys, romfs, upgrade_file, zigbee_time
from tools.demo import images as demo_images
from tools.demo.images import V2, V3

EXPIRES = "2030-01-01"
BEFORE, AFTER = "2029-12-31T23:00Z", "2030-01-01T00:00Z"


def expiring(place, version):
    """An upgrade file of this version, to be installed before EXPIRES."""
    package = place.directory / "application"
    package.mkdir(exist_ok=True)
    (package / "app.py").write_text(sample_apps.GOOD)
    key = keys.load_private(place.images.private_key)
    conditions = envelope.Conditions(expiry=zigbee_time.parse(EXPIRES))
    identity = demo_images.identity(version)
    image = envelope.build(romfs.build(package), identity, version, key, conditions)
    path = place.directory / f"v{version}.ota"
    path.write_bytes(upgrade_file.build(image, identity, b"", True))
    return path


async def offered(place, path, taken, *options):
    """A life of the device, offered ``path``: the fields of the event that says what became of it."""
    async with place.device(*options) as device:
        await device.power_on()
        async with hub_of(device) as session:
            status = await update_to_the_end(session, path)
            assert (status == Status.SUCCESS) is taken
            if taken:
                await device.wait_for("confirmed", EVENT_S)
            return (await device.wait_for("accepted" if taken else "rejected", EVENT_S)).fields


async def judged_by_the_board_s_clock(place, *options):
    path = await asyncio.to_thread(expiring, place, V2)
    refused = await offered(place, path, False, "--utc", AFTER, *options)
    assert (refused["reason"], refused["number"], refused["file_version"]) == ("expired", 28, VERSION_2)
    accepted = await offered(place, path, True, "--utc", BEFORE, *options)
    assert "unchecked" not in accepted
    # A confirmed firmware does not expire; and without the time the rule is left out, and said to be.
    path = await asyncio.to_thread(expiring, place, V3)
    accepted = await offered(place, path, True, *options)
    assert accepted["unchecked"] == ["expiry"]


@pytest.mark.parametrize("interpreter", ["micropython", "python"])
@scenario
async def test_expiry_is_judged_by_the_board_s_clock(place, interpreter):
    await judged_by_the_board_s_clock(place, "--interpreter", interpreter)
