"""The host board's own firmware: MicroPython of ours with the boot files frozen, as a device has them."""

import pytest
from zigpy.zcl.foundation import Status

from boards.common import verifier
from tests import sample_apps, scenarios
from tests.boards import check_firmware
from tests.end_to_end import device_and_hub
from tests.end_to_end.device_and_hub import EVENT_S, hub_of, runs_version_2, update_to_the_end
from tests.scenarios import scenario
from tools import romfs
from tools.demo import images as demo_images
from tools.demo.images import V2
from tools.emulator.machine import OWN_FIRMWARE
from tools.emulator.state_dir import HOST, StateDir


class Place(device_and_hub.Place):
    """Its devices run that firmware."""

    def device(self, *options, factory=None, on_event=None):
        own = ("--interpreter", OWN_FIRMWARE)
        return super().device(*own, *options, factory=factory, on_event=on_event)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    check_firmware(HOST)
    return demo_images.make(tmp_path_factory.mktemp("images"))


@pytest.fixture(scope="module", name="scenarios")
def running_scenarios(request, images, tmp_path_factory):
    with scenarios.running(request, lambda name: Place(images, tmp_path_factory.mktemp("place"))) as running:
        yield running


@scenario
async def test_it_needs_nothing_of_the_boot_rom(place):
    good = await place.image(sample_apps.GOOD, V2)
    async with place.device() as device:
        await device.power_on()
        await device.wait_for("boot", EVENT_S)
        await device.power_cut()
        StateDir(place.state).rom.write_bytes(romfs.write({}))
        await device.power_on()
        async with hub_of(device) as session:
            assert await update_to_the_end(session, good) == Status.SUCCESS
            await device.wait_for("confirmed", EVENT_S)
        runs_version_2(device)


@scenario
async def test_the_verifier_s_modules_are_in_the_boot_rom(place):
    async with place.device("--verifier", verifier.NATIVE_PINNED) as device:
        await device.power_on()
        boot = await device.wait_for("boot", EVENT_S)
        assert boot.fields["verifier"] == verifier.NATIVE_PINNED
