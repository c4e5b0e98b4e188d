"""The host board: the interpreter as a process of its own, started anew at each reset."""

import asyncio
import json
import os
import sys

from tools import layout
from tools.emulator.machine import Life, Machine, Options, pipe_writer
from tools.emulator.state_dir import StateDir


class HostMachine(Machine):
    """``lock``: the state directory's, shared with the device's process."""

    needs_watchdog = True
    ends_by_crash = True

    def __init__(self, state: StateDir, options: Options, lock: int):
        self._state = state
        self._options = options
        self._lock = lock

    async def start(self, cause: str) -> Life:
        read_end, write_end = os.pipe()
        # The device polls: its reads must not block. The flag is the pipe end's, so it is set here.
        os.set_blocking(read_end, False)
        process = await asyncio.create_subprocess_exec(
            *self._command(cause),
            stdin=read_end,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            pass_fds=[self._lock],
            # From elsewhere, a directory of the same name as one of our packages would be taken for it.
            cwd=layout.ROOT,
            start_new_session=True,
            limit=1 << 20,
        )
        os.close(read_end)
        assert process.stdout is not None and process.stderr is not None
        return Life(process, process.stderr, process.stdout, await pipe_writer(write_end))

    def _command(self, cause: str) -> list[str]:
        options = self._options
        runtime = {"parent": os.getpid(), "cause": cause, **options.facts()}
        launcher = ["-m", "tools.emulator.launcher", str(self._state.path.resolve()), json.dumps(runtime)]
        return [sys.executable, *launcher, options.interpreter, options.heap]
