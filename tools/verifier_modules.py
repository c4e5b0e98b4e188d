"""The modules that a device gets at the factory for its verifier: a pinned key's table, native code."""

from boards.common import verifier
from tools import native_modules, pinned_table, romfs

# Which build of the native module a board's processor runs.
ARCHITECTURES = {"host": "x64", "qemu_mps2": "armv7m"}


def modules(choice: str, board: str, public_key: bytes) -> dict[str, bytes]:
    """File name to contents, as they lie in the board's fixed memory. ``public_key``: the one to pin.

    ValueError if it has to be pinned and is no point of the curve.
    """
    files: dict[str, bytes] = {}
    if choice in (verifier.PINNED, verifier.NATIVE_PINNED):
        source = pinned_table.as_module(public_key).encode()
        files |= romfs.compiled_all({f"{verifier.TABLE_MODULE}.py": source})
    if choice in (verifier.NATIVE, verifier.NATIVE_PINNED):
        path = native_modules.module(ARCHITECTURES[board])
        files[f"{verifier.NATIVE_MODULE}.mpy"] = path.read_bytes()
    return files
