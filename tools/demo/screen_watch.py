"""Watches a device's display: how often it was refreshed, and the longest time it stood still."""

import asyncio
import time

from tools.demo.device import Device

_LOOK_S = 0.05


class ScreenWatch:
    """``run()`` as a task. Only time in which the application runs counts: no power, no boot.

    ``frames``: different pictures seen; ``standstill``: seconds, the longest between two of them.
    """

    def __init__(self, device: Device) -> None:
        self.frames = 0
        self.standstill = 0.0
        self._device = device
        self._seen = len(device.events)
        self._picture = device.screen()
        self._last: float | None = time.monotonic()

    async def run(self) -> None:
        """For ever."""
        while True:
            self._look()
            await asyncio.sleep(_LOOK_S)

    def _look(self) -> None:
        now = time.monotonic()
        events = self._device.events
        for event in events[self._seen :]:
            if event.name == "boot":
                self._last = now
            elif event.name in ("reset", "power"):
                self._last = None
        self._seen = len(events)
        picture = self._device.screen()
        if self._last is None:
            self._picture = picture
            return
        if picture != self._picture:
            self.frames += 1
            self._picture = picture
            self.standstill = max(self.standstill, now - self._last)
            self._last = now
        # A display that froze for good counts, too.
        self.standstill = max(self.standstill, now - self._last)
