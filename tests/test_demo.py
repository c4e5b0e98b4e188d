"""`hanota demo`: the whole story runs once, as a newcomer runs it; the rest are its parts."""

import hashlib
import os
import re
import signal
import stat
import subprocess
import sys
import threading
import time

import pytest
from click.testing import CliRunner

from boards.common.flash_map import ERASE_SIZE
from tools import inspection, keys
from tools.cli import main
from tools.demo import images
from tools.demo.phase import STATES, erased_units, time_in_states
from tools.device_event import Event
from tools.emulator.state_dir import StateDir

DEMO_S = 120
SIX = {"private.pem", "public.pem", "v1.romfs", "v2.romfs", "v1.ota", "v2.ota"}


def demo_command(*arguments):
    return [sys.executable, "-m", "tools", "demo", *(str(argument) for argument in arguments)]


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """The finished process, and the directory that it kept."""
    directory = tmp_path_factory.mktemp("demo") / "kept"
    environment = {**os.environ, "COLUMNS": "120"}
    process = subprocess.run(
        demo_command("--keep", directory), capture_output=True, text=True, timeout=DEMO_S, env=environment
    )
    return process, directory


def test_every_claim_is_true(told):
    process, _ = told
    assert process.returncode == 0, process.stdout + process.stderr
    assert process.stderr == ""
    assert process.stdout.rstrip().endswith("Every claim was checked and is true.")


def test_the_story_is_the_whole_main_job(told):
    output = told[0].stdout
    in_order = [
        "v1.romfs has",
        "v2.romfs has",
        "boot file_version=0x00010000 slot=A cause=power-on",
        "notify unicast=True",
        "offer size=",
        "accepted file_version=0x00020000",
        "power on=False",
        "power on=True",
        "resume offset=",
        "bytes were fetched twice: at most one erase unit, 4096",
        "runs version 2 on trial",
        "confirmed",
        "the hub reads CurrentFileVersion 0x00020000",
        "the display shows version 2",
        "reason=digest-mismatch",
        "reason=unknown-key",
        "no slot was erased",
        "reason=rollback",
        "no slot was erased",
        "What happened",
    ]
    at = -1
    for text in in_order:
        found = [match for match in re.finditer(_any_order(text), output) if match.start() > at]
        assert found, f"{text!r} does not come, or not in its turn:\n{output}"
        at = found[0].start()
    # After the update and after each attack.
    assert output.count("the hub reads CurrentFileVersion 0x00020000") == 4
    assert output.count("slot B boots, with version 2 confirmed in it") == 4


def _any_order(text):
    """An event's fields come in the interpreter's order: every word of the text on one line."""
    words = text.split() if "=" in text else [text]
    return r"(?m)^" + "".join(f"(?=.*{re.escape(word)})" for word in words)


def test_the_table_has_every_row(told):
    rows = dict(re.findall(r"(?m)^│ (\S[^│]*?) +│(.*)│$", told[0].stdout))
    needed = {"frames, hub to device", "frames, device to hub", "blocks fetched", "bytes received twice"}
    needed |= {"bytes on air, to device", "bytes on air, to hub", "flash erases", "flash writes"}
    needed |= {"bytes programmed", "write amplification", "outage at activation"}
    needed |= {f"time {state}" for state in STATES}
    assert needed <= set(rows)
    values = {title: [cell.strip() for cell in cells.split("│")] for title, cells in rows.items()}
    assert all(len(cells) == 4 for cells in values.values())
    update, _, other_key, relabelled = (int(cell.replace(",", "")) for cell in values["bytes received twice"])
    assert 0 <= update <= ERASE_SIZE and other_key == relabelled == 0
    blocks = [int(cell.replace(",", "")) for cell in values["blocks fetched"]]
    assert min(blocks[:2]) > 400 and max(blocks[2:]) <= 12
    for state in ("no power", "downloading", "verifying", "on trial"):
        assert float(values[f"time {state}"][0].removesuffix(" s")) > 0


def test_what_is_kept(told):
    _, directory = told
    assert {path.name for path in directory.iterdir()} == {*SIX, "device"}
    assert stat.S_IMODE((directory / "private.pem").stat().st_mode) == 0o600
    anchor = keys.load_public(directory / "public.pem")
    digests = set()
    for release, version in ((1, "0x00010000"), (2, "0x00020000")):
        payload = (directory / f"v{release}.romfs").read_bytes()
        digests.add(hashlib.sha256(payload).digest())
        assert images.SMALLEST <= len(payload) <= images.LARGEST
        report = inspection.examine((directory / f"v{release}.ota").read_bytes(), [anchor])
        assert report.verdict == inspection.ACCEPTED
        shown = inspection.as_json("", report)
        assert shown["manifest"]["file_version"] == version
        assert [element["tag"] for element in shown["elements"]] == ["0x0000"]
    assert len(digests) == 2
    assert StateDir(directory / "device").holds_device


def test_the_payloads_are_the_same_every_time(told, tmp_path):
    """Another run, another directory, other keys: the same sources give the same bytes."""
    result = CliRunner().invoke(main, ["demo", "--images-only", "--keep", str(tmp_path / "again")])
    assert result.exit_code == 0, result.output
    assert {path.name for path in (tmp_path / "again").iterdir()} == SIX
    for name in ("v1.romfs", "v2.romfs"):
        assert (tmp_path / "again" / name).read_bytes() == (told[1] / name).read_bytes()
    assert (tmp_path / "again/private.pem").read_bytes() != (told[1] / "private.pem").read_bytes()


def test_it_keeps_nothing_over_what_is_there(tmp_path):
    (tmp_path / "mine").write_text("precious")
    result = CliRunner().invoke(main, ["demo", "--keep", str(tmp_path)])
    assert result.exit_code == 2 and "is not empty" in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_images_that_are_thrown_away_are_of_no_use():
    result = CliRunner().invoke(main, ["demo", "--images-only"])
    assert result.exit_code == 2 and "--keep" in result.output


@pytest.mark.parametrize(("limit", "value"), [("LARGEST", 1000), ("SMALLEST", 1_000_000)])
def test_a_payload_of_another_size_fails_in_a_sentence(monkeypatch, tmp_path, limit, value):
    monkeypatch.setattr(images, limit, value)
    result = CliRunner().invoke(main, ["demo", "--images-only", "--keep", str(tmp_path / "new")])
    assert result.exit_code == 1
    assert re.search(r"Error: the payload of release 1 has \d+ bytes, not", result.output)


def test_a_build_that_differs_fails_in_a_sentence(monkeypatch, tmp_path):
    builds = iter([bytes(30000), bytes(29999) + b"\1"])
    monkeypatch.setattr(images.romfs, "build", lambda package: next(builds))
    result = CliRunner().invoke(main, ["demo", "--images-only", "--keep", str(tmp_path / "new")])
    assert result.exit_code == 1 and "twice gave different bytes" in result.output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_running(tmp_path, number):
    directory = tmp_path / "kept"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(demo_command("--keep", directory), text=True, bufsize=1, **pipes) as process:
        watchdog = threading.Timer(DEMO_S, process.kill)
        watchdog.start()
        try:
            assert any("listening" in line for line in process.stdout), process.stderr.read()
            process.send_signal(number)
            errors = process.stderr.read()
            process.wait()
        finally:
            watchdog.cancel()
            process.kill()
    if number == signal.SIGKILL:
        assert process.returncode == -signal.SIGKILL
    else:
        assert process.returncode == 1 and errors.strip() == "Aborted!"
    # The device's processes share its lock: it is free only when all of them are gone.
    os.close(StateDir(directory / "device").acquire())


# Its parts


def test_time_goes_to_the_state_that_each_event_leads_to():
    events = [
        Event("notify", {}, 11.0),
        Event("offer", {}, 12.0),
        Event("power", {"on": False}, 15.0),
        Event("power", {"on": True}, 15.5),
        Event("boot", {}, 16.0),
        Event("resume", {"offset": 1, "size": 2}, 16.25),
        Event("all served", {}, 20.0),
        Event("verified", {}, 20.5),
        Event("reset", {}, 21.0),
        Event("boot", {}, 23.0),
        Event("trial", {}, 23.0),
        Event("confirmed", {}, 27.0),
    ]
    assert time_in_states(events, 10.0, 30.0) == {
        "idle": 2.0 + 0.25 + 3.0,
        "downloading": 3.0 + 3.75,
        "no power": 0.5,
        "starting": 0.5 + 2.0,
        "verifying": 0.5,
        "reporting the end": 0.5,
        "on trial": 4.0,
    }


def test_an_erased_unit_is_one_in_which_a_bit_rose():
    before = bytes([0xFF, 0xFF, 0x00, 0x0F, 0x00, 0x00, 0xF0, 0xF0])
    programmed = bytes([0x12, 0xFF, 0x00, 0x0E, 0x00, 0x00, 0x80, 0xF0])
    assert erased_units(before, programmed, 2) == []
    erased = bytes([0xFF, 0xFF, 0x00, 0x0F, 0x00, 0x01, 0xFF, 0xFF])
    assert erased_units(before, erased, 2) == [2, 3]


def test_an_event_shows_its_fields_but_not_the_devices_clock():
    event = Event("boot", {"t_ms": 12, "slot": "A"}, time.monotonic())
    assert str(event) == "boot slot=A"
    assert event.matches("boot", {"slot": "A"}) and not event.matches("boot", {"slot": "B"})
