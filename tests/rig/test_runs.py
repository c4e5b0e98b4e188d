"""Whole runs on the host board: side by side, over ports by name, and runs that must fail."""

import asyncio
import contextlib
import os
import random
import shlex
import subprocess
import sys
import threading
import time
import tty
import xml.etree.ElementTree as ET

import pytest

from tests.end_to_end.device_and_hub import hanota
from tools import keys, layout
from tools.rig import bench_file, steps
from tools.rig.bench import Bench
from tools.rig.lock import BenchLock
from tools.rig.plan import step
from tools.rig.record import Record

RUN_S = 240.0
EMULATED = """
[bench.{name}]
hub = "{hub}"
[bench.{name}.power]
kind = "emulated"
board = "host"
"""
# A board on a desk: ports by name, and programs that switch its supply.
DESK = """
[bench.desk]
console = "desk/console"
han = "desk/han"
key = "keys/private.pem"
lock = "desk.lock"
[bench.desk.power]
kind = "command"
on = {on}
off = {off}
"""
RELAY = """
[bench.desk]
console = "desk/console"
han = "desk/han"
hub = "own"
key = "keys/private.pem"
lock = "desk.lock"
[bench.desk.power]
kind = "relay"
port = "{port}"
on = "A0 01 01 A2"
off = "A0 01 00 A1"
"""
SWITCH_ON = """
cd {root}
{python} -m tools emulate --state {state} --factory {factory} --trust {trust} --pty --console-pty \\
    >/dev/null 2>&1 </dev/null &
echo $! >{state}.pid
"""
SWITCH_OFF = """
if [ -e {state}.pid ]; then
    kill -9 $(cat {state}.pid) 2>/dev/null
    rm {state}.pid
fi
"""


def write(path, text):
    path.write_text(text)
    return path


async def rig(tmp_path, plan, benches, *arguments):
    """(exit code, output, errors, the JUnit file's suites by name)."""
    files = ("--benches", write(tmp_path / "benches.toml", benches), "--out", tmp_path / "out", "--seed", "5")
    path = write(tmp_path / "plan.toml", plan)
    code, output, errors = await hanota("rig", "run", path, *files, *arguments, timeout_s=RUN_S)
    suites = {}
    if (tmp_path / "out" / "junit.xml").exists():
        suites = {suite.get("name"): suite for suite in ET.parse(tmp_path / "out" / "junit.xml").getroot()}
    return code, output, errors, suites


def figures(suite, case):
    found = suite.findall("testcase")[case].findall("properties/property")
    return {one.get("name"): one.get("value") for one in found}


def test_two_benches_side_by_side_each_with_its_hub(tmp_path):
    plan = "[[step]]\ndo = 'update'\n[[step]]\ndo = 'cuts'\ncount = 6\n"
    plan += (
        "[[step]]\ndo = 'hostile'\nframes = 60\n[[step]]\ndo = 'reboots'\ncount = 1\n[[step]]\ndo = 'trace'\n"
    )
    benches = EMULATED.format(name="left", hub="zigpy") + EMULATED.format(name="right", hub="own")
    began = time.monotonic()
    code, output, errors, suites = asyncio.run(rig(tmp_path, plan, benches))
    assert code == 0, output + errors
    assert list(suites) == ["left", "right"]
    for suite in suites.values():
        assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("5", "0", "0")
        # This board does not tell its flash operations, and the report says so.
        assert suite.get("skipped") == "1"
        assert figures(suite, 0)["bytes fetched twice"] == "0"
        assert figures(suite, 1)["cuts"] == "6"
        assert 0 < int(figures(suite, 1)["most bytes fetched twice a cut"]) <= 4096 + 32
        assert figures(suite, 2)["hostile frames"] == "60"
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.count("class='cut'") == 12 and "2 of 2 benches passed" in page
    print(f"two benches in {time.monotonic() - began:.0f} s")


class AllAtTheEnd(random.Random):
    """Draws the last of what may be drawn."""

    def randrange(self, *bounds):
        return bounds[-1] - 1


def test_cuts_that_fall_together(tmp_path):
    """The download is through before the second of them: no block comes any more to reach its offset."""
    spec = bench_file.read(write(tmp_path / "benches.toml", EMULATED.format(name="one", hub="own")))["one"]

    async def run():
        async with Bench(spec, tmp_path / "out", Record("one", 0, time.monotonic())) as bench:
            await bench.begin()
            return await steps.cuts(bench, step("cuts", count=4, timeout=30), AllAtTheEnd())

    assert asyncio.run(run())["cuts"] == 4


def switches(tmp_path):
    """Shell scripts that switch a board's supply on and off, a board as it comes from the factory."""
    from tools.demo import images as demo_images
    from tools.rig.images import payload

    private, public = keys.generate(tmp_path / "keys")
    key = keys.load_private(private)
    factory = tmp_path / "factory.ota"
    sample = layout.ROOT / "boards/applications/in_home_display"
    factory.write_bytes(demo_images.sign(payload(sample), 0x00010000, key))
    names = {
        "root": layout.ROOT,
        "python": sys.executable,
        "state": tmp_path / "desk",
        "factory": factory,
        "trust": public,
    }
    quoted = {name: shlex.quote(str(value)) for name, value in names.items()}
    on = write(tmp_path / "on.sh", SWITCH_ON.format(**quoted))
    return on, write(tmp_path / "off.sh", SWITCH_OFF.format(**quoted))


def test_a_board_on_a_desk(tmp_path):
    """Console and HAN by name, the supply switched by programs: nothing here knows that it is emulated."""
    on, off = switches(tmp_path)
    benches = DESK.format(on=["sh", str(on)], off=["sh", str(off)]).replace('"desk/', f'"{tmp_path}/desk/')
    plan = "[[step]]\ndo = 'update'\n[[step]]\ndo = 'cuts'\ncount = 4\n[[step]]\ndo = 'crash-loop'\n"
    code, output, errors, suites = asyncio.run(rig(tmp_path, plan, benches))
    assert code == 0, output + errors
    assert suites["desk"].get("failures") == "0"
    assert figures(suites["desk"], 1)["cuts"] == "4"
    assert figures(suites["desk"], 2) == {"trial boots": "3", "ended by": "crash"}


def test_a_board_whose_supply_is_a_relay_s(tmp_path):
    """The relay is bytes on a port of its own, and says nothing of when it has switched."""
    on, off = switches(tmp_path)
    outer, inner = os.openpty()
    tty.setraw(inner)
    switched = []

    def relay():
        with contextlib.suppress(OSError):  # the port is closed in the end
            while data := os.read(outer, 64):
                for at in range(0, len(data), 4):
                    word = data[at : at + 4]
                    switched.append(word.hex(" "))
                    subprocess.run(["sh", str(on if word[2] else off)], check=True)

    serving = threading.Thread(target=relay, daemon=True)
    serving.start()
    benches = RELAY.format(port=os.ttyname(inner)).replace('"desk/', f'"{tmp_path}/desk/')
    plan = "[[step]]\ndo = 'reboots'\ncount = 2\n[[step]]\ndo = 'losses'\npercent = 0.1\n"
    try:
        code, output, errors, suites = asyncio.run(rig(tmp_path, plan, benches))
        assert code == 0, output + errors
        assert figures(suites["desk"], 0) == {"reboots": "2"}
        # Off first, whatever it was; then on and off by turns.
        assert switched == ["a0 01 00 a1", "a0 01 01 a2"] * 3 + ["a0 01 00 a1"]
    finally:
        subprocess.run(["sh", str(off)], check=True)
        os.close(inner)
        os.close(outer)


def test_a_step_that_fails_is_told_with_seed_and_log(tmp_path):
    """A rig must be seen to fail. The next step runs all the same, from a power-on."""
    plan = "[[step]]\ndo = 'update'\ntimeout = 0.2\n[[step]]\ndo = 'reboots'\ncount = 1\n"
    code, output, errors, suites = asyncio.run(rig(tmp_path, plan, EMULATED.format(name="one", hub="own")))
    assert code == 1, output + errors
    assert "not every step passed; seed 5" in errors
    suite = suites["one"]
    assert (suite.get("failures"), suite.get("errors")) == ("1", "0")
    first, second = suite.findall("testcase")
    assert "no event confirmed" in first.find("failure").get("message")
    assert "seed 5" in first.find("failure").text
    assert '"event": "boot"' in first.find("system-out").text
    assert second.find("failure") is None
    page = (tmp_path / "out" / "report.html").read_text()
    assert "--bench one --seed 5" in page and "no event confirmed" in page


def test_a_bench_that_does_not_come_up_is_an_error(tmp_path):
    write(tmp_path / "off.sh", "true\n")
    write(tmp_path / "on.sh", "echo no such hub; exit 3\n")
    keys.generate(tmp_path / "keys")
    benches = DESK.format(on=["sh", str(tmp_path / "on.sh")], off=["sh", str(tmp_path / "off.sh")])
    code, output, errors, suites = asyncio.run(rig(tmp_path, "[[step]]\ndo = 'update'", benches))
    assert code == 1, output + errors
    message = suites["desk"].find("testcase/error").get("message")
    assert "ended with 3: no such hub" in message


@pytest.mark.parametrize("wait", [False, True])
def test_a_busy_bench(tmp_path, wait):
    """Refused, or waited for: never shared."""
    write(tmp_path / "switch.sh", "exit 3\n")
    keys.generate(tmp_path / "keys")
    switch = ["sh", str(tmp_path / "switch.sh")]
    benches = DESK.format(on=switch, off=switch)

    async def run():
        lock = BenchLock("desk", tmp_path / "desk.lock", wait=False)
        await lock.__aenter__()
        running = asyncio.create_task(
            rig(tmp_path, "[[step]]\ndo = 'update'", benches, *(["--wait"] if wait else []))
        )
        if not wait:
            code, _, errors, suites = await running
            assert code == 1 and "bench desk is busy" in errors and not suites
            await lock.__aexit__()
            return
        await asyncio.sleep(3)
        assert not running.done()
        await lock.__aexit__()
        code, output, errors, suites = await running
        assert errors.count("bench desk is busy") == errors.count("waiting until it is free") == 1
        # It had its turn, and found out that nothing switches the board.
        assert code == 1 and "ended with 3" in output, output + errors

    asyncio.run(run())
