"""What a run has shown, bench by bench: marks on a time line, and a result for each step."""

import time
from dataclasses import dataclass, field

PASSED = "passed"
FAILED = "failed"
SKIPPED = "skipped"

# Kinds of mark.
EVENT = "event"
CUT = "cut"
POWER_ON = "power on"
POWER_OFF = "power off"

_LOG_LINES = 60


@dataclass(frozen=True)
class Mark:
    """Something at a moment, in seconds from the run's start."""

    at: float
    kind: str
    text: str


@dataclass
class Result:
    """One step on one bench. ``figures``: what it counted; ``text``: why it failed or was skipped;
    ``log``: the console's last lines, of a failure."""

    title: str
    began: float
    outcome: str = ""
    seconds: float = 0.0
    figures: dict[str, object] = field(default_factory=dict)
    text: str = ""
    log: str = ""


class Record:
    """Of one bench. ``doing`` and ``progress`` (0 to 1) are for whoever watches."""

    def __init__(self, bench: str, seed: int, began: float):
        self.bench = bench
        self.seed = seed
        self.marks: list[Mark] = []
        self.results: list[Result] = []
        self.frames: list[tuple[str, str, int, int]] = []  # way, name, frames, bytes on the wire
        self.doing = "waiting for the bench"
        self.progress = 0.0
        self.last_event = ""
        self.trouble = ""  # what ended the bench before its plan
        self._began = began

    def now(self) -> float:
        """Seconds from the run's start."""
        return time.monotonic() - self._began

    def mark(self, kind: str, text: str) -> None:
        """At this moment."""
        self.marks.append(Mark(self.now(), kind, text))

    def cuts(self) -> int:
        """How often the power was cut."""
        return sum(mark.kind == CUT for mark in self.marks)

    @property
    def failures(self) -> list[Result]:
        return [result for result in self.results if result.outcome == FAILED]

    @property
    def passed(self) -> bool:
        """Every step ran, and none failed."""
        return not self.trouble and not self.failures and bool(self.results)


def tail(lines) -> str:
    """The end of a console's log."""
    return "\n".join(list(lines)[-_LOG_LINES:])


def clean(text: str) -> str:
    """Without what neither XML nor a page can hold: a console may say anything."""
    return "".join(
        letter if letter in "\t\n" or letter >= " " else "\N{REPLACEMENT CHARACTER}" for letter in text
    )
