"""Tests on emulated boards: they run the firmware that was built last, so it has to be of these sources."""

from tools import firmware


def check_firmware(board):
    """AssertionError that says what to do, unless the board's firmware is built, and of these sources."""
    remedy = f"make firmware BOARD={board}"
    assert firmware.firmware_of(board).is_file(), f"no firmware: {remedy}"
    assert not firmware.is_stale(board), f"the firmware is of other sources than these: {remedy}"
