"""What the steps of a plan do to a bench. Each raises Failed, or returns its figures.

What a step believes is evidence: events that the device told, what it reports to the hub, the frames that
were counted on the wire, and on an emulated board the flash itself.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable

from boards.common import flash_map as fm
from firmware_agent.boot import CRASH, MAX_TRIAL_CRASHES, WATCHDOG
from firmware_agent.store.image_writer import PROOF_SIZE
from tools.device_event import Event
from tools.errors import Failed
from tools.rig import hostile, on_device, sabotage, trace
from tools.rig.bench import Bench
from tools.rig.images import Image
from tools.rig.plan import Step
from tools.together import beside, while_going

Figures = dict[str, object]
Run = Callable[[Bench, Step, random.Random], Awaitable[Figures]]

# Bytes that a cut before the image was accepted may have fetched twice.
_BEFORE_ACCEPTANCE = 512
# And one that fell while the first page of an erase unit was put back (docs/store.md): that page, too.
_PAGE = 256
_ONCE = ("accepted", "verified", "pending", "trial", "confirmed")
_NEVER = ("rejected", "reverted", "failed")


def _progress_of(bench: Bench) -> Callable[[int, int], None]:
    def progress(offset: int, size: int) -> None:
        bench.record.progress = offset / size

    return progress


async def update(bench: Bench, step: Step, chance: random.Random) -> Figures:
    """One update from first to last, nothing in its way."""
    image = bench.next_image()
    since = len(bench.events.events)
    began = bench.record.now()
    async with bench.hub() as hub, beside(hub.offer(image.path, _progress_of(bench))) as offering:
        confirmed = bench.events.wait_for(
            "confirmed", step["timeout"], since, file_version=image.version_text
        )
        await while_going(offering, confirmed)
        await bench.reports(hub, image.version)
    _went_well(bench, since, image)
    for name in _ONCE:
        count = len(bench.events.since(since, name))
        if count != 1:
            raise Failed(f"{count} events {name} in one update, not one")
    twice = bench.wire.statistics.bytes_served_twice(image.version)
    if twice:
        raise Failed(f"{twice} bytes were fetched twice without a cut")
    bench.version = image.version
    seconds = bench.record.now() - began
    return {"bytes": len(image.data), "seconds": round(seconds, 1), "bytes fetched twice": twice}


async def cuts(bench: Bench, step: Step, chance: random.Random) -> Figures:
    """``count`` power cuts, at most ``each`` in an update: all along the download, and after it."""
    left = step.count("count")
    updates = most_twice = 0
    after: dict[str, int] = {}
    while left:
        here = min(left, step.count("each"))
        most_twice = max(most_twice, await _cut_update(bench, step, chance, here, after))
        left -= here
        updates += 1
    phases = ", ".join(f"{count} after {name}" for name, count in sorted(after.items()))
    return {
        "cuts": step.count("count"),
        "updates": updates,
        "most bytes fetched twice a cut": most_twice,
        "last event before the cuts": phases,
    }


# A cut may take away the line that was to tell something: what a later boot tells is as good.


def _through(image: Image) -> list[Event]:
    """One of these comes after each boot with every byte of the image on flash."""
    fields = {"file_version": image.version_text}
    return [Event("verified", fields), Event("boot", fields)]


def _confirmed(image: Image) -> list[Event]:
    fields = {"file_version": image.version_text}
    return [Event("confirmed", fields), Event("boot", {**fields, "state": "updated"})]


def _late(image: Image) -> list[tuple[list[Event], float]]:
    """The last cuts of an update fall after the download: at an event, up to so many seconds later."""
    trial = Event("boot", {"file_version": image.version_text})
    return [(_through(image), 0.05), ([Event("boot")], 0.4), ([trial], 1.0)]


async def _cut_update(
    bench: Bench, step: Step, chance: random.Random, count: int, after: dict[str, int]
) -> int:
    """One update with so many cuts; the most bytes that one of them had fetched twice."""
    image = bench.next_image()
    late = _late(image)[: count // 5]
    offsets = sorted(chance.randrange(1, len(image.data)) for _ in range(count - len(late)))
    events = bench.events
    begin = since = len(events.events)
    reached = asyncio.Event()
    costs: list[int] = []
    before = bench.version

    def cut_at_offset() -> None:
        offsets.pop(0)
        bench.cut_now()
        reached.set()

    def progress(offset: int, size: int) -> None:
        bench.record.progress = offset / size
        if offsets and offset >= offsets[0] and not reached.is_set():
            cut_at_offset()

    async with bench.hub() as hub, beside(hub.offer(image.path, progress)) as offering:
        moments: list[tuple[list[Event], float]] = [([], 0.0)] * len(offsets) + late
        for moment, most in moments:
            if moment:
                await while_going(offering, events.wait_for_one(moment, step["timeout"], since))
                await asyncio.sleep(chance.uniform(0, most))
                bench.cut_now()
            else:
                await while_going(offering, _reached(bench, reached, step, image, since))
                if not reached.is_set():
                    cut_at_offset()
            await bench.power_off()
            last = events.events[-1].name
            after[last] = after.get(last, 0) + 1
            twice = bench.wire.statistics.bytes_served_twice(image.version) - sum(costs)
            costs.append(twice)
            _judge_cost(bench, begin, image, twice)
            confirmed = events.like(_confirmed(image), begin)
            bench.judge_cut(image.version if confirmed else before)
            since = len(events.events)
            await bench.power_on()
            # Not before: what was still on the wire may have come past the next offset, too.
            reached.clear()
        await while_going(offering, events.wait_for_one(_confirmed(image), step["timeout"], begin))
        await bench.reports(hub, image.version)
    twice = bench.wire.statistics.bytes_served_twice(image.version) - sum(costs)
    _judge_cost(bench, begin, image, twice)
    _went_well(bench, begin, image)
    bench.version = image.version
    return max([*costs, twice])


async def _reached(bench: Bench, reached: asyncio.Event, step: Step, image: Image, since: int) -> None:
    """Until ``reached`` is set, or no block comes any more that could set it, because all are on flash: cuts
    that are drawn near the end come together, and a supply that is slow to go lets some offsets pass."""
    through = bench.events.wait_for_one(_through(image), step["timeout"], since)
    async with beside(reached.wait()) as at_offset, beside(through) as told:
        await asyncio.wait((at_offset, told), return_when=asyncio.FIRST_COMPLETED)
        if not at_offset.done():
            await told


def _judge_cost(bench: Bench, begin: int, image: Image, twice: int) -> None:
    accepted = bool(bench.events.since(begin, "accepted"))
    allowed = fm.ERASE_SIZE + PROOF_SIZE if accepted else _BEFORE_ACCEPTANCE
    resumed = [event.fields["offset"] for event in bench.events.since(begin, "resume")][-2:]
    allowed += min(_PAGE, max(0, resumed[0] - resumed[-1])) if resumed else 0
    if twice > allowed:
        raise Failed(
            f"{twice} bytes of {image.version_text} were fetched twice for one cut, {allowed} allowed"
        )


def _went_well(bench: Bench, since: int, image: Image) -> None:
    for name in _NEVER:
        for event in bench.events.since(since, name):
            raise Failed(f"on the way to {image.version_text}: {event}")
    crashed = [
        event for event in bench.events.since(since, "boot") if event.fields["cause"] in (CRASH, WATCHDOG)
    ]
    if crashed:
        raise Failed(f"on the way to {image.version_text}: {crashed[0]}")


async def losses(bench: Bench, step: Step, chance: random.Random) -> Figures:
    """An update over a link that loses this share of block requests and responses."""
    image = bench.next_image()
    since = len(bench.events.events)
    wire = bench.wire
    wire.chance = chance
    lost_before = wire.lost
    try:
        async with bench.hub() as hub, beside(hub.offer(image.path, _progress_of(bench))) as offering:
            wire.loss = step["percent"] / 100
            told = bench.events.wait_for("confirmed", step["timeout"], since, file_version=image.version_text)
            await while_going(offering, told)
            await bench.reports(hub, image.version)
    finally:
        wire.loss = 0.0
    _went_well(bench, since, image)
    bench.version = image.version
    lost = wire.lost - lost_before
    twice = wire.statistics.bytes_served_twice(image.version)
    return {"frames lost": lost, "bytes delivered twice": twice}


async def reboots(bench: Bench, step: Step, chance: random.Random) -> Figures:
    """Power off and on again, at rest; the same firmware, confirmed, each time."""
    for _ in range(step.count("count")):
        await asyncio.sleep(chance.uniform(0, 1))
        await bench.power_off()
        boot = await bench.power_on()
        version = int(boot.fields["file_version"], 16)
        if version != bench.version or boot.fields["state"] != "updated":
            raise Failed(f"0x{bench.version:08x} was confirmed, but: {boot}")
    return {"reboots": step.count("count")}


async def hang(bench: Bench, step: Step, chance: random.Random) -> Figures:
    """New firmware that hangs on trial: the watchdog ends it, each time, and it is given up."""
    return await _given_up(bench, step, sabotage.HANGS, WATCHDOG)


async def crash_loop(bench: Bench, step: Step, chance: random.Random) -> Figures:
    """New firmware that crashes on trial, each time: it is given up."""
    return await _given_up(bench, step, sabotage.RAISES, CRASH)


async def _given_up(bench: Bench, step: Step, app: str, cause: str) -> Figures:
    image = bench.next_image(app, approve=False)
    # It may run on trial, and only there.
    bench.approved[image.version] = image.signed
    since = len(bench.events.events)
    async with bench.hub() as hub, beside(hub.offer(image.path, _progress_of(bench))):
        reverted = await bench.events.wait_for("reverted", step["timeout"], since)
        await bench.boots(since + bench.events.events[since:].index(reverted))
        await bench.reports(hub, bench.version)
    version = int(reverted.fields["file_version"], 16)
    if version != bench.version or reverted.fields["reason"] != "crashed":
        raise Failed(f"0x{bench.version:08x} was to run again, because the trial crashed: {reverted}")
    if bench.events.since(since, "confirmed"):
        raise Failed("firmware that never passed its self-test was confirmed")
    boots = bench.events.since(since, "boot")
    trials = [boot.fields["cause"] for boot in boots if boot.fields["state"] == "trial"]
    if trials != ["reset", *[cause] * (MAX_TRIAL_CRASHES - 1)]:
        raise Failed(f"the causes of the trial's boots are {trials}")
    if boots[-1].fields["cause"] != cause:
        raise Failed(f"the old firmware's boot is not after a {cause}: {boots[-1]}")
    return {"trial boots": len(trials), "ended by": cause}


RUNS: dict[str, Run] = {
    "update": update,
    "cuts": cuts,
    "losses": losses,
    "hostile": hostile.run,
    "reboots": reboots,
    "hang": hang,
    "crash-loop": crash_loop,
    "on-device": on_device.run,
    "trace": trace.run,
}
