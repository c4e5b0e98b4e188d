"""`make firmware` on a machine that lacks something: one line says what, and how to get it."""

import os
import subprocess
import sys

import pytest

from tools import boot_files, firmware, layout
from tools.errors import Failed

COMPILERS = {"qemu_mps2": "arm-none-eabi-gcc", "host": "gcc"}


def refused(board, place, exit_codes):
    """What the build says where the only tools are these; each ends with its exit code."""
    for name, code in exit_codes.items():
        tool = place / name
        tool.write_text(f"#!/bin/sh\nexit {code}\n")
        tool.chmod(0o755)
    command = [sys.executable, "-m", "tools.firmware", board]
    environment = {**os.environ, "PATH": str(place)}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, cwd=layout.ROOT, timeout=60, check=False
    )
    assert done.returncode == 1
    return done.stderr.strip()


@pytest.mark.parametrize("board", COMPILERS)
def test_a_missing_tool_is_one_clear_line(board, tmp_path):
    tools = ("make", COMPILERS[board])
    for missing in tools:
        place = tmp_path / missing
        place.mkdir()
        (line,) = refused(board, place, {name: 0 for name in tools if name != missing}).splitlines()
        assert f"no {missing} here" in line and "make toolchain" in line


@pytest.mark.parametrize("board", COMPILERS)
def test_a_compiler_without_a_c_library_is_told(board, tmp_path):
    told = refused(board, tmp_path, {"make": 0, COMPILERS[board]: 1})
    assert "has no C library" in told and "make toolchain" in told


def test_a_device_without_its_board_s_firmware_is_told_how_to_build_that(tmp_path, monkeypatch):
    monkeypatch.setattr(firmware, "BUILD", tmp_path)
    with pytest.raises(Failed, match="no firmware for host yet; build it: make firmware BOARD=host"):
        firmware.built("host")


@pytest.mark.parametrize("board", COMPILERS)
def test_firmware_of_other_sources_is_told_from_one_of_these(board, tmp_path, monkeypatch):
    monkeypatch.setattr(firmware, "BUILD", tmp_path)
    with pytest.raises(FileNotFoundError):
        firmware.is_stale(board)
    frozen = tmp_path / board / "frozen"
    for name, data in boot_files.frozen_sources(board).items():
        (frozen / name).parent.mkdir(parents=True, exist_ok=True)
        (frozen / name).write_bytes(data)
    configuration = tmp_path / board / "configuration"
    files = sorted((layout.ROOT / "boards" / board).glob("mpconfig*"))
    assert files
    configuration.write_bytes(b"".join(file.read_bytes() for file in files))
    built = firmware.firmware_of(board)
    built.write_bytes(b"")
    assert not firmware.is_stale(board)
    os.utime(built, (0, 0))
    assert firmware.is_stale(board), "a source in C is newer"
    os.utime(built)
    configuration.write_bytes(b"another")
    assert firmware.is_stale(board)
    configuration.write_bytes(b"".join(file.read_bytes() for file in files))
    (frozen / "firmware_agent/boot.py").write_bytes(b"another")
    assert firmware.is_stale(board)


def test_a_slot_s_modules_have_their_names_in_the_firmware():
    names = firmware._names("qemu_mps2").splitlines()
    for name in ("firmware_agent.protocol.endpoint", "endpoint", "/app/firmware_agent/protocol/endpoint.mpy"):
        assert f"Q({name})" in names
    assert "Q(firmware_agent.trust.verifier)" in names and len(names) == len(set(names))
