"""What `hanota board check` runs on a board, over a board that keeps every promise, and over broken ones."""

import contextlib
import itertools
import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from firmware_agent.store import state as states
from hal.flash import FlashError
from hal.sim.nor_flash import NorFlash
from tests.portable.bench import Bench
from tools import layout
from tools.cli import main
from tools.commands import board as command
from tools.demo import images
from tools.emulator.machine import Options
from tools.emulator.state_dir import StateDir
from tools.on_device import board_check


class Good:
    """A board with a time of its own, which only waiting and looking at it move on."""

    cause = "power-on"
    max_data_size = 64
    joined = True
    columns, rows = 40, 8

    def __init__(self):
        bench = Bench().at_factory()
        bench.power_on()
        self.bench = bench
        self.store = bench.store
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
    # It was tried, and only there: one erase for the trial, one to put back.
    assert board.bench.flash.erases == erases + 2
    assert board.fed > 10


class ForgetfulFlash(NorFlash):
    """Says that it programmed."""

    def writeblocks(self, block, buf, offset=None):
        return 0


class SlovenlyFlash(NorFlash):
    """Says that it erased."""

    def ioctl(self, op, arg):
        return 0 if op == 6 else NorFlash.ioctl(self, op, arg)


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
    assert "an update is under way" in findings(board)["flash"]
    assert (board.bench.flash.erases, board.bench.flash.programs) == (erases, programs)


@pytest.mark.parametrize(("passed", "code"), [(True, 0), (False, 1)])
def test_the_command_s_exit_code(monkeypatch, passed, code):
    results = [command.Result("flash", passed, "figures")]
    monkeypatch.setattr(command, "run", lambda *arguments: results)
    done = CliRunner().invoke(main, ["board", "check", "--port", "/dev/null"])
    assert done.exit_code == code, done.output
    assert "flash" in done.output and ("FAILED" in done.output) is not passed


# In the place of the payload: the checks, on the board's own objects.
_MAIN_CALL = '    sys.modules["boards.host.start"].main(sys.argv[1], runtime)\n'
_CHECK_CALL = """\
    from boards.host.board import Board

    with open(sys.argv[1]) as file:
        board = Board(json.load(file), runtime)
    with open("tools/on_device/board_check.py") as file:
        exec(file.read(), globals())
    run(board, lambda *result: board.emit("checked", {"result": result}))
"""


def test_the_host_board_on_its_own_interpreter(tmp_path):
    made = images.make(tmp_path)
    state = StateDir(tmp_path / "device")
    arguments = ["provision", "--state", str(state.path), "--factory", str(made.upgrade_file(1))]
    done = CliRunner().invoke(main, [*arguments, "--manufacturer-key", str(made.public_key)])
    assert done.exit_code == 0, done.output
    source = state.main.read_text()
    assert _MAIN_CALL in source
    state.main.write_text(source.replace(_MAIN_CALL, _CHECK_CALL))
    before = state.read_flash()
    facts = {"parent": os.getpid(), "cause": "power-on", **Options().facts()}
    read_end, write_end = os.pipe()
    os.set_blocking(read_end, False)  # as the emulator has it: the device polls
    command = [sys.executable, "-m", "tools.emulator.launcher", str(state.path), json.dumps(facts)]
    ran = subprocess.run(
        [*command, "micropython", "256k"],
        stdin=read_end,
        capture_output=True,
        text=True,
        cwd=layout.ROOT,
        timeout=60,
        check=False,
    )
    os.close(read_end)
    os.close(write_end)
    lines = [line for line in ran.stderr.splitlines() if '"checked"' in line]
    results = [json.loads(line)["result"] for line in lines]
    assert [name for name, _, _ in results] == [name for name, _ in board_check.CHECKS], ran.stderr
    assert [result for result in results if not result[1]] == []
    assert state.read_flash() == before
    assert state.counters()["erases"] == 2
