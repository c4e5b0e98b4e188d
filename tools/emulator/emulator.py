"""An emulated device with power: starts the interpreter, joins its HAN link to a stream, restarts it.

The device's processes die with this one, so killing it is a power cut. It owns the link's stream, which
therefore outlives the device's own resets, as a radio network does.
"""

import asyncio
import json
import signal
import sys
import time
from collections.abc import Callable

from boards.common import flash_map as fm
from boards.qemu_mps2 import memory_map as mm
from firmware_agent import boot
from tools.emulator.host_machine import HostMachine
from tools.emulator.link_port import LinkPort
from tools.emulator.machine import HEAPS, Machine, Options
from tools.emulator.qemu_machine import QemuMps2Machine
from tools.emulator.state_dir import StateDir
from tools.errors import Failed

MACHINES: dict[str, Callable[[StateDir, Options, int], Machine]] = {
    "host": HostMachine,
    "qemu_mps2": QemuMps2Machine,
}

_CRASH_PAUSE = 1.0  # seconds before a crashed device restarts, so that a crash loop does not spin
_WATCHDOG_LOOK = 0.5
_CONSOLE_KEEPS = 1 << 16  # as a terminal server does: who opens the console late still sees the boot


class Emulator:
    """``emit``: takes each event, a dict with "event" and "t_ms"."""

    def __init__(self, state: StateDir, options: Options, lock: int, emit: Callable[[dict], None]):
        self._state = state
        options.heap = options.heap or HEAPS[state.board]
        self._machine = MACHINES[state.board](state, options, lock)
        self._emit = emit
        self._started = time.monotonic()
        self._registers = state.map_registers()
        self._registers[fm.REG_JOINED] = 0
        self._utc = options.utc
        self._set_clock()
        self._child_input: asyncio.StreamWriter | None = None
        self._console_input: asyncio.StreamWriter | None = None
        self._peer = LinkPort(self._to_device, self._joined)
        self._console_peer = LinkPort(self._to_console, lambda joined: None, keeps=_CONSOLE_KEEPS)

    def emit(self, event: str, **fields) -> None:
        """One event of the emulator's own."""
        self._emit({"event": event, "t_ms": self._now(), **fields})

    @property
    def port(self) -> LinkPort:
        """The link's outer end."""
        return self._peer

    @property
    def console_port(self) -> LinkPort:
        """The console's outer end, for whoever wants more of it than events."""
        return self._console_peer

    async def run(self) -> None:
        """Power on, and on and on. Failed if nothing boots; otherwise ends by cancellation."""
        cause = boot.POWER_ON
        while True:
            cause = await self._life(cause)

    def _now(self) -> int:
        return round((time.monotonic() - self._started) * 1000)

    def _set_clock(self) -> None:
        """The battery-backed clock goes on, whatever the device does; 0 if the board has none."""
        now = 0 if self._utc is None else self._utc + int(time.monotonic() - self._started)
        self._registers[fm.REG_UTC : fm.REG_UTC + 4] = now.to_bytes(4, "little")

    def _joined(self, joined: bool) -> None:
        self._registers[fm.REG_JOINED] = int(joined)

    async def _to_device(self, data: bytes) -> None:
        await _put(self._child_input, data)

    async def _to_console(self, data: bytes) -> None:
        await _put(self._console_input, data)

    async def _life(self, cause: str) -> str:
        """One life of the device, from reset to reset; returns the next one's cause."""
        life = await self._machine.start(cause)
        process = life.process
        self._child_input = life.to_device
        self._console_input = life.to_console
        watchdog = asyncio.create_task(self._watch(process))
        try:
            await asyncio.gather(self._from_device(life.from_device), self._console(life.console))
            code = await process.wait()
        finally:
            bitten = watchdog.done() and not watchdog.cancelled()
            watchdog.cancel()
            self._child_input.close()
            self._child_input = self._console_input = None
            if process.returncode is None:
                process.kill()
                await process.wait()
        if bitten:
            return boot.WATCHDOG
        if code == fm.EXIT_RESET:
            return boot.RESET
        if code == fm.EXIT_NO_DEVICE:
            raise Failed(f"the flash in {self._state.path} holds no device")
        if code == mm.EXIT_POWER_CUT:
            raise Failed("the power was lost in the flash operation that was armed")
        if not self._machine.ends_by_crash:
            raise Failed(f"the emulated board ended with status {code}")
        await asyncio.sleep(_CRASH_PAUSE)
        return boot.CRASH

    async def _from_device(self, stream: asyncio.StreamReader) -> None:
        while data := await stream.read(4096):
            self._peer.send(data)

    async def _console(self, stream: asyncio.StreamReader) -> None:
        """Events become events; anything else the device says goes to our standard error."""
        started = b""
        while data := await stream.read(4096):
            self._console_peer.send(data)
            *lines, started = (started + data).split(b"\n")
            for line in lines:
                self._console_line(line)
        self._console_line(started)

    def _console_line(self, line: bytes) -> None:
        if not line.strip():
            return
        try:
            event = json.loads(line)
            self._emit({"event": event.pop("event"), "t_ms": self._now(), **event})
        except (ValueError, KeyError, AttributeError, TypeError):
            sys.stderr.write(line.decode(errors="replace") + "\n")
            sys.stderr.flush()

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        """The machine's beat, and the watchdog if it has none of its own: returns once that has bitten."""
        fed = self._registers[fm.REG_WATCHDOG]
        last = time.monotonic()
        while True:
            await asyncio.sleep(_WATCHDOG_LOOK)
            self._machine.beat()
            self._set_clock()
            now = time.monotonic()
            if self._registers[fm.REG_WATCHDOG] != fed:
                fed = self._registers[fm.REG_WATCHDOG]
                last = now
            elif self._machine.needs_watchdog and now - last > fm.WATCHDOG_SECONDS:
                process.send_signal(signal.SIGKILL)
                return


async def _put(stream: asyncio.StreamWriter | None, data: bytes) -> None:
    if stream is not None:
        try:
            stream.write(data)
            await stream.drain()
        except ConnectionError:
            pass  # it is resetting: what was on the wire is lost
