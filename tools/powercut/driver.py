"""One device through several updates, its power cut at random instants of each."""

import asyncio
import json
import random
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from boards.common import flash_map
from tools import envelope, files, keys, upgrade_file
from tools.powercut import wire
from tools.simulator import stories
from tools.simulator.flash import Geometry
from tools.simulator.hub import SimHub
from tools.simulator.oracle import Oracle, Past, Violation

GEOMETRY = Geometry(flash_map.ERASE_SIZE, flash_map.WRITE_SIZE, flash_map.JOURNAL_UNITS, flash_map.SLOT_UNITS)
_START = 0.25  # seconds that starting takes
_LIFE = 0.5  # seconds of power before a cut, at most
_LATE = ("verified", "reset", "trial")  # what the last cuts of an update wait for
_LATE_CUTS = 2  # of an update; a trial survives more, but not any number
_UPDATE_DEADLINE = 120.0
_STEP = 0x00010000


@dataclass
class Tally:
    """What was done and seen."""

    cuts: int = 0
    updates: int = 0
    most_twice: int = 0
    failures: list[str] = field(default_factory=list)
    phases: dict[str, int] = field(default_factory=dict)  # last event before the cut: cuts

    @staticmethod
    def of(tallies: Iterable["Tally"]) -> "Tally":
        """What all of them come to."""
        total = Tally()
        for tally in tallies:
            total.cuts += tally.cuts
            total.updates += tally.updates
            total.most_twice = max(total.most_twice, tally.most_twice)
            total.failures += tally.failures
            for phase, count in tally.phases.items():
                total.phases[phase] = total.phases.get(phase, 0) + count
        return total


class Device:
    """The emulated device in ``directory``, and the images that it is offered."""

    def __init__(self, directory: Path, payload: bytes, key: keys.SigningKey, trust: Path):
        self._directory = directory
        self._payload = payload
        self._key = key
        self._trust = trust
        self.hub = SimHub()
        self.past = Past()
        self.images: dict[int, bytes] = {}
        self.oracle = Oracle(GEOMETRY, self.images)
        self.process: asyncio.subprocess.Process | None = None

    def upgrade(self, version: int) -> bytes:
        """A new approved version: the same payload under another number."""
        identity = envelope.Identity(stories.MANUFACTURER_CODE, stories.IMAGE_TYPE, version, None)
        self.images[version] = envelope.build(self._payload, identity, version, self._key)
        return upgrade_file.build(self.images[version], identity, b"power cut", True)

    @property
    def memory(self) -> bytes:
        return (self._directory / "flash.bin").read_bytes()

    async def power_on(self, factory: Path) -> int:
        """Start it; returns its port."""
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tools", "emulate", "--state", str(self._directory)),
            *("--factory", str(factory), "--trust", str(self._trust), "--listen", "127.0.0.1:0"),
            stdout=asyncio.subprocess.PIPE,
            limit=1 << 20,
        )
        while event := await self.event():
            if event["event"] == "listening":
                return event["port"]
        raise Violation("the emulator ended before it listened")

    async def event(self) -> dict | None:
        """The device's next event; None when it has no power any more."""
        assert self.process is not None and self.process.stdout is not None
        line = await self.process.stdout.readline()
        return json.loads(line) if line else None

    async def power_off(self) -> None:
        """The power cut."""
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
        if self.process is not None:
            await self.process.wait()


class _Watch:
    """Follows one life's events; the oracle judges each boot."""

    def __init__(self, device: Device, version: int, after: str | None):
        self.last = "listening"
        self.confirmed = False  # ``version``
        self.accepted: list[tuple[str, dict]] = []
        self.begun = asyncio.Event()  # the event ``after``: from then on the seconds of power count
        self._device = device
        self._version = version
        self._after = after
        if after is None:
            self.begun.set()

    async def to_the_end(self) -> None:
        """Until ``version`` is confirmed; before it, only the loss of power ends a life."""
        while event := await self._device.event():
            self.last = event["event"]
            if self.last == self._after:
                self.begun.set()
            self._judge(event)
            if self.confirmed:
                return
        raise Violation("the emulator ended by itself")

    def _judge(self, event: dict) -> None:
        device = self._device
        if self.last == "boot":
            device.oracle.at_boot(
                device.memory,
                "AB".index(event["slot"]),
                int(event["file_version"], 16),
                event["state"] == "trial",
                device.past,
            )
        elif self.last == "failed":
            raise Violation("nothing boots")
        elif self.last == "rejected":
            raise Violation(f"rejected: {event['text']}")
        elif self.last == "accepted":
            self.accepted.append((self.last, event))
        elif self.last == "confirmed":
            device.past.confirmed = int(event["file_version"], 16)
            self.confirmed = device.past.confirmed == self._version


async def _life(
    device: Device, factory: Path, version: int, power: float | None, after: str | None = None
) -> tuple[bool, str]:
    """Power on, for ``power`` seconds (from the event ``after`` on, if one is named) or until ``version`` is
    confirmed. (confirmed, last event).
    """
    port = await device.power_on(factory)
    # A device in the middle of a download goes on by itself; a Notify would make it ask what there is.
    hub = asyncio.create_task(wire.serve(device.hub, "127.0.0.1", port, not device.past.loading))
    watch = _Watch(device, version, after)

    async def lose_power() -> None:
        await watch.begun.wait()
        await asyncio.sleep(_UPDATE_DEADLINE if power is None else power)

    tasks = [asyncio.create_task(watch.to_the_end()), asyncio.create_task(lose_power())]
    try:
        done, _ = await asyncio.wait(tasks, timeout=_UPDATE_DEADLINE, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        await device.power_off()
        for task in (*tasks, hub):
            task.cancel()
        await asyncio.gather(*tasks, hub, return_exceptions=True)
    if not watch.confirmed and (power is None or not done):
        raise Violation(f"0x{version:08x} was not confirmed in {_UPDATE_DEADLINE:.0f} s")
    device.oracle.fetched(device.hub, device.past, True)
    device.oracle.at_cut_of_life(watch.accepted, device.past)
    return watch.confirmed, watch.last


async def campaign(
    payload: bytes, seed: int, cuts: int, each: int, tally: Tally, told: Callable[[], None]
) -> None:
    """At least ``cuts`` power cuts in the updates of one device, at most ``each`` in an update; deterministic
    but for the instants. ``tally`` is kept as it goes, for a campaign may be stopped; ``told`` hears of each
    cut.
    """
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="hanota-powercut-") as name:
        place = Path(name)
        keys.generate(place / "keys")
        key = keys.load_private(place / "keys" / keys.PRIVATE_NAME)
        device = Device(place / "device", payload, key, place / "keys" / keys.PUBLIC_NAME)
        factory = place / "factory.ota"
        files.write(factory, device.upgrade(stories.FACTORY))
        version = stories.FACTORY
        try:
            while tally.cuts < cuts:
                version += _STEP
                device.hub.offer(device.upgrade(version))
                confirmed = False
                for number in range(each):
                    after = chance.choice(_LATE) if number >= each - _LATE_CUTS else None
                    power = _LIFE * chance.random() + (_START if after is None else 0)
                    confirmed, last = await _life(device, factory, version, power, after)
                    tally.cuts += 1
                    tally.phases[last] = tally.phases.get(last, 0) + 1
                    tally.most_twice = max(tally.most_twice, device.past.twice)
                    device.oracle.at_cut(device.memory, device.past)
                    told()
                    if confirmed:
                        break
                if not confirmed:
                    await _life(device, factory, version, None)
                tally.updates += 1
        except Violation as violation:
            tally.failures.append(f"seed {seed}, update to 0x{version:08x}, cut {tally.cuts}: {violation}")
        finally:
            await device.power_off()
