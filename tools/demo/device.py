"""One emulated device in a process of its own: power on, power cut, and the events it tells."""

import asyncio
import collections
import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tools import device_event, layout
from tools.commands import slots
from tools.device_event import Event
from tools.emulator.launcher import die_with
from tools.emulator.state_dir import StateDir
from tools.emulator.stored import open_flash
from tools.errors import Failed

HOST = "127.0.0.1"
POWER_ON_S = 15.0
_KEPT_LINES = 20
_POWER = "power"


class Device:
    """`hanota emulate --listen` over ``state``, with ``options`` added to its command line.

    ``events`` grows by what the device tells, and by ``power`` events (on=True or False) of our own, whose
    name no device uses. The port is chosen at the first power-on and stays. As an async context manager it
    leaves no process behind.
    """

    def __init__(
        self,
        state: Path,
        trust: Path,
        factory: Path | None = None,
        options: tuple[str, ...] = (),
        on_event: Callable[[Event], None] | None = None,
    ) -> None:
        self.events: list[Event] = []
        self.port = 0
        self._state = StateDir(state.resolve())
        self._arguments = ["--state", str(state.resolve()), "--trust", str(trust.resolve()), *options]
        if factory is not None:
            self._arguments += ["--factory", str(factory.resolve())]
        self._on_event = on_event
        self._process: asyncio.subprocess.Process | None = None
        self._killed = False
        self._readers: list[asyncio.Task[None]] = []
        self._said: collections.deque[str] = collections.deque(maxlen=_KEPT_LINES)
        self._changed: list[asyncio.Future[None]] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.power_cut()

    async def power_on(self, timeout_s: float = POWER_ON_S) -> None:
        """Start it; returns once it listens. Failed if it does not."""
        assert self._process is None, "it has power already"
        since = len(self.events)
        self._killed = False
        self._tell(Event(_POWER, {"on": True}))
        command = ["-m", "tools", "emulate", *self._arguments, "--listen", f"{HOST}:{self.port}"]
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=layout.ROOT,
            # Control-C is ours to handle, and if we are killed the device must not stay behind.
            start_new_session=True,
            preexec_fn=functools.partial(die_with, os.getpid()),
        )
        assert self._process.stdout is not None and self._process.stderr is not None
        self._readers = [
            asyncio.create_task(self._read_events(self._process.stdout)),
            asyncio.create_task(self._read_console(self._process.stderr)),
        ]
        listening = await self.wait_for("listening", timeout_s, since)
        self.port = listening.fields["port"]

    def kill(self) -> None:
        """SIGKILL: at once, wherever it is. power_cut() must follow."""
        process = self._process
        # Only once: a second kill() would find it dead and take its exit status away from asyncio.
        if process is not None and process.returncode is None and not self._killed:
            self._killed = True
            process.kill()

    async def power_cut(self) -> None:
        """kill(), and return when it is gone and its last event is in ``events``."""
        if self._process is None:
            return
        self.kill()
        process, self._process = self._process, None
        await process.wait()
        await asyncio.gather(*self._readers)
        self._tell(Event(_POWER, {"on": False}))

    async def wait_for(self, name: str, timeout_s: float, since: int = 0, **fields: Any) -> Event:
        """The first event of this name with these fields in ``events[since:]``, now or within timeout_s.

        Failed when time is up, or at once when the device has stopped.
        """
        wanted = str(Event(name, fields))
        at = since
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    while at < len(self.events):
                        if self.events[at].matches(name, fields):
                            return self.events[at]
                        at += 1
                    if self._readers and all(reader.done() for reader in self._readers):
                        said = self.said or "it said nothing"
                        raise Failed(f"the emulated device stopped before the event {wanted}: {said}")
                    change = asyncio.get_running_loop().create_future()
                    self._changed.append(change)
                    await change
        except TimeoutError:
            last = ", ".join(str(event) for event in self.events[-5:])
            raise Failed(f"no event {wanted} within {timeout_s:g} s; the last ones: {last}") from None

    @property
    def said(self) -> str:
        """The last lines on its console that were no events: tracebacks, mostly."""
        return "\n".join(self._said)

    def screen(self) -> str:
        """What stands on its display."""
        return self._state.read_screen().decode(errors="replace")

    def slots(self) -> dict[str, Any]:
        """As `hanota slots --json` shows them."""
        return slots.report(open_flash(self._state))

    def flash(self) -> bytes:
        """Every byte of its flash."""
        return self._state.read_flash()

    def counters(self) -> dict[str, int]:
        """What its flash did since the factory: erases, programs, programmed_bytes."""
        return self._state.counters()

    def _tell(self, event: Event) -> None:
        self.events.append(event)
        self._wake()
        if self._on_event is not None:
            self._on_event(event)

    def _wake(self) -> None:
        waiting, self._changed = self._changed, []
        for change in waiting:
            if not change.done():
                change.set_result(None)

    async def _read_events(self, stream: asyncio.StreamReader) -> None:
        while line := await stream.readline():
            event = device_event.parse(line)
            if event is None:
                # The power went in the middle of a line.
                self._said.append(line.decode(errors="replace").rstrip())
            else:
                self._tell(event)
        self._ended()

    async def _read_console(self, stream: asyncio.StreamReader) -> None:
        while line := await stream.readline():
            self._said.append(line.decode(errors="replace").rstrip())
        self._ended()

    def _ended(self) -> None:
        # Once this task is over, who waits must look again.
        asyncio.get_running_loop().call_soon(self._wake)
