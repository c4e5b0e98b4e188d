"""An event, as devices tell them: a line of JSON."""

import json
import time
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Event:
    """One event: its name, its other fields, and when it came here (seconds, time.monotonic)."""

    name: str
    fields: dict[str, Any] = field(default_factory=dict)
    at: float = field(default_factory=time.monotonic)

    def matches(self, name: str, fields: dict[str, Any]) -> bool:
        """True for an event of this name with (at least) these fields."""
        return self.name == name and all(self.fields.get(key) == value for key, value in fields.items())

    def __str__(self) -> str:
        shown = (f"{key}={value}" for key, value in self.fields.items() if key != "t_ms")
        return " ".join([self.name, *shown])


def parse(line: bytes) -> Event | None:
    """The line's event; None if it is none."""
    try:
        fields = json.loads(line)
        return Event(fields.pop("event"), fields)
    except (ValueError, KeyError, AttributeError, TypeError):
        return None
