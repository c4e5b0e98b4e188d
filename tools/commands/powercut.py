"""``hanota powercut``: real power cuts on real MicroPython."""

import asyncio

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tools import layout, romfs
from tools.errors import Failed
from tools.powercut.driver import Tally, campaign

APPLICATION = layout.ROOT / "boards/applications/in_home_display"


async def _run(cuts: int, each: int, jobs: int, seed: int, progress: Progress) -> Tally:
    payload = romfs.build(APPLICATION)
    updates = -(-cuts // (each * jobs))
    bar = progress.add_task("power cuts", total=updates * each * jobs)
    tallies = [Tally() for _ in range(jobs)]

    def told(job: int, tally: Tally) -> None:
        tallies[job] = tally
        progress.update(bar, completed=sum(tally.cuts for tally in tallies))

    done = await asyncio.gather(
        *(
            campaign(payload, seed + job, updates, each, lambda tally, job=job: told(job, tally))  # type: ignore[misc]
            for job in range(jobs)
        )
    )
    total = Tally()
    for tally in done:
        total.add(tally)
    return total


@click.command("powercut")
@click.option("--cuts", type=click.IntRange(1), default=200, show_default=True, help="How many in all.")
@click.option(
    "--each", type=click.IntRange(1), default=20, show_default=True, help="At most how many an update."
)
@click.option(
    "--jobs", type=click.IntRange(1, 16), default=2, show_default=True, help="Devices side by side."
)
@click.option("--seed", type=int, default=0, show_default=True)
def command(cuts: int, each: int, jobs: int, seed: int) -> None:
    """Update emulated devices on real MicroPython and kill them at random instants, again and again. The
    simulator's oracle judges the flash after each cut, every boot, and how much was fetched twice.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, transient=True) as progress:
        tally = asyncio.run(_run(cuts, each, jobs, seed, progress))
    phases = ", ".join(f"{count} after {phase!r}" for phase, count in sorted(tally.phases.items()))
    for failure in tally.failures:
        click.echo(failure)
    click.echo(f"cuts by the last event before them: {phases}")
    click.echo(
        f"{tally.cuts} cuts, {tally.updates} updates, {len(tally.failures)} failures, "
        f"at most {tally.most_twice} bytes fetched twice a cut"
    )
    if tally.failures:
        raise Failed("see above")
