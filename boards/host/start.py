"""The host board's start."""

import json

from boards.common.start import start
from boards.host.board import Board


def main(device_path, facts):
    """Boot and run; ends by SystemExit. device_path: the provisioned identity; facts(): this start's (see
    Board)."""
    start(_board(device_path, facts))


def _board(device_path, facts):
    # In a call of its own: main()'s variables live as long as the device.
    with open(device_path) as file:
        device = json.load(file)
    return Board(device, facts())
