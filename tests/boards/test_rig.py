"""The rig on the emulated Cortex-M3: the plan `smoke`, and a device's console in one's hands."""

import asyncio
import json
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from types import SimpleNamespace

import pytest

from boards.common import flash_map as fm
from firmware_agent.store.image_writer import PROOF_SIZE
from tests import on_bench
from tests.boards import BOARD, check_firmware, on
from tests.contracts import implementations
from tests.end_to_end.device_and_hub import hanota
from tools import layout
from tools.rig import on_device

SMOKE_S = 900.0  # on a host that is busy with everything else, too
SEED = "20261125"
# A slice: what the board reads, its tables, its frames; and 20,000 blocks the whole way with
# the heap locked, for whose scripted world the heap of a device is too small.
ON_DEVICE = ["test_cbor", "test_zdo", "test_reject", "test_whole_block_path"]


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    """The run's JUnit suite, its page, and what it said."""
    check_firmware(BOARD)
    out = tmp_path_factory.mktemp("smoke") / "out"
    began = time.monotonic()
    run = hanota("rig", "run", "smoke", "--seed", SEED, "--wait", "--out", out, timeout_s=SMOKE_S)
    code, output, errors = asyncio.run(run)
    print(f"\n{output}smoke in {time.monotonic() - began:.0f} s")
    assert code == 0, output + errors
    (suite,) = ET.parse(out / "junit.xml").getroot()
    return suite, (out / "report.html").read_text(), output


def figures(smoke, kind):
    """The figures of the one step of this kind."""
    (case,) = [case for case in smoke[0].findall("testcase") if case.get("name").split(",")[0] == kind]
    return {one.get("name"): one.get("value") for one in case.findall("properties/property")}


def test_smoke_passes_and_leaves_nothing_out(smoke, tell):
    suite, page, output = smoke
    tell(output.strip())
    counts = [suite.get(name) for name in ("name", "tests", "failures", "errors", "skipped")]
    assert counts == [BOARD, "9", "0", "0", "0"]
    assert figures(smoke, "update")["bytes fetched twice"] == "0"
    cuts = figures(smoke, "cuts")
    assert cuts["cuts"] == "25" and cuts["updates"] == "1"
    assert 0 < int(cuts["most bytes fetched twice a cut"]) <= fm.ERASE_SIZE + PROOF_SIZE
    assert figures(smoke, "hang") == {"trial boots": "3", "ended by": "watchdog"}
    assert figures(smoke, "crash-loop") == {"trial boots": "3", "ended by": "crash"}
    hostile = figures(smoke, "hostile")
    assert hostile["hostile frames"] == "300"
    # Each kind of lie was told.
    assert len(hostile) == 2 + 9
    assert int(figures(smoke, "losses")["frames lost"]) > 0
    # Those of the step `trace`, too.
    assert page.count("class='cut'") == 29 and "1 of 1 benches passed" in page


def test_20000_blocks_under_heap_lock_on_the_board(smoke):
    on_device = figures(smoke, "on-device")
    assert on_device["tests passed on the board"] == "3"
    for name in ("test_the_lock_shows_an_allocation", "test_20000_blocks_allocate_nothing"):
        assert f"test_zero_allocation.{name}" in on_device


def test_the_rig_cuts_where_the_simulator_cuts(smoke):
    trace = figures(smoke, "trace")
    operations = int(trace["operations of an update"])
    # Every erase unit of the slot that the image covers, and more programs than that.
    assert int(trace["erases among them"]) >= 6
    assert operations > 60
    assert trace["cuts at the same operation"] == "4"
    assert int(trace["operations compared"]) > 5 * operations - 4


def test_a_slice_of_the_portable_tests_on_the_bench():
    """And a test that is not there is no pass: a name that the board does not know fails."""
    files = [f"tests/portable/{name}.py" for name in ON_DEVICE]
    command = [sys.executable, "-m", "pytest", "--bench", BOARD, "-p", "no:cacheprovider", *files]
    done = subprocess.run(command, capture_output=True, text=True, cwd=layout.ROOT, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    passed = int(done.stdout.split(" passed")[0].split()[-1])
    assert passed >= 30 and "failed" not in done.stdout
    print(f"{passed} portable tests on the bench {BOARD}")


def test_a_talkative_test_does_not_stop_the_bench(monkeypatch):
    """What the emulator tells is read while a file runs: else its pipe fills, and it stops."""
    lines = 4000

    def run_file(port, baud, *rest):
        with on_device.repl(port, baud) as transport:
            return transport.exec_raw(f"for _ in range({lines}): print('x' * 60)", timeout=20)

    monkeypatch.setattr(on_device, "run_file", run_file)
    options = {"bench": BOARD, "benches": None}
    plugins = SimpleNamespace(get_plugin=lambda name: None)
    config = SimpleNamespace(getoption=options.get, pluginmanager=plugins)
    board = on_bench.Board(config)
    try:
        said, errors = board.run_file("test_cbor", [], 20)
    finally:
        board.stop()
    assert errors == b"" and said.count(b"x" * 60) == lines


def test_status_log_and_shell(console):
    code, output, errors = on(console, "status", "--json")
    assert code == 0, errors
    status = json.loads(output)
    assert status["file_version"] == "0x00010000" and status["runs"] == "A"
    assert status["slots"] == {"A": "updated", "B": "ready"}
    assert "download" not in status and "rejected" not in status
    code, output, errors = on(console, "shell", "exec", "import sys; print(sys.platform, 6 * 7)")
    assert code == 0 and "qemu_mps2 42" in output, output + errors
    # The shell has reset the device in the end, so it boots again, and says why.
    code, output, errors = on(console, "log", "--json", "--seconds", "3")
    boots = [json.loads(line) for line in output.splitlines() if '"boot"' in line]
    assert code == 0 and [boot["cause"] for boot in boots] == ["reset"], output + errors
    # In the REPL nobody answers: status says so, and then a restart mends it.
    code, output, errors = on(console, "shell", "--stay", "exec", "pass")
    assert code == 0, errors
    code, output, errors = on(console, "status", "--timeout", "2")
    assert code == 1 and "is its agent running?" in errors
    code, output, errors = on(console, "shell", "exec", "pass")
    assert code == 0, errors
    code, output, errors = on(console, "status")
    assert code == 0, output + errors
    assert output.splitlines() == [
        *("runs: A", "file_version: 0x00010000", "security_counter: 65536"),
        *("slot A: updated", "slot B: ready"),
    ]


def test_no_port_is_said_in_one_line(tmp_path):
    for command in ("status", "log", "shell"):
        code, _, errors = on(tmp_path / "none", command)
        assert code == 1 and str(tmp_path / "none") in errors and len(errors.splitlines()) == 1, errors


def test_board_check(console):
    code, output, errors = on(console, "board", "check", "--json")
    assert code == 0, output + errors
    print(f"\n{output.strip()}")
    told = [tuple(json.loads(line).values()) for line in output.splitlines()]
    implementations.held("qemu_mps2", told[: len(implementations.ALL)])
    outside = {name: (passed, text) for name, passed, text in told[len(implementations.ALL) :]}
    assert list(outside) == ["clock's pace", "a reset", "watchdog bites"]
    assert all(passed for passed, _ in outside.values())
    assert "cause watchdog" in outside["watchdog bites"][1]
    # It runs as before.
    code, output, errors = on(console, "status", "--json")
    assert code == 0 and json.loads(output)["slots"] == {"A": "updated", "B": "ready"}, output + errors
    code, _, errors = on(console, "board", "check", "--board", "no_such_board")
    assert code == 1 and "no_such_board" in errors
    # Neither does that leave it in the REPL.
    code, output, errors = on(console, "status")
    assert code == 0, errors
