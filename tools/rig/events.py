"""What a device tells on its console: events are lines of JSON, all else is kept as it was said."""

import asyncio
import collections
from collections.abc import Callable
from typing import Any

from tools.device_event import Event, parse
from tools.errors import Failed

_KEPT_LINES = 400
_LONGEST_LINE = 4096  # a port that is no console of ours may never end a line


class Events:
    """``feed`` takes the console's bytes; ``events`` grows; ``said``: the last lines, events or not."""

    def __init__(self, on_event: Callable[[Event], None] = lambda event: None):
        self.events: list[Event] = []
        self.said: collections.deque[str] = collections.deque(maxlen=_KEPT_LINES)
        self.tracebacks = 0
        self._on_event = on_event
        self._started = b""
        self._changed = asyncio.Event()

    def feed(self, data: bytes) -> None:
        """Bytes as they come."""
        *lines, self._started = (self._started + data).split(b"\n")
        if len(self._started) > _LONGEST_LINE:
            lines.append(self._started)
            self._started = b""
        for line in lines:
            self._take(line.strip())

    def cut(self) -> None:
        """The line that had begun will never end: the power is gone, or the port."""
        self._started = b""

    def _take(self, line: bytes) -> None:
        if not line:
            return
        self.said.append(line.decode(errors="replace"))
        self.tracebacks += line.startswith(b"Traceback")
        event = parse(line)
        if event is not None:
            self.events.append(event)
            self._on_event(event)
            self._changed.set()

    def since(self, start: int, name: str) -> list[Event]:
        """The events of this name from number ``start`` on."""
        return [event for event in self.events[start:] if event.name == name]

    def like(self, wanted: list[Event], start: int) -> bool:
        """True if an event from number ``start`` on is like one of these."""
        return any(event.matches(one.name, one.fields) for event in self.events[start:] for one in wanted)

    async def wait_for(
        self, names: str | tuple[str, ...], timeout_s: float, since: int = 0, **fields: Any
    ) -> Event:
        """The first event of (one of) these names with these fields from number ``since`` on."""
        names = (names,) if isinstance(names, str) else names
        return await self.wait_for_one([Event(name, fields) for name in names], timeout_s, since)

    async def wait_for_one(self, wanted: list[Event], timeout_s: float, since: int = 0) -> Event:
        """The first event from number ``since`` on that is like one of these: its name, and its fields."""
        at = since
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    while at < len(self.events):
                        if any(self.events[at].matches(one.name, one.fields) for one in wanted):
                            return self.events[at]
                        at += 1
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            texts = " or ".join(str(one) for one in wanted)
            last = ", ".join(str(event) for event in self.events[-5:]) or "none came"
            raise Failed(f"no event {texts} within {timeout_s:g} s; the last ones: {last}") from None
