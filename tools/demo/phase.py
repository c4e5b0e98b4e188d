"""What a phase of the demo cost: traffic as the hub counts it, the device's flash work and time in states."""

import time
from dataclasses import dataclass, field
from itertools import pairwise

from tools.demo.device import Device
from tools.device_event import Event
from tools.hub.statistics import LinkStatistics

# Time between two events belongs to the state that the first of them leads to.
_NO_POWER = "no power"
_STARTING = "starting"
_IDLE = "idle"
_DOWNLOADING = "downloading"
_VERIFYING = "verifying"
_ENDING = "reporting the end"
_TRIAL = "on trial"
STATES = (_NO_POWER, _STARTING, _IDLE, _DOWNLOADING, _VERIFYING, _ENDING, _TRIAL)
# The hub's word for it: no event of the device says so.
_ALL_SERVED = "all served"
_LEADS_TO = {
    "boot": _IDLE,
    _ALL_SERVED: _VERIFYING,
    "offer": _DOWNLOADING,
    "resume": _DOWNLOADING,
    "verified": _ENDING,
    "waiting": _ENDING,
    "countdown": _ENDING,
    "reset": _STARTING,
    "trial": _TRIAL,
    "confirmed": _IDLE,
    "rejected": _IDLE,
}


@dataclass
class Phase:
    """From start() to end(); ``statistics`` are those of the phase's own hub session."""

    title: str
    device: Device
    image_size: int
    file_version: int
    statistics: LinkStatistics = field(default_factory=LinkStatistics)
    flash_work: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    first_event: int = 0
    _all_served: Event | None = None

    def start(self) -> None:
        """Counting begins."""
        self.first_event = len(self.device.events)
        self._began = time.monotonic()
        self._before = self.device.counters()

    def end(self) -> None:
        """Counting ends; flash_work and seconds are filled."""
        after = self.device.counters()
        self.flash_work = {name: after[name] - self._before[name] for name in after}
        told = [*self.events, *([self._all_served] if self._all_served else [])]
        told.sort(key=lambda event: event.at)
        self.seconds = time_in_states(told, self._began, time.monotonic())

    def served(self, offset: int) -> None:
        """The hub served a block that ends at ``offset``."""
        if offset == self.image_size and self._all_served is None:
            self._all_served = Event(_ALL_SERVED)

    @property
    def events(self) -> list[Event]:
        """Those since the start."""
        return self.device.events[self.first_event :]

    @property
    def blocks(self) -> int:
        """Image Block Responses with data, repeats included."""
        return len(self.statistics.blocks)

    @property
    def bytes_fetched(self) -> int:
        """Bytes of the file on the air, repeats included."""
        return self.statistics.bytes_served(self.file_version)

    @property
    def bytes_fetched_twice(self) -> int:
        """Of these, the repeats."""
        return self.statistics.bytes_served_twice(self.file_version)

    @property
    def outage_ms(self) -> int | None:
        """From the reset to the new application running on trial; None if there was no activation."""
        found = {event.name: event.at for event in self.events if event.name in ("reset", "trial")}
        return round((found["trial"] - found["reset"]) * 1000) if len(found) == 2 else None


def time_in_states(events: list[Event], began: float, ended: float) -> dict[str, float]:
    """Seconds in each of STATES between two moments, for a device that was idle at the first."""
    seconds = dict.fromkeys(STATES, 0.0)
    state = _IDLE
    moments = [(began, state)]
    for event in events:
        state = _following(event, state)
        moments.append((event.at, state))
    moments.append((ended, state))
    for (since, state), (until, _) in pairwise(moments):
        seconds[state] += until - since
    return seconds


def _following(event: Event, state: str) -> str:
    if event.name == "power":
        return _STARTING if event.fields["on"] else _NO_POWER
    return _LEADS_TO.get(event.name, state)


def erased_units(before: bytes, after: bytes, erase_size: int) -> list[int]:
    """Erase units in which a bit rose: programming only clears bits, so these were erased in between."""
    units = []
    for at in range(0, len(before), erase_size):
        old = int.from_bytes(before[at : at + erase_size], "little")
        new = int.from_bytes(after[at : at + erase_size], "little")
        if new & ~old:
            units.append(at // erase_size)
    return units
