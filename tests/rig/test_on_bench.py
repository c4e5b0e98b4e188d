"""`pytest --bench`: a bench that is busy is waited for, never shared; one that does not come up fails."""

import asyncio
import os
import subprocess
import sys

import pytest

from tests.rig.test_runs import DESK, write
from tools import keys, layout
from tools.errors import Failed
from tools.rig.lock import BenchLock

SOON_S = 60.0
FILES = ["tests/portable/test_reject.py", "tests/portable/test_cbor.py"]
# Writes down that it was used; what switches the board on waits until it may, and then finds no board.
SWITCH = """
echo $1 >>{place}/switched
[ $1 = off ] && exit 0
while [ ! -e {place}/go ]; do sleep 0.05; done
echo no such board
exit 3
"""


@pytest.fixture
def desk(tmp_path):
    """A directory with the bench `desk`."""
    keys.generate(tmp_path / "keys")
    switch = ["sh", str(write(tmp_path / "switch.sh", SWITCH.format(place=tmp_path)))]
    write(tmp_path / "benches.toml", DESK.format(on=[*switch, "on"], off=[*switch, "off"]))
    return tmp_path


class Session:
    """pytest on a bench, in a process of its own."""

    def __init__(self, desk, name="desk"):
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *FILES]
        command += ["--bench", name, "--benches", str(desk / "benches.toml")]
        self._log = desk / "output"
        self._switched = desk / "switched"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=layout.ROOT)

    @property
    def output(self):
        return self._log.read_text()

    @property
    def switched(self):
        return self._switched.read_text().split() if self._switched.exists() else []

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.process.kill()
        self.process.wait()


async def until(condition, session):
    try:
        async with asyncio.timeout(SOON_S):
            while not condition():
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"nothing of it in {SOON_S:g} s; pytest said:\n{session.output}") from None


def test_a_busy_bench_is_waited_for_and_then_belongs_to_the_session(desk):
    async def run():
        lock = BenchLock("desk", desk / "desk.lock", wait=False)
        await lock.__aenter__()
        with Session(desk) as session:
            busy = f"bench desk is busy (process {os.getpid()}): waiting until it is free"
            await until(lambda: busy in session.output, session)
            await asyncio.sleep(1)
            assert session.process.poll() is None
            assert session.switched == [], "somebody else's board was switched"
            assert session.output.count("waiting") == 1
            await lock.__aexit__()
            await until(lambda: session.switched == ["off", "on"], session)
            with pytest.raises(Failed, match=f"bench desk is busy .process {session.process.pid}."):
                await lock.__aenter__()
            write(desk / "go", "")
            await until(lambda: session.process.poll() is not None, session)

    asyncio.run(run())


def test_a_bench_that_does_not_come_up_fails_every_test_once_and_is_free_again(desk):
    """Not each file tries again: the second would wait for the lock that the first one holds."""

    async def run():
        write(desk / "go", "")
        with Session(desk) as session:
            await until(lambda: session.process.poll() is not None, session)
        assert session.process.returncode == 1
        tests = sum((layout.ROOT / name).read_text().count("\ndef test_") for name in FILES)
        assert f"{tests} failed" in session.output and "passed" not in session.output
        assert session.output.count("ended with 3: no such board") >= tests
        assert "Traceback" not in session.output and "on_bench.py:" not in session.output
        assert session.switched == ["off", "on", "off"]
        async with BenchLock("desk", desk / "desk.lock", wait=False):
            pass

    asyncio.run(run())


def test_no_bench_of_that_name(desk):
    async def run():
        with Session(desk, "shelf") as session:
            await until(lambda: session.process.poll() is not None, session)
        assert session.process.returncode == 1 and session.switched == []
        assert "has no bench 'shelf'; it has: desk" in session.output

    asyncio.run(run())
