"""A device in one's hands."""

import json
import subprocess
import sys

import pytest

from tests.boards import BOARD, check_firmware
from tools import layout
from tools.demo import images as demo_images
from tools.emulator.state_dir import StateDir


@pytest.fixture(scope="module")
def console(tmp_path_factory):
    """The console of a device of its own, a pseudo-terminal."""
    check_firmware(BOARD)
    images = demo_images.make(tmp_path_factory.mktemp("images"))
    state = StateDir(tmp_path_factory.mktemp("console") / "device")
    command = [sys.executable, "-m", "tools", "emulate", "--board", BOARD, "--state", str(state.path)]
    command += ["--factory", str(images.upgrade_file(1)), "--trust", str(images.public_key)]
    command += ["--pty", "--console-pty"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=layout.ROOT)
    try:
        assert json.loads(process.stdout.readline())["event"] == "listening"
        assert json.loads(process.stdout.readline())["event"] == "boot"
        yield state.console
    finally:
        process.kill()
        process.communicate()
