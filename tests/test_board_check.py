"""What `hanota board check` runs on a board, over a board that keeps every promise, and over broken ones."""

import contextlib
import io
import itertools
import json
import os
import sys
import time
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from click.testing import CliRunner

from firmware_agent.store import state as states
from firmware_agent.store.app_settings import AppSettings
from hal.flash import FlashArea, FlashError
from hal.sim.nor_flash import NorFlash
from tests.portable.bench import Bench
from tools.cli import main
from tools.commands import board as command
from tools.on_device import board_check


class Good:
    """A board with a time of its own, which only waiting and looking at it move on."""

    cause = "power-on"
    max_data_size = 64
    joined = True
    columns, rows = 40, 8

    def __init__(self):
        bench = Bench(4096).at_factory()
        bench.power_on()
        self.bench = bench
        self.store = bench.store
        self.settings_flash = NorFlash(bytearray(b"\xff" * (3 * 4096)))
        self.settings = AppSettings(FlashArea(self.settings_flash, 0, 3, 16))
        self.settings.save(3, b"the application's own")
        self.identity = self.clock = self.watchdog = self.link = self.display = self
        self.eui64 = bytes(range(8))
        self.manufacturer_code, self.image_type, self.hardware_version = 0x1234, 0x84, 3
        self.device_id, self.model = 0x0506, "PPMID"
        self.now = 0
        self.draws = itertools.count(7, 13)
        self.fed = 0

    def ticks_ms(self):
        self.now += 1
        return self.now // 100

    def ticks_diff(self, a, b):
        return a - b

    def wait(self, milliseconds):
        self.now += milliseconds * 100

    def read_into(self, buf):
        return 0

    def write(self, *arguments):
        pass

    def show(self):
        pass

    def feed(self):
        self.fed += 1

    def random(self, n):
        return next(self.draws) % n

    def reset(self):
        raise AssertionError("not here")

    def halt(self, code):
        raise AssertionError("not here")


def findings(board):
    """The seams that do not pass, with what is said of them."""
    told = []
    board_check.run(board, lambda *result: told.append(result))
    assert [name for name, _, _ in told] == [name for name, _ in board_check.CHECKS]
    return {name: text for name, passed, text in told if not passed}


def test_a_good_board_passes_and_its_flash_is_as_it_was():
    board = Good()
    area = board.store.slots[1]
    kept = bytes(range(1, 17))
    area.program(area.size - 64, kept)
    before = bytes(board.bench.memory)
    erases = board.bench.flash.erases
    assert findings(board) == {}
    assert bytes(board.bench.memory) == before
    # It was tried, and only there; of the board's own settings nothing was written.
    assert board.bench.flash.erases > erases + 20
    assert (board.settings_flash.erases, board.settings_flash.programs) == (1, 1)
    assert board.settings.load(3) == b"the application's own"
    assert board.fed > 10


def test_only_the_seams_that_are_asked_for():
    told = []
    board_check.run(Good(), lambda *result: told.append(result), ("clock", "flash"))
    assert [(name, passed) for name, passed, _ in told] == [("clock", True), ("flash", True)]


class ForgetfulFlash(NorFlash):
    """Says that it programmed."""

    def writeblocks(self, block, buf, offset=None):
        return 0


class SlovenlyFlash(NorFlash):
    """Says that it erased."""

    def ioctl(self, op, arg):
        return 0 if op == 6 else NorFlash.ioctl(self, op, arg)


class LeakingFlash(NorFlash):
    """Erases the next unit, too."""

    def _erase(self, block):
        NorFlash._erase(self, block)
        if (block + 1) * self.erase_size < len(self.memory):
            NorFlash._erase(self, block + 1)


class StainingFlash(NorFlash):
    """Changes what lies before the unit that it erases, if that is where nobody but the neighbour looks."""

    def _erase(self, block):
        NorFlash._erase(self, block)
        if (block + 2) * self.erase_size == len(self.memory):
            self.memory[block * self.erase_size - 1] = 0


def with_flash(kind):
    def spoil(board):
        board.bench.flash.__class__ = kind
        board.store.slots[1].program(board.store.slots[1].size - 64, bytes(16))

    return spoil


def swallowing(board):
    """Reads outside the area say nothing."""
    area = board.store.slots[1]
    read = area.read

    def quiet(offset, buf):
        with contextlib.suppress(FlashError):
            read(offset, buf)

    area.read = quiet


def backwards(board):
    board.ticks_ms = lambda steps=itertools.count(10**6, -1): next(steps)  # noqa: B008


def setting(**values):
    return lambda board: board.__dict__.update(values)


@pytest.mark.parametrize(
    ("seam", "spoil"),
    [
        ("identity", setting(eui64=b"\xff" * 8)),
        ("identity", setting(eui64=b"1234567")),
        ("identity", setting(model="")),
        ("boot control", setting(cause="brown-out")),
        ("boot control", setting(halt=None)),
        ("clock", setting(ticks_ms=lambda: 5)),
        ("clock", backwards),
        ("entropy", setting(random=lambda n: 0)),
        ("entropy", setting(random=lambda n: n)),
        ("display", lambda board: setting(show=lambda: board.wait(30))(board)),
        ("display", setting(rows=0)),
        ("HAN link", lambda board: setting(read_into=lambda buf: board.wait(50))(board)),
        ("HAN link", setting(read_into=lambda buf: None)),
        ("HAN link", setting(joined="yes")),
        ("watchdog", setting(watchdog=object())),
        ("settings area", setting(settings=None)),
        ("settings area", lambda board: setting(load=lambda schema: b"")(board.settings)),
        ("settings area", lambda board: setting(load=Mock(side_effect=[b"1", b"2"]))(board.settings)),
        ("settings area", with_flash(ForgetfulFlash)),
        ("flash", lambda board: setting(slots=())(board.store)),
        ("flash", with_flash(LeakingFlash)),
        ("flash", with_flash(StainingFlash)),
        ("flash", with_flash(SlovenlyFlash)),
        ("flash", with_flash(ForgetfulFlash)),
        ("flash", swallowing),
    ],
)
def test_a_broken_seam_is_found(seam, spoil):
    board = Good()
    spoil(board)
    assert seam in findings(board)


@pytest.mark.parametrize("state", [states.WRITING, states.CANDIDATE, states.STAGED, states.TRIAL])
def test_the_flash_is_left_alone_while_an_update_needs_it(state):
    board = Good()
    board.store.state.secondary_state = state
    board.store.commit()
    erases, programs = board.bench.flash.erases, board.bench.flash.programs
    broken = findings(board)
    assert all("an update is under way" in broken[seam] for seam in ("flash", "settings area"))
    assert (board.bench.flash.erases, board.bench.flash.programs) == (erases, programs)


@pytest.mark.parametrize(("passed", "code"), [(True, 0), (False, 1)])
def test_the_command_s_exit_code(monkeypatch, passed, code):
    results = [command.Result("flash", passed, "figures")]
    monkeypatch.setattr(command, "run", lambda *arguments: results)
    done = CliRunner().invoke(main, ["board", "check", "--port", "/dev/null"])
    assert done.exit_code == code, done.output
    assert "flash" in done.output and ("FAILED" in done.output) is not passed


# What only who looks from outside can tell.


class Console:
    """A REPL with a Good board behind it, in the place of mpremote's transport: it runs what it is told."""

    def __init__(self, pace=1.0, resets=True, bites=True, cause=None):
        self.board = Good()
        self.board.clock = SimpleNamespace(
            ticks_ms=lambda: int(time.monotonic() * 1000 * pace), ticks_diff=lambda a, b: a - b
        )
        self.board.wait = lambda milliseconds: time.sleep(milliseconds / 1000)
        self.board.reset = lambda: resets and self.boots(cause or "reset")
        self._bites = bites
        self._cause = cause
        self._heard = b""
        self.serial = self
        self.names = {}

    def boots(self, cause):
        self._heard += b"banner\r\n" + json.dumps({"event": "boot", "cause": cause}).encode() + b"\r\n"

    def exec_raw(self, code, timeout):
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            exec(code, self.names)
        return said.getvalue().encode(), b""

    def exec(self, code):
        return self.exec_raw(code, 1)[0]

    def eval(self, expression):
        return eval(expression, self.names)

    def exec_raw_no_follow(self, code):
        if code != command._HANG:
            exec(code, self.names)
        elif self._bites:
            self.boots(self._cause or "watchdog")

    def mount_local(self, path):
        pass

    def umount_local(self):
        pass

    @property
    def in_waiting(self):
        return len(self._heard)

    def read(self, size):
        heard, self._heard = self._heard[:size], self._heard[size:]
        return heard


@pytest.fixture
def seen_from_outside(monkeypatch):
    """``command.run`` on a Console: {name: (passed, text)} of what is seen from outside."""

    def look(console, **options):
        @contextlib.contextmanager
        def repl(port, baud, soft_reset=True):
            console.names = {"board": console.board}
            yield console

        monkeypatch.setattr(command.on_device, "repl", repl)
        results = command.run("port", 115200, "good", **options)
        inside = [(result.name, result.passed) for result in results[: len(board_check.CHECKS)]]
        assert inside == [(name, True) for name, _ in board_check.CHECKS]
        return {result.name: (result.passed, result.text) for result in results[len(inside) :]}

    monkeypatch.setattr(command, "_MAKE", "")
    monkeypatch.setattr(command, "_BOOT_S", 0.2)
    monkeypatch.setattr(command, "_CLOCK_S", 0.3)
    monkeypatch.setattr(os, "chdir", lambda path: None)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return look


def test_a_good_board_seen_from_outside(seen_from_outside):
    found = seen_from_outside(Console())
    assert list(found) == ["clock's pace", "a reset", "watchdog bites"]
    assert all(passed for passed, _ in found.values()), found
    assert list(seen_from_outside(Console(), bite=False)) == ["clock's pace", "a reset"]


@pytest.mark.parametrize(
    ("broken", "options", "text"),
    [
        ("clock's pace", {"pace": 0.8}, "of its own in"),
        ("clock's pace", {"pace": 1.2}, "of its own in"),
        ("a reset", {"resets": False}, "no event boot within"),
        ("watchdog bites", {"bites": False}, "no event boot within"),
        # A board whose crash looks like a reset: the wrong cause is one, too.
        ("a reset", {"cause": "crash"}, "cause crash"),
        ("watchdog bites", {"cause": "power-on"}, "cause power-on"),
    ],
)
def test_a_broken_board_seen_from_outside(seen_from_outside, broken, options, text):
    passed, found = seen_from_outside(Console(**options))[broken]
    assert not passed and text in found, found
