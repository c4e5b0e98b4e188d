"""The program as a whole: its help, its names, arguments that are of no use."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.command_line.running import run
from tools import layout
from tools.cli import COMMANDS


def test_help_teaches_every_command_in_its_usual_order():
    text = run("--help")
    assert [line.split()[0] for line in text.split("Commands:")[1].strip().splitlines()] == list(COMMANDS)
    for step in ("keygen --out", "build ", "sign ", "inspect ", "emulate ", "serve "):
        assert f"hanota {step}" in text
    assert "0 done or accepted, 1 refused" in text


@pytest.mark.parametrize("name", ["keygen", "build", "sign", "inspect"])
def test_each_command_explains_itself_with_an_example(name):
    text = run(name, "--help")
    assert f"  hanota {name} " in text.split("Example:")[1]


def test_help_imports_no_command():
    code = (
        "import sys; from tools.cli import main; main(['--help'], standalone_mode=False); "
        "heavy = ('tools.commands', 'zigpy', 'cryptography', 'cbor2'); "
        "print([name for name in sys.modules if name.startswith(heavy)])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=layout.ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("program", [["-m", "tools"], [str(Path(sys.executable).with_name("hanota"))]])
def test_both_names_run_the_same_program(program, tmp_path):
    command = [sys.executable, *program]
    done = subprocess.run([*command, "--help"], cwd=layout.ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "hanota keygen" in done.stdout
    (tmp_path / "noise").write_bytes(b"noise")
    done = subprocess.run(
        [*command, "inspect", str(tmp_path / "noise")],
        cwd=layout.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1 and "refused: malformed-file" in done.stdout and not done.stderr


@pytest.mark.parametrize(
    "arguments", [["frobnicate"], ["sign"], ["inspect"], ["keygen"], ["build"], ["--frob"]]
)
def test_unusable_arguments_end_with_2(arguments):
    assert "Error" in run(*arguments, code=2)
