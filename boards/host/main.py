"""The host board's main.py on MicroPython: mounts the boot ROM and starts what is in it.

The boot ROM stands for what is frozen on a real board: code that runs in place and that no download
replaces. In the board's own firmware (mpconfigvariant.mk) it is frozen, and so is this; of the boot ROM only
the verifier's modules are used then. Argument: the provisioned identity's file; the environment has this
start's facts.
"""

import gc
import json
import os
import sys

import uctypes
import vfs

# Collect often, not only when the heap is full: what lives long then lies close together. Without it the
# 128 KiB heap has 20 KiB free after boot, but nowhere the 1 KiB in one piece that a signature check needs.
gc.threshold(4096)


def mounted():
    """This start's facts, each memory's address among them; the boot ROM is mounted."""
    runtime = json.loads(os.getenv("HANOTA_START"))  # type: ignore[type-var]
    if "files" in runtime:
        import silicon  # type: ignore[import-not-found]

        for name, (path, size) in runtime.pop("files").items():
            runtime[name] = silicon.map(path, size)
    rom = uctypes.bytearray_at(runtime["rom"], runtime["rom_size"])
    vfs.mount(vfs.VfsRom(memoryview(rom)), "/rom")  # type: ignore[abstract]
    return runtime


# Only the firmware and the ROM, and later the slot, provide modules: nothing is picked up from the host by
# accident. Stock MicroPython's own frozen modules have other names.
sys.path[:] = [".frozen", "/rom"]
facts = [mounted()]
try:
    __import__("boards.host.start")
    sys.modules["boards.host.start"].main(sys.argv[1], facts.pop)
except Exception as failure:  # noqa: BLE001  the last resort: say it on the console, then crash
    # The port would print it on standard output, which is the HAN link here.
    sys.print_exception(failure, sys.stderr)  # type: ignore[arg-type]
    sys.exit(1)
