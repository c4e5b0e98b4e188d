"""What no download replaces: the host board's ROM, a file system run in place; other boards freeze it.

The recovery agent is in it: a copy of what each payload carries, for the day when neither slot may run.
"""

from tools import layout, romfs

# What a board keeps fixed beside what every board does.
_COMMON = ["boards/__init__.py", "boards/common/*.py"]
_BOARDS = {
    "host": ["boards/host/__init__.py", "boards/host/board.py", "boards/host/start.py", "hal/sim/__init__.py"]
    + ["hal/sim/nor_flash.py"],
    "qemu_mps2": ["boards/qemu_mps2/*.py"],
}
HOST_ARCHITECTURE = "x64"
MAIN = layout.ROOT / "boards/host/main.py"


def fixed_files(board: str) -> list[str]:
    """Sorted paths, relative to the project's root."""
    files = layout.matches([*_COMMON, *_BOARDS[board]]) | set(layout.fixed_files() + layout.updatable_files())
    # That one is read by MicroPython's build.
    return sorted(files - {f"boards/{board}/manifest.py"})


def fixed_sources(board: str) -> dict[str, bytes]:
    """Their sources, with the constants folded, as they are frozen."""
    return romfs.folded({name: (layout.ROOT / name).read_bytes() for name in fixed_files(board)})


def frozen_sources(board: str) -> dict[str, bytes]:
    """What ``board``'s firmware has frozen."""
    sources = fixed_sources(board)
    if board == "host":
        sources[MAIN.relative_to(layout.ROOT).as_posix()] = MAIN.read_bytes()
    return sources


def build_rom(modules: dict[str, bytes] | None = None) -> bytes:
    """The host board's ROM. ``modules``: what the device's verifier needs beside it, compiled."""
    sources = {name: (layout.ROOT / name).read_bytes() for name in fixed_files("host")}
    files = romfs.compiled_all(sources, HOST_ARCHITECTURE)
    return romfs.write({**files, **(modules or {})})
