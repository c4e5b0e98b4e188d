"""Power cuts of a device on real MicroPython, in an update from an unmodified zigpy hub.

``python -m tests.end_to_end.test_cuts SEED...`` does the twenty kills by hand.
"""

import asyncio
import random
import sys
import tempfile
from pathlib import Path

from zigpy.zcl.foundation import Status

from boards.common.flash_map import ERASE_SIZE
from firmware_agent.store.image_writer import PROOF_SIZE
from tests import sample_apps
from tests.end_to_end.device_and_hub import (
    EVENT_S,
    Place,
    before_the_end,
    hub_of,
    names,
    runs_version_2,
    update_to_the_end,
    version_becomes,
)
from tests.scenarios import scenario
from tools.demo import images as demo_images
from tools.demo.images import V1, V2
from tools.together import beside

ALL_CUTS = 20
# Cuts after the download: at an event, and a random while (seconds, at most) after it.
LATE_CUTS = [("verified", 0.03), ("boot", 0.3), ("trial", 1.5), ("listening", 0.5)]
SEED = 20261122


@scenario
async def test_a_device_killed_twenty_times_in_one_update_ends_in_version_2(place):
    return await kill_twenty_times(place, SEED)


async def kill_twenty_times(place, seed):
    """Also for running by hand with other seeds. Returns what was cut, and what each cut cost."""
    rng = random.Random(seed)
    image = place.images.upgrade_file(2)
    size = image.stat().st_size
    offsets = sorted(rng.randrange(1, size) for _ in range(ALL_CUTS - len(LATE_CUTS)))
    late = [(name, rng.uniform(0, most)) for name, most in LATE_CUTS]
    costs = []
    report = f"seed {seed}: cuts at offsets {offsets}, then {late}"
    async with place.device() as device:
        await device.power_on()
        async with hub_of(device) as session:
            reached = asyncio.Event()
            wanted = list(offsets)

            def progress(offset, size):
                if wanted and offset >= wanted[0] and not reached.is_set():
                    wanted.pop(0)
                    device.kill()
                    reached.set()

            async with beside(update_to_the_end(session, image, progress)) as update:
                since = 0
                for moment in [*offsets, *late]:
                    if isinstance(moment, int):
                        await before_the_end(update, reached.wait(), report)
                    else:
                        await device.wait_for(moment[0], EVENT_S, since)
                        await asyncio.sleep(moment[1])
                    await device.power_cut()
                    twice = session.statistics.bytes_served_twice(V2)
                    costs.append(twice - sum(costs))
                    since = len(device.events)
                    reached.clear()
                    await device.power_on()
                status = await update
            assert status == Status.SUCCESS, report
            await device.wait_for("confirmed", EVENT_S)
            await version_becomes(session, V2)
            costs.append(session.statistics.bytes_served_twice(V2) - sum(costs))
    runs_version_2(device)
    report += f"; bytes served twice after each: {costs[1:]}"
    assert costs[0] == 0, report
    assert max(costs) <= ERASE_SIZE + PROOF_SIZE, report
    assert sum(event.name == "power" and not event.fields["on"] for event in device.events) == ALL_CUTS + 1
    assert not {"rejected", "reverted"} & set(names(device.events)), report
    return report


class Cut:
    """Kills ``device`` the moment something happens, once; ``seen`` are the events before that."""

    def __init__(self):
        self.device = None
        self.done = asyncio.Event()

    def now(self):
        if not self.done.is_set():
            self.device.kill()
            self.done.set()


async def restarted(place, cut, event_name=None, progress=None, factory=None):
    """An update with one kill in it, by ``cut`` or at an event; the device's events (before, after) it."""

    def on_event(event):
        if event.name == event_name:
            cut.now()

    async with place.device(on_event=on_event, factory=factory) as device:
        cut.device = device
        await device.power_on()
        image = place.images.upgrade_file(2)
        async with hub_of(device) as session, beside(update_to_the_end(session, image, progress)) as update:
            await before_the_end(update, cut.done.wait(), "the cut")
            await device.power_cut()
            restart = len(device.events)
            await device.power_on()
            await device.wait_for("boot", EVENT_S, restart)
            assert await update == Status.SUCCESS
            await device.wait_for("confirmed", EVENT_S)
            await version_becomes(session, V2)
            runs_version_2(device)
            assert session.statistics.bytes_served_twice(V2) <= ERASE_SIZE + PROOF_SIZE
        return device.events[:restart], device.events[restart:]


@scenario
async def test_a_restart_before_the_image_is_accepted(place):
    cut = Cut()
    # The hub serves the next block only after this returns: the manifest never came.
    before, after = await restarted(place, cut, progress=lambda offset, size: cut.now())
    assert "offer" in names(before) and "accepted" not in names(before)
    assert "accepted" in names(after)


@scenario
async def test_a_restart_while_verifying(place):
    cut = Cut()
    factory = await place.image(sample_apps.LINGERS_BEFORE_VERIFYING, V1)
    async with beside(_cut_when_shown(cut, "all bytes are there")):
        before, after = await restarted(place, cut, factory=factory)
    assert "accepted" in names(before) and "verified" not in names(before)
    size = place.images.upgrade_file(2).stat().st_size
    assert any(event.matches("resume", {"offset": size, "size": size}) for event in after)


async def _cut_when_shown(cut, text):
    while cut.device is None or not cut.device.events or text not in _screen_of(cut.device):
        await asyncio.sleep(0.02)
    cut.now()


def _screen_of(device):
    # The display is there from the first power-on on.
    return device.screen() if "boot" in names(device.events) else ""


@scenario
async def test_a_restart_after_pending(place):
    before, after = await restarted(place, Cut(), "pending")
    assert not any(event.matches("boot", {"slot": "B"}) for event in before)
    assert any(event.matches("trial", {"attempt": 1}) for event in after)


@scenario
async def test_a_restart_during_the_trial(place):
    before, after = await restarted(place, Cut(), "trial")
    assert any(event.matches("trial", {"attempt": 1}) for event in before)
    assert "confirmed" not in names(before)
    assert any(event.matches("boot", {"slot": "B", "cause": "power-on", "state": "trial"}) for event in after)
    assert any(event.matches("trial", {"attempt": 2}) for event in after)


@scenario
async def test_a_restart_after_confirmed(place):
    before, after = await restarted(place, Cut(), "confirmed")
    assert "confirmed" in names(before) and "trial" not in names(after)
    assert any(event.matches("boot", {"slot": "B", "state": "updated"}) for event in after)


async def by_hand(seeds):
    """The twenty kills, once a seed, one after the other."""
    with tempfile.TemporaryDirectory() as directory:
        made = demo_images.make(Path(directory) / "images")
        for seed in seeds:
            place = Place(made, Path(directory) / str(seed))
            place.directory.mkdir()
            print(await kill_twenty_times(place, seed), flush=True)
            place.close()


if __name__ == "__main__":
    asyncio.run(by_hand([int(seed) for seed in sys.argv[1:]]))
