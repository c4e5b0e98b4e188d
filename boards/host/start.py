"""The host board's start."""

import json

from boards.common.start import start
from boards.host.board import Board


def main(device_path, runtime):
    """Boot and run; ends by SystemExit. device_path: the provisioned identity; runtime: this start's
    facts (see Board)."""
    with open(device_path) as file:
        device = json.load(file)
    start(Board(device, runtime))
