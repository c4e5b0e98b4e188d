"""A run: a plan on benches, side by side."""

import asyncio
import random
import time
from collections.abc import Callable
from pathlib import Path

import click

from tools.errors import Failed
from tools.rig import record, steps
from tools.rig.bench import Bench
from tools.rig.bench_file import BenchSpec
from tools.rig.lock import BenchLock
from tools.rig.plan import Plan, Step
from tools.rig.record import Record, Result, tail
from tools.rig.trace import Skipped


async def run(
    plan: Plan,
    specs: list[BenchSpec],
    seed: int,
    directory: Path,
    wait: bool,
    watch: Callable[[list[Record]], None],
) -> list[Record]:
    """Every bench's record. ``watch`` is given them once, before anything happens.

    Failed only for a bench that is busy, before any bench has begun; what goes wrong later is in the records.
    """
    began = time.monotonic()
    records = [Record(spec.name, seed, began) for spec in specs]
    watch(records)
    locks = [BenchLock(spec.name, spec.lock, wait) for spec in specs]
    async with _all(locks):
        await asyncio.gather(
            *(
                _on_bench(plan, spec, directory / spec.name, told)
                for spec, told in zip(specs, records, strict=True)
            )
        )
    return records


class _all:
    """Several locks: all are held, or none. In the order of their paths, so that two runs do not wait for
    each other."""

    def __init__(self, locks: list[BenchLock]):
        self._locks = sorted(locks, key=lambda lock: str(lock.path))
        self._held: list[BenchLock] = []

    async def __aenter__(self) -> None:
        try:
            for lock in self._locks:
                await lock.__aenter__()
                self._held.append(lock)
        except BaseException:
            await self.__aexit__()
            raise

    async def __aexit__(self, *exception: object) -> None:
        while self._held:
            await self._held.pop().__aexit__()


async def _on_bench(plan: Plan, spec: BenchSpec, directory: Path, told: Record) -> None:
    bench = None
    try:
        told.doing = "making images"
        bench = await asyncio.to_thread(Bench, spec, directory, told)
        async with bench:
            told.doing = "the first power-on"
            await bench.begin()
            for number, step in enumerate(plan.steps):
                if told.results and told.results[-1].outcome == record.FAILED:
                    # From a board that has just booted; if it cannot, the bench is at its end.
                    await bench.begin()
                await _step(bench, step, number)
    except click.ClickException as failure:
        told.trouble = failure.message
    finally:
        told.doing = "done" if told.passed else "done, with failures"
        if bench is not None:
            told.frames = _frames(bench)


async def _step(bench: Bench, step: Step, number: int) -> None:
    told = bench.record
    result = Result(step.title, told.now())
    told.results.append(result)
    told.doing = step.title
    told.progress = 0.0
    chance = random.Random(f"{told.seed} {told.bench} {number}")
    tracebacks = bench.events.tracebacks
    try:
        result.figures = await steps.RUNS[step.kind](bench, step, chance)
        if bench.events.tracebacks > tracebacks and step.kind not in _MAY_RAISE:
            raise Failed("the device printed a traceback")
        result.outcome = record.PASSED
    except Skipped as reason:
        result.outcome = record.SKIPPED
        result.text = str(reason)
    except (click.ClickException, TimeoutError) as failure:
        result.outcome = record.FAILED
        known = isinstance(failure, click.ClickException)
        result.text = failure.message if known else "the step took too long"  # type: ignore[union-attr]
        result.log = tail(bench.events.said)
    result.seconds = told.now() - result.began


# The first prints the traceback of its crash; the second's Ctrl-C ends the agent by one.
_MAY_RAISE = ("crash-loop", "on-device")


def _frames(bench: Bench) -> list[tuple[str, str, int, int]]:
    statistics = bench.wire.statistics
    return [
        (way, name, traffic.frames, traffic.wire_bytes)
        for way, counted in (("to the device", statistics.sent), ("from the device", statistics.received))
        for name, traffic in sorted(counted.items())
    ]
