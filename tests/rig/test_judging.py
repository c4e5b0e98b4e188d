"""What the rig believes: each judgement is made to fail, and passes when nothing is wrong."""

import asyncio
import json
import time
from types import SimpleNamespace

import pytest

from boards.common import flash_map as fm
from firmware_agent.trust.anchors import ANCHORS, FIRMWARE, Anchor, Anchors
from tools import keys
from tools.device_event import Event
from tools.emulator.factory import make_device
from tools.errors import Failed
from tools.rig import bench_file, hostile, sabotage, steps
from tools.rig.bench import GEOMETRY, Bench
from tools.rig.events import Events
from tools.rig.images import FACTORY, STEP
from tools.rig.record import Record

NEW = SimpleNamespace(version=0x00020000, version_text="0x00020000")


def told(*events):
    """A bench whose device has told these events."""
    heard = Events()
    for name, fields in events:
        heard.feed(json.dumps({"event": name, **fields}).encode() + b"\n")
    return SimpleNamespace(events=heard)


@pytest.mark.parametrize(
    "bad",
    [
        ("rejected", {"number": 13}),
        ("reverted", {"slot": "A"}),
        ("failed", {}),
        ("boot", {"cause": "crash"}),
        ("boot", {"cause": "watchdog"}),
    ],
)
def test_what_must_not_be_on_the_way(bad):
    good = [("boot", {"cause": "power-on"}), ("accepted", {}), ("boot", {"cause": "reset"})]
    steps._went_well(told(*good), 0, NEW)
    with pytest.raises(Failed, match=bad[0]):
        steps._went_well(told(*good, bad), 0, NEW)
    # Before this update it is none of its business.
    steps._went_well(told(bad, *good), 1, NEW)


def test_what_a_cut_may_cost():
    steps._judge_cost(told(), 0, NEW, 512)
    with pytest.raises(Failed, match="513 bytes"):
        steps._judge_cost(told(), 0, NEW, 513)
    accepted = told(("accepted", {}))
    # And the 32 bytes that name the image, which the hub shows again.
    steps._judge_cost(accepted, 0, NEW, fm.ERASE_SIZE + 32)
    with pytest.raises(Failed, match="4129 bytes"):
        steps._judge_cost(accepted, 0, NEW, fm.ERASE_SIZE + 33)
    # A cut while a page was put back: the device went on further back than the time before.
    resumed = [("resume", {"offset": offset}) for offset in (1000, 9000, 8744)]
    steps._judge_cost(told(("accepted", {}), *resumed), 0, NEW, fm.ERASE_SIZE + 32 + 256)
    for further, cost in ((9000, 33), (8000, 33 + 256)):
        cut = told(("accepted", {}), *resumed, ("resume", {"offset": further}))
        with pytest.raises(Failed, match=f"{fm.ERASE_SIZE + cost} bytes"):
            steps._judge_cost(cut, 0, NEW, fm.ERASE_SIZE + cost)


def test_a_hostile_hub_must_not_make_it_reset():
    hostile._unmoved(told(("boot", {}), ("rejected", {})), 1)
    for name in ("boot", "failed"):
        with pytest.raises(Failed, match="made the device reset"):
            hostile._unmoved(told(("boot", {}), (name, {})), 1)


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """On the host board, made and never switched on."""
    directory = tmp_path_factory.mktemp("judging")
    (directory / "app").mkdir()
    (directory / "app" / "app.py").write_text(sabotage.GOOD)
    (directory / "benches.toml").write_text(
        '[bench.a]\napplication = "app"\n[bench.a.power]\nkind = "emulated"\nboard = "host"\n'
    )
    spec = bench_file.read(directory / "benches.toml")["a"]

    async def make():
        return Bench(spec, directory / "a", Record("a", 0, time.monotonic()))

    made = asyncio.run(make())
    made.state.path.mkdir()
    anchors = Anchors([Anchor(keys.load_public(made.images.trust), FIRMWARE | ANCHORS)])
    factory = directory / "a" / "images" / "0x00010000.ota"
    make_device(made.state, factory, anchors, "ppmid", 0x1234, 1)
    return made


def boot(version, slot="A"):
    return Event("boot", {"file_version": f"0x{version:08x}", "slot": slot, "state": "updated"})


def test_a_boot_of_what_nobody_made_or_nobody_approved(bench):
    bench.judge_boot(boot(FACTORY))
    with pytest.raises(Failed, match="which nobody made"):
        bench.judge_boot(boot(0x00990000))
    with pytest.raises(Failed, match="slot 1 runs bytes that nobody approved"):
        bench.judge_boot(boot(FACTORY, "B"))
    # It says that it is the new one, and the slot holds the old one.
    bench.approved[FACTORY + STEP] = b"other bytes"
    with pytest.raises(Failed, match="runs 0x00010000 as 0x00020000"):
        bench.judge_boot(boot(FACTORY + STEP))


def test_a_cut_that_costs_the_confirmed_firmware(bench):
    bench.judge_cut(FACTORY)
    with bench.state.flash.open("r+b") as flash:
        at = GEOMETRY.slot(0).start + 1000
        flash.seek(at)
        byte = flash.read(1)
        flash.seek(at)
        flash.write(bytes([byte[0] ^ 1]))
    with pytest.raises(Failed, match="the cut left no whole 0x00010000"):
        bench.judge_cut(FACTORY)
