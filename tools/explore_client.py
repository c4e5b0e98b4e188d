"""Walks every reachable (state, event) pair of the upgrade client and prints the counts.

``python -m tools.explore_client``: commands with some statuses each, and the states in which what is left
over makes no difference taken together. ``--thorough``: every status, every left-over. Exit code 1 if an
invariant broke, an entry of the table was not taken, or a seeded bug was not found.
"""

import multiprocessing
import time
from collections.abc import Iterator

import click

from tools.exploration import bugs, explorer


def walk(task: tuple[str, bool]) -> explorer.Tally:
    """One configuration's walk: (its name, every status and every left-over)."""
    name, thorough = task
    settings, images = explorer.CONFIGURATIONS[name]
    return explorer.Explorer(settings, 5 if thorough else images, thorough).explore()


def walks(names: list[str], thorough: bool = False, jobs: int = 2) -> Iterator[tuple[str, explorer.Tally]]:
    """Each named configuration and its tally, ``jobs`` at a time."""
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        tasks = [(name, thorough) for name in names]
        yield from zip(names, pool.imap(walk, tasks), strict=True)


@click.command()
@click.option("--thorough", is_flag=True, help="Every status and every left-over: many minutes.")
@click.option("--bugs", "with_bugs", is_flag=True, help="Hunt the seeded bugs, too.")
@click.option("--jobs", default=2, show_default=True, help="Processes.")
def main(thorough: bool, with_bugs: bool, jobs: int) -> None:
    """Explore the upgrade client exhaustively."""
    started = time.monotonic()
    total = explorer.Tally()
    missed: list[bugs.Bug] = []
    for name, tally in walks(list(explorer.CONFIGURATIONS), thorough, jobs):
        click.echo(f"{name}: {tally.line()}")
        total.add(tally)
    if with_bugs:
        with multiprocessing.get_context("spawn").Pool(jobs) as pool:
            missed = [bug for bug, caught in pool.imap(bugs.hunt, bugs.BUGS) if caught is None]
    for what, way in total.failures:
        click.echo(f"broken: {what}, after\n  " + "\n  ".join(way))
    for entry, reason in sorted(explorer.UNREACHABLE.items()):
        click.echo(f"unreachable: {entry}: {reason}")
    for entry in sorted(total.untaken()):
        click.echo(f"not taken: {entry}")
    for bug in missed:
        click.echo(f"seeded bug not found: {bug.name}")
    caught = f", {len(bugs.BUGS) - len(missed)} of {len(bugs.BUGS)} seeded bugs" if with_bugs else ""
    click.echo(f"{total.line()}{caught}, {time.monotonic() - started:.0f} s")
    if total.failures or total.untaken() or missed:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
