"""Trust anchors of a device on real MicroPython: provisioned, rotated over the air, the old key gone."""

import asyncio
import json

from tests import sample_apps
from tests.test_cli_sign import run
from tests.test_end_to_end import hub_of, task_of, update_to_the_end
from tools import keys, romfs
from tools.demo.device import Device

EVENT_S = 60.0


def signed(place, version, key, *options):
    """An upgrade file of this version, signed by hanota sign."""
    path = place / f"v{version}.ota"
    run(
        *(
            "sign",
            place / "app.romfs",
            "-o",
            path,
            "--key",
            place / key / "private.pem",
            "--layout",
            "elements",
        ),
        *("--device", "ppmid", "--manufacturer-code", "0x1234", "--file-version", version, *options),
    )
    return path


def trusted(place):
    shown = json.loads(run("slots", "--state", place / "device", "--json"))
    return {(one["key_id"], one["usage"]) for one in shown["trust_anchors"]}


async def update(device, session, path, version):
    since = len(device.events)
    await update_to_the_end(session, path)
    await device.wait_for("confirmed", EVENT_S, since, file_version=f"0x{version:08x}")


async def rotate(place):
    manufacturer, spare, following = (
        (keys.key_id(keys.load_public(place / name / "public.pem")).hex(), usage)
        for name, usage in (
            ("old", "firmware, anchors"),
            ("spare", "anchors"),
            ("new", "firmware, anchors"),
        )
    )
    adds = signed(place, 2, "old", "--add-anchor", f"firmware,anchors={place / 'new/public.pem'}")
    revokes = signed(place, 3, "new", "--revoke-anchor", place / "old/public.pem")
    late = signed(place, 4, "old")
    assert trusted(place) == {manufacturer, spare}
    async with Device(place / "device", place / "old/public.pem") as device:
        await device.power_on()
        async with hub_of(device) as session:
            await update(device, session, adds, 2)
            assert trusted(place) == {manufacturer, spare, following}
            await update(device, session, revokes, 3)
            assert trusted(place) == {spare, following}
            async with task_of(update_to_the_end(session, late)):
                refused = await device.wait_for("rejected", EVENT_S)
            assert refused.fields["reason"] == "unknown-key"
            assert refused.fields["file_version"] == "0x00000004"
    assert trusted(place) == {spare, following}


def test_a_rotation_over_the_air(tmp_path):
    for name in ("old", "new", "spare"):
        run("keygen", "--out", tmp_path / name)
    package = tmp_path / "application"
    package.mkdir()
    (package / "app.py").write_text(sample_apps.GOOD)
    (tmp_path / "app.romfs").write_bytes(romfs.build(package))
    run(
        *("provision", "--state", tmp_path / "device", "--factory", signed(tmp_path, 1, "old")),
        *("--manufacturer-key", tmp_path / "old/public.pem"),
        *("--anchor", f"anchors={tmp_path / 'spare/public.pem'}"),
    )
    asyncio.run(rotate(tmp_path))
    # The key that is gone is no key of this device's any more, for its owner either.
    start = ("emulate", "--state", tmp_path / "device", "--listen", "127.0.0.1:0")
    assert "trust anchor" in run(*start, "--trust", tmp_path / "old/public.pem", code=2)
