"""The boot ROM of the host board: what no download replaces, as a file system that runs in place."""

from tools import layout, romfs

# The host board's own files, beside what every board keeps fixed.
_BOARD = [
    "boards/__init__.py",
    "boards/host/__init__.py",
    "boards/host/board.py",
    "boards/host/flash_map.py",
    "boards/host/start.py",
    "hal/sim/__init__.py",
    "hal/sim/nor_flash.py",
]
MAIN = layout.ROOT / "boards/host/main.py"


def rom_files() -> list[str]:
    """Sorted paths, relative to the project's root."""
    return sorted([*layout.fixed_files(), *_BOARD])


def build_rom() -> bytes:
    """The ROM's image."""
    return romfs.write(romfs.compiled_all({name: (layout.ROOT / name).read_bytes() for name in rom_files()}))
