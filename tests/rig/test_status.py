"""`hanota status` on a pseudo-terminal: what a device answers to the console's question, for a person."""

import json
import os
import threading

import pytest
from click.testing import CliRunner

from firmware_agent import reject
from tests.rig.test_ports import open_pty
from tools.cli import main

STATUS = {
    "security_counter": 65536,
    "slots": {"B": "writing", "A": "updated"},
    "event": "status",
    "file_version": "0x00010000",
    "runs": "A",
}
PLAIN = [
    *("runs: A", "file_version: 0x00010000", "security_counter: 65536", "slot A: updated", "slot B: writing")
]


def shown(told):
    """The lines that status shows of a device that tells this."""
    with open_pty() as (outer, name):

        def answer():
            assert b"?" in os.read(outer, 100)
            os.write(outer, b'{"event": "block", "offset": 50, "size": 100}\r\n' + told.encode() + b"\r\n")

        device = threading.Thread(target=answer)
        device.start()
        result = CliRunner().invoke(main, ["status", "--port", name])
        device.join()
    assert result.exit_code == 0, result.output
    return result.output.splitlines()


@pytest.mark.parametrize(
    ("more", "lines"),
    [
        ({}, []),
        (
            {"download": {"file_version": "0x00020000", "durable": 4096, "size": 44448}},
            ["download: 0x00020000, 4096 of 44448 bytes are durable"],
        ),
        (
            {"rejected": {"file_version": "0x00020000", "number": reject.WRONG_INTERFACE}},
            [f"rejected: 0x00020000, wrong-interface (31): {reject.text(reject.WRONG_INTERFACE)}"],
        ),
        # Of a device that is newer than this table.
        ({"rejected": {"file_version": "0x00020000", "number": 200}}, ["rejected: 0x00020000, reason 200"]),
    ],
)
def test_what_a_device_tells_is_shown_in_one_order(more, lines):
    assert shown(json.dumps(STATUS | more)) == PLAIN + lines


def test_a_device_that_runs_no_slot():
    assert shown(json.dumps(STATUS | {"runs": None}))[0] == "runs: the recovery agent, from the boot files"
