"""Many explorations side by side, the seeded bugs, and what came of it: a line and a page."""

import multiprocessing
import time
from dataclasses import dataclass, field

from rich.progress import Progress

from tools.seeded_bugs import Bug
from tools.simulator import seeded, stories
from tools.simulator.explorer import EACH, EVERY, Explorer, Tally

# For the first, the second and the third cut of a run: see Explorer.
QUICK = (EVERY, 0.02)
THOROUGH = (EVERY, EACH, 0.002)


@dataclass
class Found:
    """A campaign's result."""

    seed: int
    seconds: float = 0.0
    tally: Tally = field(default_factory=Tally)
    parts: list[tuple[str, str, Tally]] = field(default_factory=list)
    caught: list[tuple[Bug, str]] = field(default_factory=list)
    missed: list[Bug] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not self.tally.failures and not self.missed

    def line(self) -> str:
        """``N runs, N states, N failures, N of N seeded bugs``."""
        bugs = len(self.caught) + len(self.missed)
        return (
            f"{self.tally.runs} runs, {self.tally.states} states, {len(self.tally.failures)} failures, "
            f"{len(self.caught)} of {bugs} seeded bugs"
        )


def _explore(task: tuple[str, str, int, tuple[float, ...]]) -> tuple[str, str, Tally]:
    story, geometry, seed, shares = task
    explorer = Explorer(stories.STORIES[story], stories.GEOMETRIES[geometry], seed, shares, most_failures=3)
    return story, geometry, explorer.explore()


def run(
    chosen: list[tuple[str, str]], seed: int, shares: tuple[float, ...], jobs: int, bugs: list[Bug]
) -> Found:
    """Explore each (story, geometry) with these shares, then hunt each of ``bugs``."""
    found = Found(seed)
    started = time.monotonic()
    # Spawned, not forked: a progress bar has threads.
    with multiprocessing.get_context("spawn").Pool(jobs) as pool, Progress(transient=True) as progress:
        bar = progress.add_task("power cuts", total=len(chosen))
        tasks = [(story, geometry, seed, shares) for story, geometry in chosen]
        for part in pool.imap_unordered(_explore, tasks):
            found.parts.append(part)
            found.tally.add(part[2])
            progress.advance(bar)
        bar = progress.add_task("seeded bugs", total=len(bugs))
        for bug, caught in pool.imap_unordered(seeded.hunt, bugs):
            if caught is None:
                found.missed.append(bug)
            else:
                found.caught.append((bug, caught))
            progress.advance(bar)
    found.seconds = time.monotonic() - started
    return found
