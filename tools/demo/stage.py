"""What the audience sees: a live picture on a terminal, plain lines anywhere else."""

import time
from collections import deque
from collections.abc import Callable
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn
from rich.text import Text

from tools.device_event import Event

_SHOWN_EVENTS = 6
_REFRESH_HZ = 10
# Room for the display's 40 columns and the frame around it.
_SCREEN_WIDTH = 44


class Stage:
    """Plain lines: a step, a claim that was checked, an event, each with the seconds since the start."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def step(self, title: str) -> None:
        """A part of the story begins."""
        self._line("")
        self._line(f"[bold]{title}[/bold]")

    def claim(self, sentence: str) -> None:
        """It was checked and is true."""
        self._line(f"  [green]ok[/green]  {sentence}")

    def event(self, event: Event) -> None:
        """The device, or its power."""
        self._line(f"  [dim]{self._seconds(event)}  {event}[/dim]")

    def progress(self, title: str, offset: int, size: int) -> None:
        """The hub's: it served a block that ends at ``offset``."""

    def show_screen(self, screen: Callable[[], str]) -> None:
        """From now on the device's display can be read by ``screen()``."""

    def _seconds(self, event: Event) -> str:
        return f"{event.at - self._began:5.1f} s"

    def _line(self, text: str) -> None:
        self.console.print(text, highlight=False, soft_wrap=True)


class LiveStage(Stage):
    """The display, the hub's progress bar and the last events under the lines of steps and claims."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._events: deque[str] = deque(maxlen=_SHOWN_EVENTS)
        self._screen: Callable[[], str] | None = None
        self._bar = Progress(
            TextColumn("hub  {task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            console=console,
        )
        self._tasks: dict[str, TaskID] = {}
        self._live = Live(
            get_renderable=self._picture, console=console, refresh_per_second=_REFRESH_HZ, transient=True
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def event(self, event: Event) -> None:
        self._events.append(f"{self._seconds(event)}  {event}")

    def progress(self, title: str, offset: int, size: int) -> None:
        if title not in self._tasks:
            for task in self._tasks.values():
                self._bar.update(task, visible=False)
            self._tasks[title] = self._bar.add_task(title, total=size)
        self._bar.update(self._tasks[title], completed=offset)

    def show_screen(self, screen: Callable[[], str]) -> None:
        self._screen = screen

    def _picture(self) -> RenderableType:
        parts: list[RenderableType] = []
        if self._screen is not None:
            screen = Text(self._screen().rstrip(), style="bold black on bright_green", no_wrap=True)
            parts.append(Panel(screen, title="the device's display", width=_SCREEN_WIDTH))
        if self._tasks:
            parts.append(self._bar)
        if self._events:
            events = Text("\n".join(self._events), no_wrap=True, overflow="ellipsis")
            parts.append(Panel(events, title="the device's events"))
        return Group(*parts)


def on(console: Console) -> Stage:
    """The stage that suits the console."""
    live = console.is_terminal and not console.is_dumb_terminal
    return LiveStage(console) if live else Stage(console)
