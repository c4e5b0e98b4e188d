"""Tests on emulated boards: they run the firmware that was built last, so it has to be of these sources."""

import asyncio

from tests.end_to_end.device_and_hub import hanota
from tools import firmware

BOARD = "qemu_mps2"


def check_firmware(board):
    """AssertionError that says what to do, unless the board's firmware is built, and of these sources."""
    remedy = f"make firmware BOARD={board}"
    assert firmware.firmware_of(board).is_file(), f"no firmware: {remedy}"
    assert not firmware.is_stale(board), f"the firmware is of other sources than these: {remedy}"


def on(console, *arguments):
    """(exit code, output, errors) of a command on a device's console."""
    words = 2 if arguments[0] == "board" else 1
    return asyncio.run(hanota(*arguments[:words], "--port", console, *arguments[words:]))
