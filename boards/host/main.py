"""The host board's main.py on MicroPython: mounts the boot ROM and starts what is in it.

The boot ROM stands for what is frozen on a real board: code that runs in place and that no download
replaces. Arguments: the provisioned identity's file, and this start's facts as JSON in pieces.
"""

import gc
import json
import sys

import uctypes
import vfs

# Collect often, not only when the heap is full: what lives long then lies close together. Without it the
# 128 KiB heap has 20 KiB free after boot, but nowhere the 1 KiB in one piece that a signature check needs.
gc.threshold(4096)
runtime = json.loads("".join(sys.argv[2:]))
vfs.mount(vfs.VfsRom(memoryview(uctypes.bytearray_at(runtime["rom"], runtime["rom_size"]))), "/rom")  # type: ignore[abstract]
# Only the ROM, and later the slot, provide modules: nothing is picked up from the host by accident.
sys.path[:] = ["/rom", ".frozen"]
try:
    __import__("boards.host.start")
    sys.modules["boards.host.start"].main(sys.argv[1], runtime)
except Exception as failure:  # noqa: BLE001  the last resort: say it on the console, then crash
    # The port would print it on standard output, which is the HAN link here.
    sys.print_exception(failure, sys.stderr)  # type: ignore[arg-type]
    sys.exit(1)
