"""One contract for every seam, run on every implementation: those on this machine, and that none is missed.

tests/portable/test_contract_table.py has the flash parts, tests/boards/test_rig.py the emulated Cortex-M3.
"""

import ast
import json
import os
import random
import subprocess
import sys

import pytest
from click.testing import CliRunner

from firmware_agent.store.app_settings import AppSettings
from hal.flash import FlashArea
from tests.contracts import implementations
from tests.contracts.implementations import EXEMPT, IMPLEMENTATIONS
from tests.portable.bench import Bench
from tools import layout
from tools.cli import main
from tools.commands.board import FILES
from tools.demo import images
from tools.emulator.machine import Options
from tools.emulator.state_dir import StateDir
from tools.fuzzing import home
from tools.on_device import board_check, flash_contract
from tools.on_device.scratch import Window
from tools.rig import on_device
from tools.simulator import stories, world
from tools.simulator.cells import Part
from tools.simulator.flash import Geometry, ObservedFlash

# The methods or attributes that make a class an implementation of a seam.
MARKS = {
    "identity": {"eui64", "manufacturer_code", "image_type"},
    "boot control": {"reset", "emit"},
    "clock": {"ticks_ms"},
    "entropy": {"random"},
    "display": {"show"},
    "HAN link": {"read_into"},
    "watchdog": {"feed"},
    "flash": {"readblocks", "writeblocks", "ioctl"},
}
SOURCES = ["boards/**/*.py", "hal/**/*.py", "tools/simulator/*.py", "tools/fuzzing/*.py"]
MODELS = "tests/contracts/port_models.py"


def members(node):
    """Names of a class's methods, of its attributes, and of what its methods set."""
    names = {child.name for child in node.body if isinstance(child, ast.FunctionDef)}
    for child in ast.walk(node):
        if isinstance(child, (ast.AnnAssign, ast.Assign)):
            targets = child.targets if isinstance(child, ast.Assign) else [child.target]
            names |= {getattr(target, "attr", getattr(target, "id", "")) for target in targets}
    return names


def classes_of(name):
    tree = ast.parse((layout.ROOT / name).read_bytes())
    return [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]


def test_the_table_names_every_implementation_that_there_is():
    found = {
        (f"{name}:{node.name}", seam)
        for name in sorted({*layout.matches(SOURCES), MODELS})
        for node in classes_of(name)
        for seam, marks in MARKS.items()
        if marks <= members(node)
    }
    claimed = {
        (one, seam)
        for seams, classes, _ in IMPLEMENTATIONS.values()
        for one in classes
        for seam in seams
        if seam in MARKS
    }
    assert len(found) >= 20
    assert found - claimed == set(EXEMPT)
    # And none that there is not.
    for one in {one for one, _ in claimed}:
        path, _, name = one.partition(":")
        assert name in {node.name for node in classes_of(path)}, one


def test_each_implementation_has_its_test():
    assert tuple(name for name, _ in board_check.CHECKS) == implementations.ALL
    for name, (seams, _, test) in IMPLEMENTATIONS.items():
        assert seams == tuple(seam for seam in implementations.ALL if seam in seams), name
        path, _, function = test.partition("::")
        body = ast.parse((layout.ROOT / path).read_text()).body
        (node,) = [one for one in body if isinstance(one, ast.FunctionDef) and one.name == function]
        names = {one.value for one in ast.walk(node) if isinstance(one, ast.Constant)}
        calls = {getattr(one, "attr", getattr(one, "id", "")) for one in ast.walk(node)}
        # It runs this implementation, by what asserts every seam.
        assert name in names and calls & {"hold", "held", "check"}, test


# The host board: the checks in the place of its payload, on its own objects.
MAIN_CALL = '    sys.modules["boards.host.start"].main(sys.argv[1], facts.pop)\n'
CHECK_CALL = """\
    sys.path.append({tree!r})
    from boards.host.board import Board
    from tools.on_device import board_check

    with open(sys.argv[1]) as file:
        board = Board(json.load(file), facts.pop())
    board_check.run(board, lambda *result: board.emit("checked", {{"result": result}}))
"""
# The launcher's own way to CPython, with the checks as the board's main().
ON_CPYTHON = """\
import json
from boards.host import start
from boards.host.board import Board
from tools.emulator import launcher
from tools.on_device import board_check

def check(path, facts):
    with open(path) as file:
        board = Board(json.load(file), facts())
    board_check.run(board, lambda *result: board.emit("checked", {"result": result}))

start.main = check
launcher.main()
"""


@pytest.mark.parametrize("interpreter", ["micropython", "python"])
def test_the_host_board(tmp_path, interpreter):
    made = images.make(tmp_path)
    state = StateDir(tmp_path / "device")
    arguments = ["provision", "--state", str(state.path), "--factory", str(made.upgrade_file(1))]
    done = CliRunner().invoke(main, [*arguments, "--manufacturer-key", str(made.public_key)])
    assert done.exit_code == 0, done.output
    source = state.main.read_text()
    assert MAIN_CALL in source
    tree = on_device.compiled(FILES, "").name
    state.main.write_text(source.replace(MAIN_CALL, CHECK_CALL.format(tree=tree)))
    before = state.read_flash()
    facts = {"parent": os.getpid(), "cause": "power-on", **Options().facts()}
    read_end, write_end = os.pipe()
    os.set_blocking(read_end, False)  # as the emulator has it: the device polls
    way = ["-m", "tools.emulator.launcher"] if interpreter == "micropython" else ["-c", ON_CPYTHON]
    ran = subprocess.run(
        [sys.executable, *way, str(state.path), json.dumps(facts), interpreter, "256k"],
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
    assert lines, ran.stderr
    implementations.held("host", [json.loads(line)["result"] for line in lines])
    assert state.read_flash() == before
    # It was tried, and only where it may be.
    assert 20 < state.counters()["erases"] < 60


class Simulated:
    """What the simulator's boards leave to the loop that runs them: time goes on while they wait."""

    cause = "power-on"

    def made_of(self, bench):
        self.store = bench.store
        self.settings = AppSettings(FlashArea(bench.flash, 4 + 2 * 4, 3, 16))
        return self

    def wait(self, milliseconds):
        self.now += milliseconds

    def ticks_ms(self):
        self.now += 0.01  # looking at it takes time, too
        return int(self.now)

    def halt(self, code):
        raise AssertionError("not here")


class SimulatorBoard(Simulated, world._Board):
    pass


class FuzzerBoard(Simulated, home.Board):
    pass


def observed(memory, erase_size, write_size):
    """The simulator's part, with room for settings behind what a Bench knows."""
    whole = Part(bytes(memory) + b"\xff" * (3 * erase_size))
    return ObservedFlash(whole, Geometry(erase_size, write_size, 4, 4))


def simulated_bench():
    bench = Bench(4096, 16, 4, make_flash=observed).at_factory()
    bench.power_on()
    return bench


def test_the_simulator():
    life = world.Life(world.SETTLED)
    board = SimulatorBoard(life, random.Random(1)).made_of(simulated_bench())
    implementations.hold("simulator", board)
    with pytest.raises(world.Reset):
        board.reset()


def test_the_fuzzer():
    board = FuzzerBoard({}, 63).made_of(simulated_bench())
    implementations.hold("fuzzer", board)
    with pytest.raises(world.Reset):
        board.reset()


@pytest.mark.parametrize("name", list(stories.GEOMETRIES))
def test_the_simulator_s_parts(name):
    """Every geometry that it cuts the power on."""
    geometry = stories.GEOMETRIES[name]

    def make():
        part = ObservedFlash(Part(bytes([geometry.erased_value]) * (4 * geometry.erase_size)), geometry)

        def counts():
            return part.erases, part.programs, part.programmed_bytes

        return flash_contract.Part(part, geometry.write_size, counts, geometry.erased_value)

    for promise in flash_contract.CONTRACT + flash_contract.STRICT:
        promise(make)


def test_a_window_leaves_its_neighbours_alone():
    memory = Part(b"\xff" * (6 * 512))
    area = FlashArea(ObservedFlash(memory, Geometry(512, 16, 1, 2)), 1, 5, 16)

    def make():
        window = Window(area, 2, 3)
        for unit in range(3):
            window.ioctl(6, unit)
        return flash_contract.Part(window, 16)

    area.program(0, b"before" + bytes(10))
    area.program(area.size - 512 + 496, bytes(16))
    area.program(1024 - 16, b"close" + bytes(11))
    outside = bytes(memory[: 3 * 512])
    for promise in (*flash_contract.RELIED_ON, flash_contract.what_lies_outside_the_part_is_refused):
        promise(make)
    assert bytes(memory[: 3 * 512]) == outside
