"""Real MicroPython firmware on an emulated Cortex-M3: an update, a power cut, a hang, a crash loop, the link.

The same stories as tests/end_to_end tells of the host board, by the same functions. Needs QEMU and
the firmware (`make firmware BOARD=qemu_mps2`); without them it fails and says so.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import serial

from boards.common import flash_map
from boards.qemu_mps2 import memory_map
from firmware_agent.boot import CRASH, WATCHDOG
from tests import sample_apps, scenarios
from tests.boards import BOARD, check_firmware
from tests.end_to_end import device_and_hub, test_recovery
from tests.end_to_end import test_expiry as expiry
from tests.end_to_end import test_interface as interface
from tests.end_to_end import test_verifiers as verifiers
from tests.end_to_end.device_and_hub import EVENT_S, VERSION_1, VERSION_2, hanota, names, runs_version_2
from tests.end_to_end.test_cuts import Cut, restarted
from tests.end_to_end.test_failed_trials import given_up
from tests.scenarios import scenario
from tools import firmware, layout
from tools.demo import images as demo_images
from tools.demo.device import HOST
from tools.emulator.state_dir import StateDir

# A busy host gives the emulated processor a fraction of its time.
HANGS_S = 120.0
MOST_IDLE_CPU = 0.2


class Place(device_and_hub.Place):
    """Its devices are this board's."""

    def device(self, *options, factory=None, on_event=None):
        return super().device("--board", BOARD, *options, factory=factory, on_event=on_event)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    check_firmware(BOARD)
    return demo_images.make(tmp_path_factory.mktemp("images"))


@pytest.fixture(scope="module", name="scenarios")
def running_scenarios(request, images, tmp_path_factory):
    with scenarios.running(request, lambda name: Place(images, tmp_path_factory.mktemp("place"))) as running:
        yield running


@scenario
async def test_firmware_that_hangs_on_trial_is_ended_by_the_watchdog_and_reverted(place):
    await given_up(place, sample_apps.HANGS, WATCHDOG, HANGS_S)


@scenario
async def test_firmware_that_raises_on_trial_is_reverted(place):
    await given_up(place, sample_apps.RAISES, CRASH, HANGS_S)


@scenario
async def test_serve_updates_it(place):
    async with place.device() as device:
        await device.power_on()
        image = place.images.upgrade_file(2)
        code, output, errors = await hanota("serve", image, "--connect", f"{HOST}:{device.port}")
        assert code == 0, output + errors
        assert f"reports file version {VERSION_2}" in output
        told = names(device.events)
        for name in ("offer", "accepted", "verified", "pending", "reset", "trial", "confirmed"):
            assert told.count(name) == 1, name
        boots = [event.fields for event in device.events if event.name == "boot"]
        assert [(boot["slot"], boot["cause"]) for boot in boots] == [("A", "power-on"), ("B", "reset")]
        stored = runs_version_2(device)
        assert stored["size"] == place.images.payload(2).stat().st_size
        assert "0.2.0.0" in device.screen()


@scenario
async def test_a_power_cut_in_the_middle_of_the_download(place):
    cut = Cut()

    def progress(offset, size):
        if offset > size // 2:
            cut.now()

    before, after = await restarted(place, cut, progress=progress)
    assert "accepted" in names(before) and "verified" not in names(before)
    boot = next(event for event in after if event.name == "boot")
    assert boot.matches("boot", {"slot": "A", "cause": "power-on", "file_version": VERSION_1})
    resume = next(event for event in after if event.name == "resume")
    assert resume.fields["offset"] > flash_map.ERASE_SIZE


@pytest.mark.parametrize("choice", verifiers.FAST)
@scenario
async def test_a_device_verifies_with(place, choice):
    await verifiers.with_each_choice(place, choice)


@scenario
async def test_without_firmware_it_takes_some_from_the_hub(place):
    await test_recovery.recovers(place)


@scenario
async def test_expiry_is_judged_by_the_board_s_clock(place):
    await expiry.judged_by_the_board_s_clock(place)


@scenario
async def test_a_payload_for_other_boot_files_is_refused_before_the_first_erase(place):
    await interface.refused_for_its_interface(place)


@scenario
async def test_the_factory_makes_a_device_of_this_board(place):
    code, output, errors = await hanota(
        *("provision", "--state", place.state, "--factory", place.images.upgrade_file(1)),
        *("--manufacturer-key", place.images.public_key, "--board", BOARD, "--verifier", "native-pinned"),
    )
    assert code == 0, output + errors
    async with place.device() as device:
        await device.power_on()
        boot = await device.wait_for("boot", EVENT_S)
        assert (boot.fields["slot"], boot.fields["verifier"]) == ("A", "native-pinned")


@scenario
async def test_it_idles_and_dies_with_the_emulator(place):
    async with place.device() as device:
        await device.power_on()
        await device.wait_for("boot", EVENT_S)
        qemu = process_with(str(StateDir(place.state).firmware))
        before = cpu_seconds(qemu)
        began = time.monotonic()
        await asyncio.sleep(3)
        used = (cpu_seconds(qemu) - before) / (time.monotonic() - began)
        assert used < MOST_IDLE_CPU, f"an idle device uses {used:.0%} of a processor"
        await device.power_cut()
        async with asyncio.timeout(EVENT_S):
            while is_running(qemu):
                await asyncio.sleep(0.01)


def process_with(argument):
    """The id of the one process that was started with this argument."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if argument.encode() in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
        except OSError:
            continue  # it has ended meanwhile
    assert len(found) == 1, found
    return found[0]


def cpu_seconds(process):
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def is_running(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@scenario
async def test_a_device_stays_on_its_board(place):
    async with place.device() as device:
        await device.power_on()
    for board in ("host", "qemu_mps2"):
        arguments = ("emulate", "--board", board, "--state", place.state, "--pty", "--interpreter", "python")
        code, _, errors = await hanota(*arguments)
        assert code == 2, errors
    assert "--interpreter python is for --board host" in errors
    code, _, errors = await hanota("emulate", "--board", "host", "--state", place.state, "--pty")
    assert code == 2
    assert "holds a device on qemu_mps2" in errors


@pytest.mark.parametrize("board", ["host", BOARD])
def test_the_link_on_a_pseudo_terminal(images, tmp_path, board):
    """A device is off the HAN until somebody opens the terminal, and again after."""
    state = StateDir(tmp_path / "device")
    command = [
        sys.executable,
        "-m",
        "tools",
        "emulate",
        "--board",
        board,
        "--state",
        str(state.path),
        "--pty",
    ]
    command += ["--factory", str(images.upgrade_file(1)), "--trust", str(images.public_key)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=layout.ROOT)
    try:
        listening = json.loads(process.stdout.readline())
        assert listening["event"] == "listening"
        assert json.loads(process.stdout.readline())["event"] == "boot"
        for _ in range(2):
            assert not joined(state)
            with serial.Serial(listening["path"], 115200, timeout=EVENT_S) as port:
                # The device tells that it is there, or asks: each frame starts and ends with a flag.
                port.read_until(b"\x7e")
                assert len(port.read_until(b"\x7e")) > 8
                assert joined(state)
            deadline = time.monotonic() + EVENT_S
            while joined(state):
                assert time.monotonic() < deadline, "still joined after the terminal was closed"
                time.sleep(0.01)
    finally:
        process.kill()
        process.communicate()


def joined(state):
    with state.map_registers() as registers:
        return registers[flash_map.REG_JOINED] == 1


def test_without_firmware_the_device_is_not_made(images, tmp_path, monkeypatch):
    monkeypatch.setattr(firmware, "BUILD", tmp_path)
    from click.testing import CliRunner

    from tools.cli import main

    state = tmp_path / "device"
    arguments = ["emulate", "--board", BOARD, "--state", str(state), "--pty"]
    arguments += ["--factory", str(images.upgrade_file(1)), "--trust", str(images.public_key)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1
    assert f"make firmware BOARD={BOARD}" in result.output
    assert not StateDir(state).holds_device


def test_the_memory_map_keeps_its_parts_apart():
    header = (layout.ROOT / "boards/qemu_mps2/chip/chip.h").read_text()
    assert f"#define WORLD_BASE 0x{memory_map.PSRAM + memory_map.WORLD:08x}u" in header
    assert f"#define WORLD_HEAP_SIZE {memory_map.REG_HEAP_SIZE}\n" in header
    starts = [
        memory_map.WORLD,
        memory_map.FACTS,
        memory_map.IDENTITY,
        memory_map.SCREEN,
        memory_map.FACTORY_ROM,
    ]
    assert memory_map.FACTORY_ROM + memory_map.FACTORY_ROM_SIZE <= memory_map.TRACE
    assert memory_map.TRACE + memory_map.TRACE_HEAD + 8 * memory_map.TRACE_CAPACITY <= memory_map.PSRAM_SIZE
    assert f"#define TRACE_BASE 0x{memory_map.PSRAM + memory_map.TRACE:08x}u" in header
    assert f"#define TRACE_CAPACITY {memory_map.TRACE_CAPACITY}u" in header
    assert f"#define CHIP_POWER_CUT {memory_map.EXIT_POWER_CUT} " in header
    assert flash_map.FLASH_SIZE <= starts[0]
    assert all(b - a >= memory_map.PAGE for a, b in zip(starts, starts[1:], strict=False))
    assert flash_map.SCREEN_SIZE <= memory_map.PAGE
