"""The emulated board's silicon: maps flash, registers and screen, then becomes the interpreter.

Runs as a process of its own: ``python -m tools.emulator.launcher STATE_DIR RUNTIME_JSON INTERPRETER HEAP``.
The real MicroPython runs inside this process and sees the mapped files as memory. When the emulator
dies, so does this process: that is the power cut.
"""

import ctypes
import json
import mmap
import os
import signal
import sys
from pathlib import Path

from boards.common import flash_map as fm
from tools.emulator.state_dir import StateDir

_PR_SET_PDEATHSIG = 1
_LONGEST_ARGUMENT = 200  # MicroPython interns arguments: above 255 bytes it ends before it starts


def die_with(parent: int) -> None:
    """Have the kernel kill this process when ``parent`` ends, however it ends."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it ended before the line above
        os.kill(os.getpid(), signal.SIGKILL)


def _map(path: Path, size: int) -> mmap.mmap:
    with path.open("r+b") as file:
        return mmap.mmap(file.fileno(), size)


def main() -> None:
    """Never returns normally: exits with the interpreter's code."""
    state_dir, runtime_json, interpreter, heap = sys.argv[1:]
    runtime = json.loads(runtime_json)
    die_with(runtime.pop("parent"))
    state = StateDir(Path(state_dir))
    memories = {
        "flash": _map(state.flash, fm.FLASH_SIZE),
        "registers": _map(state.registers, fm.REGISTERS_SIZE),
        "screen": _map(state.screen, fm.SCREEN_SIZE),
    }
    if interpreter == "python":
        from boards.host.start import main as board_main

        runtime.update(memories)
        board_main(str(state.device), runtime)
        return
    import micropython_run

    runtime["rom_size"] = state.rom.stat().st_size
    memories["rom"] = _map(state.rom, runtime["rom_size"])
    for name, memory in memories.items():
        runtime[name] = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    arguments = ["micropython", "-X", f"heapsize={heap}", str(state.main), str(state.device)]
    facts = json.dumps(runtime)
    pieces = [facts[at : at + _LONGEST_ARGUMENT] for at in range(0, len(facts), _LONGEST_ARGUMENT)]
    sys.exit(micropython_run.run_main([*arguments, *pieces]))


if __name__ == "__main__":
    main()
