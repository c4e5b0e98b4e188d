"""Trust anchors of a device on real MicroPython: provisioned, rotated over the air, the old key gone."""

import json

from tests import sample_apps
from tests.end_to_end.device_and_hub import EVENT_S, hanota, hub_of, succeeds, update_to_the_end
from tests.scenarios import scenario
from tools import keys, romfs
from tools.demo.device import HOST, Device
from tools.together import beside


class Factory:
    """Its keys, by name, and what it makes with them."""

    def __init__(self, place):
        self._place = place
        self.public = {name: keys.generate(place.directory / name)[1] for name in ("old", "spare", "new")}
        package = place.directory / "application"
        package.mkdir()
        (package / "app.py").write_text(sample_apps.GOOD)
        self._payload = place.directory / "app.romfs"
        self._payload.write_bytes(romfs.build(package))

    def anchor(self, name, usage):
        """As `hanota slots` shows it."""
        return keys.key_id(keys.load_public(self.public[name])).hex(), usage

    async def signed(self, version, key, *options):
        """An upgrade file of this version, signed by hanota sign."""
        path = self._place.directory / f"v{version}.ota"
        await succeeds(
            *("sign", self._payload, "-o", path, "--layout", "elements", *options),
            *("--key", self._place.directory / key / "private.pem", "--file-version", version),
            *("--device", "ppmid", "--manufacturer-code", "0x1234"),
        )
        return path


async def trusted(place):
    shown = json.loads(await succeeds("slots", "--state", place.state, "--json"))
    return {(one["key_id"], one["usage"]) for one in shown["trust_anchors"]}


async def update(device, session, path, version):
    since = len(device.events)
    await update_to_the_end(session, path)
    await device.wait_for("confirmed", EVENT_S, since, file_version=f"0x{version:08x}")


@scenario
async def test_a_rotation_over_the_air(place):
    factory = Factory(place)
    await succeeds(
        *("provision", "--state", place.state, "--factory", await factory.signed(1, "old")),
        *("--manufacturer-key", factory.public["old"], "--anchor", f"anchors={factory.public['spare']}"),
    )
    manufacturer = factory.anchor("old", "firmware, anchors")
    spare = factory.anchor("spare", "anchors")
    following = factory.anchor("new", "firmware, anchors")
    adds = await factory.signed(2, "old", "--add-anchor", f"firmware,anchors={factory.public['new']}")
    revokes = await factory.signed(3, "new", "--revoke-anchor", factory.public["old"])
    late = await factory.signed(4, "old")
    assert await trusted(place) == {manufacturer, spare}
    async with Device(place.state, factory.public["old"]) as device:
        await device.power_on()
        async with hub_of(device) as session:
            await update(device, session, adds, 2)
            assert await trusted(place) == {manufacturer, spare, following}
            await update(device, session, revokes, 3)
            assert await trusted(place) == {spare, following}
            async with beside(update_to_the_end(session, late)):
                refused = await device.wait_for("rejected", EVENT_S)
            assert refused.fields["reason"] == "unknown-key"
            assert refused.fields["file_version"] == "0x00000004"
    assert await trusted(place) == {spare, following}
    # The key that is gone is no key of this device's any more, for its owner either.
    start = ("emulate", "--state", place.state, "--listen", f"{HOST}:0")
    code, _, errors = await hanota(*start, "--trust", factory.public["old"])
    assert code == 2 and "trust anchor" in errors
