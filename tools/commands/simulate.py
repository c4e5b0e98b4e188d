"""``hanota simulate``: the whole update in one process, with the power cut where you say or everywhere."""

from pathlib import Path

import click

from tools.errors import Failed, UnusableArguments
from tools.simulator import campaign, report_page, stories
from tools.simulator.bugs import BUGS
from tools.simulator.explorer import Explorer
from tools.simulator.oracle import Violation


def _cuts(ctx, param, value: str | None):
    """Life.operation.left, separated by commas, as a failure prints them."""
    if not value:
        return ()
    path = []
    for text in value.split(","):
        parts = text.split(".")
        if len(parts) != 3 or not (parts[0].isdigit() and parts[1].isdigit()):
            raise click.BadParameter(f"{text!r} is no cut; a cut is LIFE.OPERATION.LEFT, such as 0.7.half")
        path.append((int(parts[0]), int(parts[1]), parts[2]))
    return tuple(path)


@click.command("simulate")
@click.option("--story", type=click.Choice(list(stories.STORIES)), help="One story; by default all of them.")
@click.option("--geometry", help="One flash geometry, as the report names it; by default all of them.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--cuts", callback=_cuts, help="Replay the one run with these cuts, told life by life.")
@click.option(
    "--thorough", is_flag=True, help="A second cut at every operation of each recovery, and third ones."
)
@click.option("--jobs", type=click.IntRange(1, 64), default=2, show_default=True, help="Processes.")
@click.option(
    "--bugs/--no-bugs", default=True, show_default=True, help="Seed each known bug: all must be caught."
)
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Write an HTML page there.")
def command(
    story: str | None,
    geometry: str | None,
    seed: int,
    cuts: tuple,
    thorough: bool,
    jobs: int,
    bugs: bool,
    report: Path | None,
) -> None:
    """Cut the power at every flash operation of simulated updates, with everything a cut may leave in the
    flash, and again in the recoveries; judge each run from outside. Exit 1 if any goes wrong.

    A failure prints one line that replays it: run that line to see it life by life.
    """
    if geometry is not None and geometry not in stories.GEOMETRIES:
        raise UnusableArguments(f"no geometry {geometry!r}; there are: {', '.join(stories.GEOMETRIES)}")
    if cuts:
        if story is None or geometry is None:
            raise UnusableArguments("--cuts needs --story and --geometry: the run that it replays")
        explorer = Explorer(stories.STORIES[story], stories.GEOMETRIES[geometry], seed)
        try:
            for line in explorer.replay(cuts):
                click.echo(line)
        except Violation as violation:
            raise Failed(str(violation)) from violation
        return
    chosen = [
        (s, g)
        for s in stories.STORIES
        for g in stories.GEOMETRIES
        if story in (None, s) and geometry in (None, g)
    ]
    shares = campaign.THOROUGH if thorough else campaign.QUICK
    found = campaign.run(chosen, seed, shares, jobs, BUGS if bugs else [])
    if report is not None:
        report_page.write(found, report)
    for failure in found.tally.failures:
        click.echo(f"{failure.text}\n  {failure.replay}")
    click.echo(found.line())
    if not found.good:
        raise Failed("see above")
