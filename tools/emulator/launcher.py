"""The emulated board's silicon: maps flash, registers and screen, then becomes the interpreter.

Runs as a process of its own: ``python -m tools.emulator.launcher STATE_DIR RUNTIME_JSON INTERPRETER HEAP``.
The real MicroPython runs inside this process and sees the mapped files as memory; the board's own firmware
takes its place and maps them itself. When the emulator dies, so does this process: that is the power cut.
"""

import ctypes
import json
import mmap
import os
import signal
import sys
from pathlib import Path

from boards.common import flash_map as fm
from tools.emulator.machine import MICROPYTHON, PYTHON
from tools.emulator.state_dir import StateDir

_PR_SET_PDEATHSIG = 1
_MAIN_MODULE = "boards.host.main"  # in the firmware
# In the environment: MicroPython would keep an argument in its heap for ever.
_FACTS = "HANOTA_START"


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
    places = {
        "flash": (state.flash, fm.FLASH_SIZE),
        "registers": (state.registers, fm.REGISTERS_SIZE),
        "screen": (state.screen, fm.SCREEN_SIZE),
    }
    runtime["rom_size"] = state.rom.stat().st_size
    if interpreter not in (MICROPYTHON, PYTHON):
        places["rom"] = (state.rom, runtime["rom_size"])
        runtime["files"] = {name: (str(path.resolve()), size) for name, (path, size) in places.items()}
        # MicroPython looks in the working directory first: none of our packages is there.
        os.chdir(state.path)
        os.environ[_FACTS] = json.dumps(runtime)
        os.execv(interpreter, _arguments(heap, ["-m", _MAIN_MODULE], state))
    memories = {name: _map(path, size) for name, (path, size) in places.items()}
    if interpreter == PYTHON:
        from boards.host.start import main as board_main

        runtime.update(memories)
        board_main(str(state.device), lambda: runtime)
        return
    import micropython_run

    memories["rom"] = _map(state.rom, runtime["rom_size"])
    for name, memory in memories.items():
        runtime[name] = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    os.environ[_FACTS] = json.dumps(runtime)
    sys.exit(micropython_run.run_main(_arguments(heap, [str(state.main)], state)))


def _arguments(heap: str, main: list[str], state: StateDir) -> list[str]:
    return ["micropython", "-X", f"heapsize={heap}", *main, str(state.device)]


if __name__ == "__main__":
    main()
