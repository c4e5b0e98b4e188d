"""``hanota serve`` from its arguments to its exit code."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading

import pytest
import zigpy.ota.manager
from click.testing import CliRunner

from tests.hub.fake_device import FakeDevice, ota_file
from tools.commands import serve

V2, V3 = 0x00020000, 0x00030000
DEADLINE_S = 15


@pytest.fixture
def images(tmp_path):
    paths = [tmp_path / "v2.ota", tmp_path / "v3.ota"]
    for path, version in zip(paths, (V2, V3), strict=True):
        path.write_bytes(ota_file(version, bytes(300)))
    return [str(path) for path in paths]


@contextlib.contextmanager
def running(device):
    """The device in an event loop of its own, as the command brings its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(device.power_on(), loop).result(DEADLINE_S)
    try:
        yield
    finally:
        asyncio.run_coroutine_threadsafe(device.power_cut(), loop).result(DEADLINE_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(DEADLINE_S)
        loop.close()


def invoke(*arguments):
    return CliRunner().invoke(serve.command, [str(argument) for argument in arguments])


def invoke_for(device, *arguments):
    with running(device):
        return invoke(*arguments, "--connect", f"127.0.0.1:{device.port}", "--timeout", DEADLINE_S)


def test_images_are_served_in_order_until_the_device_reports_the_last(images):
    device = FakeDevice(profile=0x0109)
    result = invoke_for(device, *images, "--profile", "0x0109")
    assert result.exit_code == 0, result.output
    assert device.file_version == V3
    assert result.output.index("0x00020000") < result.output.index("0x00030000")


def test_a_refusal_is_told_with_its_status(images):
    result = invoke_for(FakeDevice(verdict=0x96), images[0])
    assert result.exit_code == 1
    assert "refused" in result.output and "0x96 (INVALID_IMAGE)" in result.output


def test_what_the_device_runs_already_is_done(images):
    result = invoke_for(FakeDevice(file_version=V2), images[0])
    assert result.exit_code == 0
    assert "runs file version 0x00020000 already" in result.output


def test_an_older_image_is_not_offered(images):
    result = invoke_for(FakeDevice(file_version=V3), images[0])
    assert result.exit_code == 1
    assert "the device runs 0x00030000 and the image is 0x00020000" in result.output


def test_a_device_that_reverts_is_no_success(images, monkeypatch):
    monkeypatch.setattr(serve, "REPORT_S", 0.5)

    class Reverting(FakeDevice):
        def __setattr__(self, name, value):
            super().__setattr__(name, 0x00010000 if name == "file_version" else value)

    result = invoke_for(Reverting(), images[0])
    assert result.exit_code == 1
    assert "reports 0x00010000, not 0x00020000" in result.output


def test_a_device_that_was_away_longer_than_a_session_gets_another(images, monkeypatch):
    monkeypatch.setattr(zigpy.ota.manager, "MAX_TIME_WITHOUT_PROGRESS", 0.3)
    device = FakeDevice()
    absences = []

    async def leave(offset):
        if offset and not absences:
            absences.append(offset)
            await device.power_cut()
            await asyncio.sleep(0.6)
            device._offer = None
            asyncio.get_running_loop().create_task(device.power_on())
            raise ConnectionResetError

    device.before_block = leave
    result = invoke_for(device, images[0])
    assert result.exit_code == 0, result.output
    assert absences == [50]
    assert "fell silent during the update (TIMEOUT), 50 bytes in" in result.output


def test_a_device_that_stays_away_ends_in_failure(images, monkeypatch):
    monkeypatch.setattr(zigpy.ota.manager, "MAX_TIME_WITHOUT_PROGRESS", 0.1)
    monkeypatch.setattr(serve, "SESSIONS_AN_IMAGE", 2)
    device = FakeDevice(queries=False)

    async def ask_once():
        await asyncio.sleep(0.1)
        device.send_ota(1, b"\0\x34\x12\x84\0\0\0\1\0")

    power_on = device.power_on

    async def on_and_ask():
        await power_on()
        asyncio.get_running_loop().create_task(ask_once())

    device.power_on = on_and_ask
    result = invoke_for(device, images[0])
    assert result.exit_code == 1
    assert "gave up after 2 sessions" in result.output


def test_nobody_there_ends_at_the_timeout(images, unused_port):
    result = invoke(images[0], "--connect", f"127.0.0.1:{unused_port}", "--timeout", "0.4")
    assert result.exit_code == 1
    assert "0.4 s" in result.output


@pytest.mark.parametrize(
    "place", ["here", "localhost:", ":5000", "localhost:0", "localhost:65536", "localhost:-1", "localhost:²"]
)
def test_a_bad_place_is_unusable(images, place):
    result = invoke(images[0], "--connect", place)
    assert result.exit_code == 2
    assert "HOST:PORT" in result.output


@pytest.mark.parametrize("content", [None, b"", b"no OTA file"])
def test_a_bad_file_is_unusable(tmp_path, content):
    path = tmp_path / "bad.ota"
    if content is not None:
        path.write_bytes(content)
    result = invoke(path, "--connect", "127.0.0.1:5000")
    assert result.exit_code == 2
    assert "bad.ota" in result.output


@pytest.mark.parametrize("arguments", [[], ["x.ota"], ["x.ota", "--connect", "a:1", "--profile", "0x0105"]])
def test_missing_or_wrong_arguments_are_unusable(arguments):
    assert invoke(*arguments).exit_code == 2


def test_control_c_ends_it_cleanly(images):
    script = "from tools.commands.serve import command; command()"
    device = FakeDevice(announces=False, queries=False)
    with running(device):
        arguments = [sys.executable, "-c", script, images[0], "--connect", f"127.0.0.1:{device.port}"]
        with subprocess.Popen(
            arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            try:
                wait_until(lambda: device.received, process)
                os.kill(process.pid, signal.SIGINT)
                _, errors = process.communicate(timeout=DEADLINE_S)
            finally:
                process.kill()
    assert process.returncode == 1
    assert errors.strip() == "Aborted!"


def wait_until(condition, process):
    done = threading.Event()
    for _ in range(DEADLINE_S * 20):
        if condition():
            return
        assert process.poll() is None, process.stderr.read()
        done.wait(0.05)
    raise AssertionError("the hub never called the device")
