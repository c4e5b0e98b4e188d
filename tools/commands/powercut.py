"""``hanota powercut``: real power cuts on real MicroPython."""

import asyncio
import signal
from collections.abc import Callable

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tools import layout, romfs
from tools.errors import Failed
from tools.powercut.driver import Tally, campaign

APPLICATION = layout.ROOT / "boards/applications/in_home_display"


_SAID_EVERY = 100  # cuts, where there is no terminal for a bar


async def _run(tallies: list[Tally], cuts: int, each: int, seed: int, told: Callable[[], None]) -> bool:
    """The campaign, a device for each of ``tallies``; False when a signal ended it early."""
    payload = romfs.build(APPLICATION)
    share = -(-cuts // len(tallies))
    work = asyncio.gather(
        *(campaign(payload, seed + job, share, each, tally, told) for job, tally in enumerate(tallies))
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, work.cancel)
    try:
        await work
    except asyncio.CancelledError:
        return False
    return True


def _tell(total: Tally) -> None:
    phases = ", ".join(f"{count} after {phase!r}" for phase, count in sorted(total.phases.items()))
    for failure in total.failures:
        click.echo(failure)
    click.echo(f"cuts by the last event before them: {phases or 'none'}")
    click.echo(
        f"{total.cuts} cuts, {total.updates} updates, {len(total.failures)} failures, "
        f"at most {total.most_twice} bytes fetched twice a cut"
    )


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
    tallies = [Tally() for _ in range(jobs)]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, transient=True) as progress:
        bar = progress.add_task("power cuts", total=cuts)

        def told() -> None:
            total = Tally.of(tallies)
            progress.update(bar, completed=total.cuts)
            if not progress.console.is_terminal and total.cuts % _SAID_EVERY == 0:
                failures = len(total.failures)
                click.echo(
                    f"{total.cuts} of {cuts} cuts, {total.updates} updates, {failures} failures", err=True
                )

        whole = asyncio.run(_run(tallies, cuts, each, seed, told))
    total = Tally.of(tallies)
    _tell(total)
    if total.failures:
        raise Failed("see above")
    if not whole:
        raise Failed(f"stopped after {total.cuts} of {cuts} cuts")
