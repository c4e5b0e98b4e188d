"""``make mutants``: at least 90 % of the mutants are killed, and each that is not has an argument."""

import resource
import signal
import time

import click
from rich.progress import Progress

from tools.errors import Failed, UnusableArguments
from tools.mutants import arguments, making, trying
from tools.mutants.making import Mutant

_LEAST = 0.9
_SAID_EVERY = 100  # mutants, where there is no terminal for a bar


@click.command()
@click.argument("modules", nargs=-1, metavar="[MODULE]...")
@click.option("--jobs", type=click.IntRange(1, 64), default=2, show_default=True, help="Processes.")
@click.option("--every", type=click.IntRange(1), default=1, show_default=True, help="Only each n-th mutant.")
@click.option(
    "--simulate/--no-simulate", default=True, help="Survivors of the tests go through the simulator."
)
def main(modules: tuple[str, ...], jobs: int, every: int, simulate: bool) -> None:
    """Try the mutants of MODULEs, paths of store and boot; by default all of them.

    Exit 1 if fewer than 90 % are killed, if a survivor has no argument in tools/mutants/survivors.toml, or if
    an argument has no survivor."""
    unknown = sorted(set(modules) - set(trying.MODULES))
    if unknown:
        raise UnusableArguments(f"no module {unknown[0]!r}; there are: {', '.join(trying.MODULES)}")
    started = time.monotonic()
    trying.warm()
    paths = modules or trying.MODULES
    checks = ["the tests", "the simulator"][: 2 if simulate else 1]
    for name, judge, seconds in zip(checks, trying.JUDGES, trying.SECONDS, strict=False):
        if trying.judge(None, paths[0], judge, seconds) != trying.LIVES:
            raise Failed(f"{name} fail on the code as it is: mutants would prove nothing")
    argued = arguments.Arguments(arguments.FILE.read_text())
    found = [mutant for path in paths for mutant in making.mutants(path)][::every]
    verdicts = _judge_all(found, jobs, simulate)
    whole = len(verdicts) == len(found)
    survivors = [verdict.mutant for verdict in verdicts if not verdict.killed_by]
    bare = [mutant for mutant in survivors if not argued.why(mutant)]
    for path in paths:
        _tell(path, [verdict for verdict in verdicts if verdict.mutant.path == path])
    for mutant in sorted(survivors, key=lambda mutant: (mutant.path, mutant.number)):
        click.echo(f"survives: {mutant}\n  {argued.why(mutant) or 'NO ARGUMENT'}")
    unused = argued.unused(survivors, set(paths)) if whole and simulate and every == 1 else []
    for key in unused:
        click.echo(f"argued, but does not survive: {key}")
    share = 1 - len(survivors) / max(len(verdicts), 1)
    click.echo(
        f"{len(verdicts)} mutants, {_count(verdicts, 'tests')} killed by the tests, "
        f"{_count(verdicts, 'simulator')} by the simulator, {len(survivors)} survivors, "
        f"{len(survivors) - len(bare)} of them argued: {share:.1%} killed, "
        f"{_minutes(_processor_time())} of processor time, {_minutes(time.monotonic() - started)} in all"
    )
    if bare:
        click.echo("for tools/mutants/survivors.toml, unless a test can kill them:\n")
        click.echo(arguments.entries(bare))
    if not whole:
        raise Failed(f"stopped after {len(verdicts)} of {len(found)} mutants")
    if share < _LEAST or bare or unused:
        raise Failed("see above")


def _judge_all(found: list[Mutant], jobs: int, simulate: bool) -> list[trying.Verdict]:
    """A verdict on each; fewer if a signal ends it early."""
    signals: list[int] = []
    # They are only noted: no process that was forked is left behind.
    kept = {
        number: signal.signal(number, lambda number, frame: signals.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    verdicts = []
    try:
        # No thread of a progress bar may be alive when a process is forked.
        with Progress(auto_refresh=False, transient=True) as progress:
            bar = progress.add_task("mutants", total=len(found))
            for verdict in trying.try_all(found, jobs, simulate, lambda: bool(signals)):
                verdicts.append(verdict)
                progress.update(bar, completed=len(verdicts), refresh=True)
                if not progress.console.is_terminal and len(verdicts) % _SAID_EVERY == 0:
                    survivors = _count(verdicts, "")
                    click.echo(f"{len(verdicts)} of {len(found)} mutants, {survivors} survivors", err=True)
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
    return verdicts


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f} min"


def _processor_time() -> float:
    """Seconds, of this process and of all that it waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def _count(verdicts: list[trying.Verdict], by: str) -> int:
    return sum(verdict.killed_by == by for verdict in verdicts)


def _tell(path: str, verdicts: list[trying.Verdict]) -> None:
    survived = _count(verdicts, "")
    click.echo(f"{path}: {len(verdicts)} mutants, {survived} survive")


if __name__ == "__main__":
    main()
