"""A rig must be seen to fail: a device with one of the simulator's seeded bugs, and the step that notices.

The bug is in a copy of the sources, so the device that is built from them has it, and the rig's own judgement
does not come from the broken part.
"""

import asyncio
import os
import shutil
import sys
import xml.etree.ElementTree as ET

import pytest

from tools import layout
from tools.simulator.bugs import BUGS

RUN_S = 240.0
BENCH = '[bench.one]\nhub = "own"\n[bench.one.power]\nkind = "emulated"\nboard = "host"\n'
# bug, the steps, which of them fails (from 0), and what it says
HUNTS = [
    ("what was durable is forgotten", "do = 'cuts'\ncount = 8", 0, "fetched twice"),
    ("any key, any signature", "do = 'hostile'\nframes = 12\ntimeout = 15", 0, "no event rejected"),
    (
        "confirmed in RAM only",
        "do = 'update'\n[[step]]\ndo = 'reboots'\ncount = 1",
        1,
        "was confirmed, but: boot",
    ),
    ("a crash is not counted", "do = 'crash-loop'\ntimeout = 15", 0, "no event reverted"),
]


@pytest.mark.parametrize(("name", "steps", "number", "what"), HUNTS, ids=[hunt[0] for hunt in HUNTS])
def test_the_rig_notices(name, steps, number, what, tmp_path):
    (bug,) = [bug for bug in BUGS if bug.name == name]
    for package in ("boards", "firmware_agent", "hal", "tools"):
        shutil.copytree(
            layout.ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    path = tmp_path / bug.path
    source = path.read_text()
    assert source.count(bug.line) == 1
    path.write_text(source.replace(bug.line, bug.instead))
    (tmp_path / "benches.toml").write_text(BENCH)
    (tmp_path / "plan.toml").write_text(f"[[step]]\n{steps}\n")
    code, output = asyncio.run(run(tmp_path))
    assert code == 1, output
    (suite,) = ET.parse(tmp_path / "out" / "junit.xml").getroot()
    failed = [case.find("failure") for case in suite.findall("testcase")]
    assert failed[number] is not None, output
    assert what in failed[number].get("message"), output
    assert all(failure is None for failure in failed[:number]), output


async def run(directory):
    """(exit code, everything it said) of the copy's own rig."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tools", "rig", "run", "plan.toml", "--benches", "benches.toml"),
        *("--out", "out", "--seed", "3"),
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(directory)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(RUN_S):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, output.decode(errors="replace")
