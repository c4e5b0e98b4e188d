"""What checks signatures on a device is its factory's choice: each of them refuses and takes the same images.

On the host board; tests/boards/test_qemu_mps2.py does it on the other one, by the same functions.
"""

import pytest
from zigpy.zcl.foundation import Status

from boards.common import verifier
from tests import sample_apps
from tests.end_to_end.device_and_hub import EVENT_S, VERSION_2, hanota, hub_of, update_to_the_end
from tests.scenarios import scenario
from tools import boot_files, files, keys, native_modules, pinned_table, verifier_modules
from tools.demo.images import V2
from tools.emulator.state_dir import StateDir
from tools.together import beside

FAST = [choice for choice in verifier.CHOICES if choice != verifier.PYTHON]


async def refuses_and_takes(device, good, bad, used):
    """A bad signature is refused, the good one runs; at every boot the verifier is ``used``."""
    await device.power_on()
    async with hub_of(device) as session:
        assert await update_to_the_end(session, bad) != Status.SUCCESS
        await device.wait_for("rejected", EVENT_S, reason="bad-signature")
        async with beside(update_to_the_end(session, good)):
            await device.wait_for("confirmed", EVENT_S, file_version=VERSION_2)
    boots = [event.fields for event in device.events if event.name == "boot"]
    assert [(boot["slot"], boot["verifier"]) for boot in boots] == [("A", used), ("B", used)]


async def images_of(place):
    """The paths of a good upgrade file, and of the same with one bit of its signature flipped."""
    good = await place.image(sample_apps.GOOD, V2)
    data = bytearray(good.read_bytes())
    start = data.index(b"\xa0\xf6\x58\x40") + 4  # the signature, by the bytes before it
    data[start + 40] ^= 1
    bad = place.directory / "bad.ota"
    bad.write_bytes(data)
    return good, bad


async def with_each_choice(place, choice):
    good, bad = await images_of(place)
    async with place.device("--verifier", choice) as device:
        await refuses_and_takes(device, good, bad, choice)
        assert "verifier" not in [event.name for event in device.events]
    code, _, errors = await hanota(
        *("emulate", "--state", place.state, "--pty", "--board", StateDir(place.state).board),
        *("--verifier", verifier.PYTHON),
    )
    assert code == 2 and f"made with --verifier {choice}" in errors


@pytest.mark.parametrize("choice", FAST)
@scenario
async def test_a_device_verifies_with(place, choice):
    await with_each_choice(place, choice)


@scenario
async def test_on_cpython_there_is_only_python_and_it_is_told(place):
    async with place.device("--verifier", verifier.NATIVE, "--interpreter", "python") as device:
        await device.power_on()
        boot = await device.wait_for("boot", EVENT_S)
        told = await device.wait_for("verifier", EVENT_S)
    assert boot.fields["verifier"] == told.fields["uses"] == verifier.PYTHON
    assert told.fields["choice"] == verifier.NATIVE


@scenario
async def test_what_does_not_load_is_told_and_python_does_the_work(place):
    """Native code of another processor, and a table with another key's points."""
    good, bad = await images_of(place)
    async with place.device("--verifier", verifier.NATIVE_PINNED) as device:
        await device.power_on()
        boot = await device.wait_for("boot", EVENT_S)
        assert boot.fields["verifier"] == verifier.NATIVE_PINNED
        await device.power_cut()
        key = keys.load_public(place.images.public_key)
        modules = verifier_modules.modules(verifier.NATIVE_PINNED, "host", key)
        modules[native_modules.MODULE] = native_modules.module("armv7m").read_bytes()
        table = modules["pinned_key.mpy"]
        at = table.index(pinned_table.make(key)[65:97])
        modules["pinned_key.mpy"] = table[:at] + bytes([table[at] ^ 1]) + table[at + 1 :]
        files.write(StateDir(place.state).rom, boot_files.build_rom(modules))
        device.events.clear()
        await refuses_and_takes(device, good, bad, verifier.PYTHON)
        told = [event.fields for event in device.events if event.name == "verifier"]
    assert len(told) == 2  # at both boots
    assert (told[0]["choice"], told[0]["uses"]) == (verifier.NATIVE_PINNED, verifier.PYTHON)
    assert "p256_native: incompatible .mpy" in told[0]["why"]
    assert "pinned_key: pinned table: not made for its key" in told[0]["why"]
