"""A device whose supplier has the last word: the hub cannot activate, a command of the supplier's does."""

import json

from tests import sample_apps
from tests.activation_commands import command, hash_of
from tests.end_to_end.device_and_hub import (
    EVENT_S,
    VERSION_2,
    hub_of,
    names,
    succeeds,
    update_to_the_end,
)
from tests.scenarios import scenario
from tools import keys
from tools.demo.images import V1, V2
from tools.together import beside
from tools.upgrade_file import describe


async def provisioned(place, factory):
    """Make the device, with a supplier's key for activation; the supplier, and the device's address."""
    private, public = keys.generate(place.directory / "supplier")
    await succeeds(
        *("provision", "--state", place.state, "--factory", factory),
        *("--manufacturer-key", place.images.public_key, "--supplier-key", public),
    )
    identity = json.loads((place.state / "device.json").read_text())
    return keys.load_private(private), bytes.fromhex(identity["eui64"])


def image_of(path):
    """The Manufacturer Image in an upgrade file of the elements layout."""
    data = path.read_bytes()
    (element,) = describe(data).elements
    return data[element.offset : element.offset + element.length]


@scenario
async def test_only_the_supplier_s_command_activates(place):
    inbox = place.directory / "command"
    first = await place.image(sample_apps.activated_by(inbox), V1)
    second = await place.image(sample_apps.GOOD, V2)
    supplier, eui64 = await provisioned(place, first)
    manufacturer = keys.load_private(place.images.private_key)
    image_hash = hash_of(image_of(second))

    def bring(data):
        inbox.with_suffix(".new").write_bytes(data)
        inbox.with_suffix(".new").rename(inbox)

    async with place.device() as device:
        await device.power_on()
        async with hub_of(device) as session, beside(update_to_the_end(session, second)):
            # zigpy says: now. The device says: not yours to say, and waits.
            await device.wait_for("waiting", EVENT_S)
            bring(command(manufacturer, image_hash, eui64))
            refused = await device.wait_for("unauthorised", EVENT_S)
            assert (refused.fields["reason"], refused.fields["number"]) == ("not-authorised", 30)
            bring(command(supplier, image_hash, bytes(8)))
            await device.wait_for("unauthorised", EVENT_S, reason="wrong-device")
            bring(command(supplier, hash_of(image_of(first)), eui64))
            await device.wait_for("activation", EVENT_S, outcome=2)
            assert not {"pending", "reset", "trial"} & set(names(device.events))
            # The power goes: the image is still held, and still nobody else's to activate.
            await device.power_cut()
        await device.power_on()
        since = len(device.events)
        async with hub_of(device):
            await device.wait_for("waiting", EVENT_S, since)
            bring(command(supplier, image_hash, eui64))
            await device.wait_for("activation", EVENT_S, since, outcome=0)
            await device.wait_for("confirmed", EVENT_S, since, file_version=VERSION_2)
        assert names(device.events).count("pending") == 1
