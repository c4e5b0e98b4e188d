"""`make firmware` on a machine that lacks something: one line says what, and how to get it."""

import os
import subprocess
import sys

import pytest

from tools import layout

TOOLS = ("make", "arm-none-eabi-gcc")


@pytest.mark.parametrize("missing", TOOLS)
def test_a_missing_tool_is_one_clear_line(missing, tmp_path):
    for name in TOOLS:
        if name != missing:
            tool = tmp_path / name
            tool.write_text("#!/bin/sh\nexit 0\n")
            tool.chmod(0o755)
    command = [sys.executable, "-m", "tools.firmware", "qemu_mps2"]
    environment = {**os.environ, "PATH": str(tmp_path)}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, cwd=layout.ROOT, timeout=60, check=False
    )
    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert f"no {missing} here" in line and "make toolchain" in line


def test_a_compiler_without_a_c_library_is_told(tmp_path):
    for name, code in (("make", 0), ("arm-none-eabi-gcc", 1)):
        tool = tmp_path / name
        tool.write_text(f"#!/bin/sh\nexit {code}\n")
        tool.chmod(0o755)
    command = [sys.executable, "-m", "tools.firmware", "qemu_mps2"]
    environment = {**os.environ, "PATH": str(tmp_path)}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, cwd=layout.ROOT, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "has no C library" in done.stderr and "make toolchain" in done.stderr
