"""A payload for boot files of another interface, before whole devices, on both interpreters."""

import asyncio

import pytest
from zigpy.zcl.foundation import Status

from boards.common import flash_map
from firmware_agent import INTERFACE
from tests.end_to_end.device_and_hub import EVENT_S, VERSION_2, hub_of, update_to_the_end
from tests.scenarios import scenario
from tools import envelope, files, keys, upgrade_file
from tools.demo import images as demo_images
from tools.demo.images import V2, V3

_SLOTS = slice(
    flash_map.JOURNAL_UNITS * flash_map.ERASE_SIZE,
    (flash_map.JOURNAL_UNITS + 2 * flash_map.SLOT_UNITS) * flash_map.ERASE_SIZE,
)


def needing(place, interface, version):
    """The demo's second release as an upgrade file that says it needs this interface."""
    key = keys.load_private(place.images.private_key)
    payload = files.read(place.images.payload(2))
    identity, conditions = demo_images.identity(version), envelope.Conditions(interface=interface)
    image = envelope.build(payload, identity, version, key, conditions)
    path = place.directory / f"interface-{interface}.ota"
    path.write_bytes(upgrade_file.build(image, identity, b"", True))
    return path


async def refused_for_its_interface(place, *options):
    other = await asyncio.to_thread(needing, place, INTERFACE + 1, V2)
    async with place.device(*options) as device:
        await device.power_on()
        before = device.flash()[_SLOTS]
        async with hub_of(device) as session:
            assert await update_to_the_end(session, other) != Status.SUCCESS
            refused = (await device.wait_for("rejected", EVENT_S)).fields
        assert (refused["reason"], refused["number"], refused["file_version"]) == (
            *("wrong-interface", 31),
            VERSION_2,
        )
        assert f"interface {INTERFACE + 1}, these boot files offer" in refused["text"]
        assert device.flash()[_SLOTS] == before, "no slot was touched"
        # The same payload, saying what is true; as another version, since a refused image stays refused.
        right = await asyncio.to_thread(needing, place, INTERFACE, V3)
        async with hub_of(device) as session:
            assert await update_to_the_end(session, right) == Status.SUCCESS
            await device.wait_for("confirmed", EVENT_S)


@pytest.mark.parametrize("interpreter", ["micropython", "python"])
@scenario
async def test_a_payload_for_other_boot_files_is_refused_before_the_first_erase(place, interpreter):
    await refused_for_its_interface(place, "--interpreter", interpreter)
