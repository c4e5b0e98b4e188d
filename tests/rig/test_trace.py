"""The comparison of traces can fail: on simulated ones, with one thing changed at a time."""

import pytest

from firmware_agent.trust.anchors import ANCHORS, FIRMWARE, Anchor, Anchors
from tools import keys
from tools.emulator.factory import make_device
from tools.emulator.state_dir import StateDir
from tools.errors import Failed
from tools.rig import bench_file, sabotage, trace
from tools.rig.images import FACTORY, STEP, Images
from tools.rig.trace import Cut
from tools.simulator.flash import ERASE, PROGRAM


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """Runs an update from one factory flash, cut or not."""
    directory = tmp_path_factory.mktemp("trace")
    (directory / "app").mkdir()
    (directory / "app" / "app.py").write_text(sabotage.GOOD)
    (directory / "benches.toml").write_text(
        '[bench.a]\napplication = "app"\n[bench.a.power]\nkind = "emulated"\nboard = "host"\n'
    )
    images = Images(bench_file.read(directory / "benches.toml")["a"], directory / "images")
    state = StateDir(directory / "device")
    state.path.mkdir()
    anchors = Anchors([Anchor(keys.load_public(images.trust), FIRMWARE | ANCHORS)])
    make_device(state, images.make(FACTORY).path, anchors, "ppmid", 0x1234, 1)
    flash = state.read_flash()[: trace.GEOMETRY.size]
    image = images.make(FACTORY + STEP)

    def run(cut=None):
        return trace._Simulated(flash, state.identity(), image, cut).run()

    return run


def test_the_same_update_gives_the_same_trace(simulated):
    first = simulated()
    trace._compare(first, simulated(), "twice the same")
    kinds = [kind for kind, _, _ in first.trace]
    assert kinds.count(ERASE) >= 6 and kinds.count(PROGRAM) > 60
    print(f"{len(kinds)} operations, {kinds.count(ERASE)} erases")


def test_one_byte_more_or_one_operation_later_is_seen(simulated):
    whole = simulated()
    # A program of several bytes in the slot, and the erase before it.
    number = next(
        n for n, (kind, _, length) in enumerate(whole.trace, 1) if kind == PROGRAM and length > 16 and n > 10
    )
    length = whole.trace[number - 1][2]
    ours = simulated(Cut(number, length // 2))
    trace._compare(ours, simulated(Cut(number, length // 2)), "the same cut")
    assert ours.trace[:number] == whole.trace[:number]
    for other in (Cut(number, length // 2 + 1), Cut(number + 1, length // 2), Cut(number, 0)):
        with pytest.raises(Failed, match="differs|operation"):
            trace._compare(ours, simulated(other), "another cut")
