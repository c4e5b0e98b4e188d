"""Runs commands in this process, and the few that most tests here begin with."""

import json

from click.testing import CliRunner

from tools.cli import main

PAYLOAD = bytes(range(256)) * 5


def run(*arguments, code=0):
    """Run a command; it must end with ``code``, and never with a traceback."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == code, result.output
    return result.output


def sign_arguments(place, *more, output="out.ota"):
    return [
        "sign",
        place / "payload.bin",
        "-o",
        place / output,
        "--key",
        place / "keys/private.pem",
        "--manufacturer-code",
        "0x1234",
        "--file-version",
        "0x00020000",
        *more,
    ]


def sign(place, *more, device="ppmid", output="out.ota"):
    """Sign payload.bin; returns the upgrade file's bytes."""
    chosen = () if device is None else ("--device", device)
    run(*sign_arguments(place, *chosen, *more, output=output))
    return (place / output).read_bytes()


def inspect(*arguments, code=0):
    """The objects that ``inspect --json`` prints."""
    return [json.loads(line) for line in run("inspect", "--json", *arguments, code=code).splitlines()]
