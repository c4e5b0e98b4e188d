"""Runs tests/portable on a board: ``pytest --bench NAME``. A board is started at the first file's first test.

As everywhere, an item passes only when the board itself has reported it as passed.
"""

import asyncio
import contextlib
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import click

from tests.conftest import MicroPythonFailure, PortableFile, PortableItem
from tools.rig import bench_file, on_device
from tools.rig.bench import Bench
from tools.rig.bench_file import EmulatedPower
from tools.rig.lock import BenchLock
from tools.rig.record import Record

# An emulated board has as much memory as one asks for; modules over the line live in the heap.
HEAP = "2m"


class Board:
    """The session's: locked, on power, its console free for mpremote. A busy bench is waited for.

    click.ClickException says what is wrong with the bench, which then has no power and is free again.
    """

    def __init__(self, config):
        path = Path(config.getoption("benches") or bench_file.DEFAULT)
        (spec,) = bench_file.select(path, (config.getoption("bench"),))
        if isinstance(spec.power, EmulatedPower):
            spec = replace(spec, power=replace(spec.power, heap=HEAP))
        self._baud = spec.baud
        self._loop = asyncio.new_event_loop()
        self._directory = tempfile.TemporaryDirectory(prefix="hanota-bench-")
        self._plugin = config.pluginmanager.get_plugin
        self._lock = BenchLock(spec.name, spec.lock, wait=True, tell=self._tell)
        self._bench = Bench(spec, Path(self._directory.name), Record(spec.name, 0, time.monotonic()))
        self._held = contextlib.AsyncExitStack()
        try:
            self._do(self._start())
        except BaseException:
            self.stop()
            raise

    def stop(self):
        try:
            self._do(self._held.aclose())
        finally:
            self._loop.close()
            self._directory.cleanup()

    async def _start(self):
        await self._held.enter_async_context(self._lock)
        await self._held.enter_async_context(self._bench)
        await self._bench.begin()
        await self._bench.console.stop()

    def run_file(self, module, names, timeout):
        """As on_device.run_file(). The bench lives on meanwhile: what an emulator tells must not fill its
        pipe, or it stops."""
        port, baud = self._bench.console.path, self._baud
        return self._do(asyncio.to_thread(on_device.run_file, port, baud, module, names, timeout))

    def _tell(self, text):
        """To the terminal; pytest would keep for itself what is printed within a test."""
        reporter, capture = self._plugin("terminalreporter"), self._plugin("capturemanager")
        if reporter is None:  # a worker of pytest-xdist has none
            print(text, file=sys.stderr)
            return
        with capture.global_and_fixture_disabled():
            reporter.ensure_newline()
            reporter.write_line(text)
            reporter.flush()

    def _do(self, coroutine):
        return self._loop.run_until_complete(coroutine)


def board_of(session):
    """The session's board; off when the session ends. A bench that failed once is not tried again."""
    if not hasattr(session, "hanota_board"):
        try:
            session.hanota_board = Board(session.config)
            session.config.add_cleanup(session.hanota_board.stop)
        except click.ClickException as failure:
            session.hanota_board = MicroPythonFailure(failure.message)
    if isinstance(session.hanota_board, MicroPythonFailure):
        raise session.hanota_board
    return session.hanota_board


class BenchItem(PortableItem):
    def __init__(self, *, parent, **kwargs):
        super().__init__(parent=parent, where=f"bench {parent.config.getoption('bench')}", **kwargs)

    def runtest(self):
        self.judge(self.parent.result_of(self.function_name), "the_board")


class BenchFile(PortableFile):
    item = BenchItem
    results = None

    def result_of(self, name):
        """The board's report on one function; runs all selected ones of the file at the first call."""
        if self.results is None:
            names = [item.function_name for item in self.session.items if item.parent is self]
            board = board_of(self.session)
            timeout = self.config.getoption("micropython_timeout")
            try:
                self.results, self.said = board.run_file(self.path.stem, names, timeout)
            except click.ClickException as failure:
                self.results, self.said = {}, failure.message
        if name not in self.results:
            raise MicroPythonFailure(f"no result for {name} from the board; what it said:\n{self.said}")
        return self.results[name]
