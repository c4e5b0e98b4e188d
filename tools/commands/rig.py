"""``hanota rig``: hardware in the loop."""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Iterator
from pathlib import Path

import click
from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from tools import layout
from tools.errors import Failed, UnusableArguments
from tools.rig import bench_file, junit, page, plan, record
from tools.rig.record import Record
from tools.rig.run import run

_BENCHES = click.Path(dir_okay=False, path_type=Path)


@click.group("rig")
def command() -> None:
    """Drive boards on benches, by their serial ports and their power: updates, cuts, losses, hostile hubs.

    Benches and plans are TOML files; docs/rig.md has examples.
    """


@command.command("list")
@click.option("--benches", type=_BENCHES, default=bench_file.DEFAULT, metavar="FILE", help="The bench file.")
def list_command(benches: Path) -> None:
    """Show the benches of the bench file, and the registered plans."""
    for spec in bench_file.read(benches).values():
        ports = f"console {spec.console}, HAN {spec.han}" if spec.console else "an emulated board"
        click.echo(f"bench {spec.name}: {ports}, hub {spec.hub}")
    for one in plan.PLANS.values():
        click.echo(f"plan {one.name}: {'; '.join(step.title for step in one.steps)}")


@command.command("run")
@click.argument("plan_name", metavar="PLAN")
@click.option("--benches", type=_BENCHES, default=bench_file.DEFAULT, metavar="FILE", help="The bench file.")
@click.option("--bench", "names", multiple=True, metavar="NAME", help="Only this bench; may be repeated.")
@click.option(
    "--seed", type=click.IntRange(0), help="Draws cuts, losses and lies. [default: drawn, and told]"
)
@click.option("--wait", is_flag=True, help="Wait for a bench that is busy, instead of refusing it.")
@click.option(
    "--out",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="For junit.xml, report.html and the benches' files. [default: build/rig/PLAN]",
)
def run_command(
    plan_name: str,
    benches: Path,
    names: tuple[str, ...],
    seed: int | None,
    wait: bool,
    directory: Path | None,
) -> None:
    """Play PLAN (smoke, long, or a TOML file) on every bench side by side.

    Exits 0 if every step passed on every bench, 1 if one failed or a bench is busy, 2 if a file or an
    argument is unusable.
    """
    chosen = plan.find(plan_name)
    specs = bench_file.select(benches, names)
    seed = secrets.randbelow(1 << 32) if seed is None else seed
    directory = directory or layout.ROOT / "build" / "rig" / chosen.name
    _empty(directory)
    logging.getLogger("zigpy").addHandler(logging.NullHandler())
    click.echo(f"plan {chosen.name} on {', '.join(spec.name for spec in specs)}, seed {seed}")
    with _watched() as watch:
        records = asyncio.run(run(chosen, specs, seed, directory, wait, watch))
    junit.write(chosen, records, directory / "junit.xml")
    page.write(chosen, records, directory / "report.html")
    for told in records:
        _tell(told)
    click.echo(f"{directory / 'report.html'}, {directory / 'junit.xml'}")
    if not all(told.passed for told in records):
        raise Failed(f"not every step passed; seed {seed}")


def _empty(directory: Path) -> None:
    """Each run has its files for itself; what is there from the last one goes, and nothing else."""
    if directory.exists() and any(directory.iterdir()):
        if not (directory / "junit.xml").exists() and not (directory / "rig").exists():
            raise UnusableArguments(
                f"{directory} holds something that no run of the rig has left: give another --out"
            )
        import shutil

        shutil.rmtree(directory)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "rig").write_text("Made by hanota rig: the next run replaces all that is here.\n")


@contextlib.contextmanager
def _watched() -> Iterator:
    """Live progress on a terminal; nothing of it in a log."""
    with Live(console=Console(stderr=True), refresh_per_second=4, transient=True) as live:

        def watch(records: list[Record]) -> None:
            live.get_renderable = lambda: _progress(records)  # type: ignore[method-assign]

        yield watch


def _progress(records: list[Record]) -> Table:
    table = Table(box=None, show_header=False)
    for told in records:
        outcomes = [result.outcome for result in told.results]
        table.add_row(
            told.bench,
            told.doing,
            ProgressBar(1.0, min(told.progress, 1.0), width=20),
            f"{outcomes.count(record.PASSED)} passed, {outcomes.count(record.FAILED)} failed",
            f"{told.cuts()} cuts",
            told.last_event[:60],
        )
    return table


def _tell(told: Record) -> None:
    for result in told.results:
        # Not each test on the board by itself: the report has those.
        shown = {name: value for name, value in result.figures.items() if not name.startswith("test_")}
        figures = ", ".join(f"{name}: {value}" for name, value in shown.items())
        outcome = f"{result.outcome} in {result.seconds:.1f} s"
        click.echo(f"{told.bench}: {result.title}: {outcome}; {figures or result.text}")
        if result.outcome == record.FAILED:
            click.echo(f"  seed {told.seed}; the console's last lines:")
            click.echo("\n".join(f"    {line}" for line in result.log.splitlines()[-15:]))
    if told.trouble:
        click.echo(f"{told.bench}: {told.trouble}")
    click.echo(f"{told.bench}: {told.cuts()} power cuts, {len(told.failures)} failures")
