"""Bench files and plans: what is wrong in one is said with its place and what to write, exit code 2."""

import re

import pytest
from click.testing import CliRunner

from tools import layout
from tools.cli import main
from tools.rig import bench_file, plan, steps

GOOD = """
[bench.desk]
console = "/dev/ttyACM0"
han = "/dev/ttyUSB0"
key = "private.pem"
hub = "own"
[bench.desk.power]
kind = "relay"
port = "/dev/ttyUSB1"
on = "A0 01 01 A2"
off = "A00100A1"
[bench.switched]
console = "/dev/ttyACM1"
han = "/dev/ttyUSB2"
key = "private.pem"
baud = 57600
device = "ihd"
[bench.switched.power]
kind = "command"
on = ["uhubctl", "-a", "on"]
off = ["uhubctl", "-a", "off"]
[bench.emulated.power]
kind = "emulated"
board = "host"
"""
BAD_BENCHES = [
    ("[bench\n", "is not TOML", "line 1"),
    ("[bench]", "bench", "is empty"),
    ("x = 1\n[bench.a.power]\nkind='emulated'\nboard='host'", "benches.toml.x", "nobody reads this"),
    (GOOD.replace('console = "/dev/ttyACM0"\n', ""), "bench.desk.console", "is missing"),
    (GOOD.replace('key = "private.pem"\nhub', "hub"), "bench.desk.key", "trust anchor"),
    (GOOD.replace("private.pem", "nowhere.pem"), "bench.desk.key", "there is no"),
    (GOOD.replace('"relay"', '"relais"'), "bench.desk.power.kind", "do you mean relay?"),
    (GOOD.replace("A0 01 01 A2", "A0 0"), "bench.desk.power.on", "hexadecimal"),
    (GOOD.replace("baud = 57600", 'baud = "57600"'), "bench.switched.baud", "from 1200 to 4000000"),
    (GOOD.replace("baud = 57600", "baud = 12"), "bench.switched.baud", "12 is not a number from"),
    (GOOD.replace("baud = 57600", "bauds = 57600"), "bench.switched.bauds", "do you mean baud?"),
    (GOOD.replace('["uhubctl", "-a", "on"]', '"uhubctl"'), "bench.switched.power.on", "list of texts"),
    (GOOD.replace('"ihd"', '"tv"'), "bench.switched.device", "ppmid, ihd, hcalcs"),
    (GOOD.replace("ttyUSB0", "ttyACM0"), "bench.desk.han", "is the console"),
    (GOOD.replace('board = "host"', 'board = "hst"'), "bench.emulated.power.board", "do you mean host?"),
    (GOOD + '[bench.emulated]\nconsole = "/dev/x"', "bench.emulated", "makes its own ports"),
]
BAD_PLANS = [
    ("step = 1", "plan.toml.step", "array of tables"),
    ("[[step]]", "plan.toml.step[1].do", "is missing"),
    ("[[step]]\ndo = 'cut'", "plan.toml.step[1].do", "do you mean cuts?"),
    ("[[step]]\ndo = 'cuts'\ncount = 0", "plan.toml.step[1].count", "from 1 to"),
    ("[[step]]\ndo = 'update'\n[[step]]\ndo = 'hang'\ncount = 3", "plan.toml.step[2].count", "nobody reads"),
    ("[[step]]\ndo = 'on-device'", "plan.toml.step[1].tests", "is missing"),
]


@pytest.fixture(autouse=True)
def in_a_folder_with_a_key(tmp_path, monkeypatch):
    (tmp_path / "private.pem").write_text("")
    monkeypatch.chdir(tmp_path)


def test_a_good_file(tmp_path):
    path = tmp_path / "benches.toml"
    path.write_text(GOOD)
    benches = bench_file.read(path)
    assert list(benches) == ["desk", "switched", "emulated"]
    desk = benches["desk"]
    assert (desk.console, desk.han, desk.baud, desk.hub) == ("/dev/ttyACM0", "/dev/ttyUSB0", 115200, "own")
    assert desk.power == bench_file.RelayPower("/dev/ttyUSB1", 9600, b"\xa0\x01\x01\xa2", b"\xa0\x01\x00\xa1")
    assert benches["switched"].power.off == ("uhubctl", "-a", "off")
    assert benches["switched"].device == "ihd"
    assert benches["emulated"].key is None
    locks = {spec.lock for spec in benches.values()}
    assert len(locks) == 3
    assert bench_file.read(path)["desk"].lock == desk.lock


@pytest.mark.parametrize(("text", "where", "what"), BAD_BENCHES)
def test_a_bad_bench_file(tmp_path, text, where, what):
    path = tmp_path / "benches.toml"
    path.write_text(text)
    result = CliRunner().invoke(main, ["rig", "run", "smoke", "--benches", str(path)])
    assert result.exit_code == 2, result.output
    assert where in result.output and what in result.output, result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize(("text", "where", "what"), BAD_PLANS)
def test_a_bad_plan(tmp_path, text, where, what):
    path = tmp_path / "plan.toml"
    path.write_text(text)
    result = CliRunner().invoke(main, ["rig", "run", str(path)])
    assert result.exit_code == 2, result.output
    assert where in result.output and what in result.output, result.output


def test_unknown_names_and_missing_files():
    for arguments, what in (
        (["smok"], "there is: smoke, long"),
        (["no.toml"], "cannot read no.toml"),
        (["smoke", "--bench", "nope"], "has no bench 'nope'; it has: qemu_mps2"),
        (["smoke", "--benches", "no.toml"], "cannot read no.toml"),
    ):
        result = CliRunner().invoke(main, ["rig", "run", *arguments])
        assert result.exit_code == 2 and what in result.output, result.output


def test_list_shows_benches_and_plans(tmp_path):
    path = _written(tmp_path / "benches.toml", GOOD)
    result = CliRunner().invoke(main, ["rig", "list", "--benches", str(path)])
    assert result.exit_code == 0
    assert "bench desk: console /dev/ttyACM0, HAN /dev/ttyUSB0, hub own\n" in result.output
    assert "bench emulated: an emulated board, hub zigpy\n" in result.output
    assert "plan smoke: update; cuts, count 25, each 25; hang; crash-loop;" in result.output


def test_a_plan_of_a_file_is_one_registered_here(tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text("[[step]]\ndo = 'cuts'\ncount = 7\n[[step]]\ndo = 'on-device'\ntests = ['test_link']\n")
    found = plan.find(str(path))
    assert found.name == "plan"
    assert found.steps == (plan.step("cuts", count=7), plan.step("on-device", "test_link"))
    assert plan.find("smoke").steps[1] == plan.step("cuts", count=25)


def test_a_run_does_not_replace_what_it_did_not_make(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("years of work")
    result = CliRunner().invoke(main, ["rig", "run", "smoke", "--out", str(tmp_path / "out")])
    assert result.exit_code == 2 and "give another --out" in result.output
    assert (tmp_path / "out" / "thesis.txt").read_text() == "years of work"


def test_the_bench_file_of_the_page(tmp_path):
    lines = (
        (layout.ROOT / "docs/rig.md").read_text().split("## Bench file")[1].split("## Plans")[0].splitlines()
    )
    text = "\n".join(line[4:] for line in lines if line.startswith("    "))
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "private.pem").write_text("")
    (tmp_path / "my_display").mkdir()
    benches = bench_file.read(_written(tmp_path / "desk.toml", text))
    assert list(benches) == ["desk", "shelf", "m3"]
    assert benches["desk"].console.startswith("/dev/serial/by-id/")
    assert isinstance(benches["shelf"].power, bench_file.RelayPower)
    assert benches["m3"].power == bench_file.EmulatedPower("qemu_mps2", None, "128k")


def test_every_step_is_on_the_page():
    page = (layout.ROOT / "docs/rig.md").read_text()
    table = page.split("| step | does")[1].split("\n\n")[0]
    assert set(
        re.findall(r"`([a-z-]+)`", "\n".join(row.split("|")[1] for row in table.splitlines()[2:]))
    ) == set(plan.KINDS)
    assert set(steps.RUNS) == set(plan.KINDS)


def _written(path, text):
    path.write_text(text)
    return path
