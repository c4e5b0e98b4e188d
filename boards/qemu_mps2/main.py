"""Frozen, run after every reset (chip/start.c): the device, until it resets, crashes, or Ctrl-C ends it."""

import gc
import sys
import time

import mps2  # type: ignore[import-not-found]

_CRASH_PAUSE = 1  # seconds, so that a crash loop does not spin

# Collect often, not only when the heap is full: what lives long then lies close together.
gc.threshold(4096)
# A reset may have cut a line off.
sys.stdout.write("\n")
try:
    from boards.common.start import start
    from boards.qemu_mps2.board import Board

    start(Board())
except KeyboardInterrupt:
    raise
except BaseException as failure:  # noqa: BLE001  the last resort: say it on the console, then crash
    sys.print_exception(failure)  # type: ignore[arg-type]
    time.sleep(_CRASH_PAUSE)
    mps2.crash()
