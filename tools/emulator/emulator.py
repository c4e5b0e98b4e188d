"""An emulated device with power: starts the interpreter, joins its HAN link to a stream, restarts it.

The device's processes die with this one, so killing it is a power cut. It owns the link's stream, which
therefore outlives the device's own resets, as a radio network does.
"""

import asyncio
import json
import mmap
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from boards.host import flash_map as fm
from firmware_agent import boot
from tools import layout
from tools.emulator.link_port import LinkPort
from tools.emulator.state_dir import StateDir
from tools.errors import Failed

_CRASH_PAUSE = 1.0  # seconds before a crashed device restarts, so that a crash loop does not spin
_WATCHDOG_LOOK = 0.5


@dataclass
class Options:
    """How to run the device."""

    address: int = 0x1234
    endpoint: int = 1
    profile: int = 0x0104
    interpreter: str = "micropython"
    heap: str = "128k"
    max_data_size: int = 63


class Emulator:
    """``emit``: takes each event, a dict with "event" and "t_ms"."""

    def __init__(self, state: StateDir, options: Options, lock: int, emit: Callable[[dict], None]):
        self._state = state
        self._options = options
        self._lock = lock
        self._emit = emit
        self._started = time.monotonic()
        with state.registers.open("r+b") as file:
            self._registers = mmap.mmap(file.fileno(), fm.REGISTERS_SIZE)
        self._registers[fm.REG_JOINED] = 0
        self._child_input: asyncio.StreamWriter | None = None
        self._peer = LinkPort(self._to_device, self._joined)

    def emit(self, event: str, **fields) -> None:
        """One event of the emulator's own."""
        self._emit({"event": event, "t_ms": self._now(), **fields})

    @property
    def port(self) -> LinkPort:
        """The link's outer end."""
        return self._peer

    async def run(self) -> None:
        """Power on, and on and on. Failed if nothing boots; otherwise ends by cancellation."""
        cause = boot.POWER_ON
        while True:
            cause = await self._life(cause)

    def _now(self) -> int:
        return round((time.monotonic() - self._started) * 1000)

    def _joined(self, joined: bool) -> None:
        self._registers[fm.REG_JOINED] = int(joined)

    async def _to_device(self, data: bytes) -> None:
        child = self._child_input
        if child is not None:
            try:
                child.write(data)
                await child.drain()
            except ConnectionError:
                pass  # it is resetting: what was on the air is lost

    async def _life(self, cause: str) -> str:
        """One life of the device, from reset to reset; returns the next one's cause."""
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
        self._child_input = await _pipe_writer(write_end)
        assert process.stdout is not None and process.stderr is not None
        watchdog = asyncio.create_task(self._watch(process))
        try:
            await asyncio.gather(self._from_device(process.stdout), self._console(process.stderr))
            code = await process.wait()
        finally:
            bitten = watchdog.done() and not watchdog.cancelled()
            watchdog.cancel()
            self._child_input.close()
            self._child_input = None
            if process.returncode is None:
                process.kill()
                await process.wait()
        if bitten:
            return boot.WATCHDOG
        if code == fm.EXIT_RESET:
            return boot.RESET
        if code == fm.EXIT_NOTHING_BOOTS:
            raise Failed("no slot holds an image that may run; the device stays down")
        if code == fm.EXIT_NO_DEVICE:
            raise Failed(f"the flash in {self._state.path} holds no device")
        await asyncio.sleep(_CRASH_PAUSE)
        return boot.CRASH

    def _command(self, cause: str) -> list[str]:
        options = self._options
        runtime = {
            "parent": os.getpid(),
            "cause": cause,
            "address": options.address,
            "endpoint": options.endpoint,
            "profile": options.profile,
            "max_data_size": options.max_data_size,
        }
        launcher = ["-m", "tools.emulator.launcher", str(self._state.path.resolve()), json.dumps(runtime)]
        return [sys.executable, *launcher, options.interpreter, options.heap]

    async def _from_device(self, stream: asyncio.StreamReader) -> None:
        while data := await stream.read(4096):
            self._peer.send(data)

    async def _console(self, stream: asyncio.StreamReader) -> None:
        """Events become events; anything else the device says goes to our standard error."""
        while line := await stream.readline():
            try:
                event = json.loads(line)
                self._emit({"event": event.pop("event"), "t_ms": self._now(), **event})
            except (ValueError, KeyError, AttributeError):
                sys.stderr.write(line.decode(errors="replace"))
                sys.stderr.flush()

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        """The watchdog: returns once it has bitten."""
        fed = self._registers[fm.REG_WATCHDOG]
        last = time.monotonic()
        while True:
            await asyncio.sleep(_WATCHDOG_LOOK)
            now = time.monotonic()
            if self._registers[fm.REG_WATCHDOG] != fed:
                fed = self._registers[fm.REG_WATCHDOG]
                last = now
            elif now - last > fm.WATCHDOG_SECONDS:
                process.send_signal(signal.SIGKILL)
                return


async def _pipe_writer(descriptor: int) -> asyncio.StreamWriter:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.connect_write_pipe(
        lambda: asyncio.streams.FlowControlMixin(loop), os.fdopen(descriptor, "wb", buffering=0)
    )
    return asyncio.StreamWriter(transport, protocol, None, loop)
