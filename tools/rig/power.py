"""A board's supply: a program that switches it, a relay on a serial port, or an emulated board's process."""

import asyncio
import contextlib
import functools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Protocol

import serial

from tools import layout
from tools.emulator.launcher import die_with
from tools.emulator.state_dir import StateDir
from tools.errors import Failed
from tools.rig.bench_file import CommandPower, EmulatedPower, RelayPower

_COMMAND_S = 30.0
_POWER_ON_S = 20.0


class Power(Protocol):
    """``cut`` returns at once, the supply being cut or about to be; ``off`` follows, and waits for it."""

    async def on(self) -> None: ...

    def cut(self) -> None: ...

    async def off(self) -> None: ...


class ByCommand:
    """Both programs must end with status 0."""

    def __init__(self, spec: CommandPower):
        self._spec = spec
        self._cutting: subprocess.Popen[bytes] | None = None

    async def on(self) -> None:
        await self._finish(self._start(self._spec.on), self._spec.on)

    def cut(self) -> None:
        if self._cutting is None:
            self._cutting = self._start(self._spec.off)

    async def off(self) -> None:
        self.cut()
        assert self._cutting is not None
        cutting, self._cutting = self._cutting, None
        await self._finish(cutting, self._spec.off)

    def _start(self, command: tuple[str, ...]) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            )
        except OSError as error:
            raise Failed(f"cannot run the power command {' '.join(command)}: {error.strerror}") from error

    async def _finish(self, process: subprocess.Popen[bytes], command: tuple[str, ...]) -> None:
        try:
            said, _ = await asyncio.to_thread(process.communicate, timeout=_COMMAND_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise Failed(
                f"the power command {' '.join(command)} runs for more than {_COMMAND_S:g} s"
            ) from None
        if process.returncode:
            text = said.decode(errors="replace").strip()
            raise Failed(f"the power command {' '.join(command)} ended with {process.returncode}: {text}")


class ByRelay:
    """The relay's port is opened for each switch: others hang on the same board of relays."""

    def __init__(self, spec: RelayPower):
        self._spec = spec

    async def on(self) -> None:
        self._send(self._spec.on)

    def cut(self) -> None:
        self._send(self._spec.off)

    async def off(self) -> None:
        self._send(self._spec.off)

    def _send(self, data: bytes) -> None:
        try:
            with serial.Serial(self._spec.port, self._spec.baud, write_timeout=1) as port:
                port.write(data)
                with contextlib.suppress(OSError):  # a pseudo-terminal has nothing to drain
                    port.flush()
        except (serial.SerialException, OSError) as error:
            raise Failed(f"cannot switch the relay on {self._spec.port}: {error}") from error


class ByProcess:
    """`hanota emulate` with both ports on pseudo-terminals; killing it is the cut."""

    def __init__(self, spec: EmulatedPower, state: StateDir, options: tuple[str, ...]):
        self._command = [
            *(sys.executable, "-m", "tools", "emulate", "--board", spec.board),
            *("--state", str(state.path), "--pty", "--console-pty", *options),
            *(("--heap", spec.heap) if spec.heap else ()),
        ]
        self._state = state
        self._process: asyncio.subprocess.Process | None = None
        self._killed = False
        self._listened: asyncio.Task[None] | None = None
        self.said = b""

    async def on(self) -> None:
        """Returns once both pseudo-terminals are there."""
        self._killed = False
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=layout.ROOT,
            start_new_session=True,
            preexec_fn=functools.partial(die_with, os.getpid()),
            limit=1 << 20,
        )
        assert self._process.stdout is not None and self._process.stderr is not None
        self.said = b""
        errors = asyncio.create_task(self._collect(self._process.stderr))
        try:
            async with asyncio.timeout(_POWER_ON_S):
                while line := await self._process.stdout.readline():
                    if json.loads(line)["event"] == "listening":
                        break
                else:
                    await errors
                    raise Failed(
                        f"the emulated board ended at once: {self.said.decode(errors='replace').strip()}"
                    )
        except TimeoutError:
            raise Failed(f"the emulated board is not there within {_POWER_ON_S:g} s") from None
        # The events come by the console, as from a real board; here they only must not fill the pipe.
        self._listened = asyncio.create_task(self._drain(self._process.stdout))

    def cut(self) -> None:
        process = self._process
        if process is not None and process.returncode is None and not self._killed:
            self._killed = True
            # First: a bench that looks for its ports must not find another's, under the numbers of these.
            self._state.forget_ports()
            process.kill()

    async def off(self) -> None:
        self.cut()
        await self.ended()

    async def ended(self) -> None:
        """Until it is gone, by itself or killed."""
        if self._process is not None:
            process, self._process = self._process, None
            await process.wait()
        if self._listened is not None:
            await self._listened
            self._listened = None

    async def _collect(self, stream: asyncio.StreamReader) -> None:
        while data := await stream.read(4096):
            self.said = (self.said + data)[-8192:]

    async def _drain(self, stream: asyncio.StreamReader) -> None:
        while await stream.read(65536):
            pass


def make(spec: CommandPower | RelayPower | EmulatedPower, state: Path, options: tuple[str, ...]) -> Power:
    """``state``, ``options``: for an emulated board only."""
    if isinstance(spec, CommandPower):
        return ByCommand(spec)
    if isinstance(spec, RelayPower):
        return ByRelay(spec)
    return ByProcess(spec, StateDir(state), options)
