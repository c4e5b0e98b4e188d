"""Real power cuts (SIGKILL) on real MicroPython: 200 on our own hub, and ten updates on zigpy.

The instants are drawn, so the counts differ from run to run; what must hold is judged by the simulator's
oracle, which reads the flash itself, and by what the hub served. `make powercut-real` does 10,000.
"""

import asyncio
import random
import re
import subprocess
import sys

import pytest

from boards.common.flash_map import ERASE_SIZE
from firmware_agent.store.image_writer import PROOF_SIZE
from tests.end_to_end.device_and_hub import (
    EVENT_S,
    Place,
    before_the_end,
    hub_of,
    names,
    update_to_the_end,
    version_becomes,
)
from tests.scenarios import running, scenario
from tools import keys
from tools.demo import images as demo_images
from tools.together import beside

CUTS = 200
DEVICES = 2
UPDATES = 5  # of each device
SEED = 20261123
DEADLINE_S = 400


def test_200_cuts_on_our_own_hub(tell):
    command = [sys.executable, "-m", "tools", "powercut", "--cuts", str(CUTS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    tell(done.stdout.strip())
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.search(r"(\d+) cuts, (\d+) updates, (\d+) failures, at most (\d+) bytes", done.stdout)
    assert found, done.stdout
    cuts, updates, failures, twice = map(int, found.groups())
    assert cuts >= CUTS and updates >= CUTS // 20
    assert failures == 0 and twice <= ERASE_SIZE


@pytest.fixture(scope="module", name="scenarios")
def running_scenarios(request, tmp_path_factory):
    images = demo_images.make(tmp_path_factory.mktemp("images"))
    with running(request, lambda name: Place(images, tmp_path_factory.mktemp("place"))) as started:
        yield started


@pytest.mark.parametrize("number", range(DEVICES))
@scenario
async def test_five_updates_in_a_row_on_zigpy_each_with_a_cut(place, number):
    rng = random.Random(SEED + number)
    payload = place.images.payload(2).read_bytes()
    key = keys.load_private(place.images.private_key)
    costs = []
    async with place.device() as device:
        await device.power_on()
        async with hub_of(device) as session:
            for version in range(0x00020000, 0x00020000 + UPDATES):
                path = place.directory / f"{version:08x}.ota"
                path.write_bytes(demo_images.sign(payload, version, key))
                since = len(device.events)
                cut_at = rng.randrange(1, path.stat().st_size)
                reached = asyncio.Event()

                def progress(offset, size, cut_at=cut_at, reached=reached):
                    if offset >= cut_at and not reached.is_set():
                        device.kill()
                        reached.set()

                async with beside(update_to_the_end(session, path, progress)) as update:
                    await before_the_end(update, reached.wait(), f"version {version:#x}")
                    await device.power_cut()
                    await device.power_on()
                    await update
                await device.wait_for("confirmed", EVENT_S, since)
                await version_becomes(session, version)
                costs.append(session.statistics.bytes_served_twice(version))
    told = names(device.events)
    assert told.count("confirmed") == UPDATES and not {"rejected", "reverted"} & set(told)
    assert max(costs) <= ERASE_SIZE + PROOF_SIZE
    return f"{UPDATES} updates on zigpy, a cut in each; bytes served twice: {costs}"
