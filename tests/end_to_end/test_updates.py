"""A device on real MicroPython takes an update from an unmodified zigpy hub."""

import hashlib

import pytest
from zigpy.zcl.foundation import Status

from tests.end_to_end.device_and_hub import (
    EVENT_S,
    VERSION_2,
    hanota,
    hub_of,
    names,
    runs_version_2,
    update_to_the_end,
    version_becomes,
)
from tests.scenarios import scenario
from tools.demo.device import HOST
from tools.demo.images import V2


@pytest.mark.parametrize(("size", "profile", "first"), [(63, "0x0104", 50), (40, "0x0109", 40)])
@scenario
async def test_serve_updates_a_device_that_asks_for(place, size, profile, first):
    async with place.device("--max-data-size", str(size), "--profile", profile) as device:
        await device.power_on()
        code, output, errors = await hanota(
            "serve",
            place.images.upgrade_file(2),
            "--connect",
            f"{HOST}:{device.port}",
            "--profile",
            profile,
        )
        assert code == 0, output + errors
        assert f"reports file version {VERSION_2}" in output
        first_block = await device.wait_for("block", EVENT_S)
        assert first_block.fields["offset"] == first
        told = names(device.events)
        for name in ("offer", "accepted", "verified", "pending", "reset", "trial", "confirmed"):
            assert told.count(name) == 1, name
        assert told.count("resume") == 0
        stored = runs_version_2(device)
        payload = place.images.payload(2).read_bytes()
        assert (stored["size"], stored["sha256"]) == (len(payload), hashlib.sha256(payload).hexdigest())


@scenario
async def test_an_update_by_image_pages(place):
    """zigpy sends a page's blocks under sequence numbers of its own."""
    path = place.images.upgrade_file(2)
    settings = ("--setting", "page_size=1024", "--setting", "response_spacing=1")
    async with place.device(*settings) as device:
        await device.power_on()
        async with hub_of(device) as session:
            await update_to_the_end(session, path)
            await version_becomes(session, V2)
            received = session.statistics.received
            size = path.stat().st_size
            assert received["Image Page"].frames >= size // 1024
            assert received["Image Block"].frames <= 10, "for ends of erase units"
            assert session.statistics.bytes_served_twice(V2) == 0
        runs_version_2(device)


@scenario
async def test_the_same_files_take_an_update_on_cpython(place):
    async with place.device("--interpreter", "python") as device:
        await device.power_on()
        async with hub_of(device) as session:
            assert await update_to_the_end(session, place.images.upgrade_file(2)) == Status.SUCCESS
            await device.wait_for("confirmed", EVENT_S)
            await version_becomes(session, V2)
        runs_version_2(device)
