"""Cuts the power at every flash operation of every life, and again in the recoveries.

A cut takes the RAM and leaves the flash and the hub: so a run is forked inside the operation, on a copy
of the flash with whatever the cut may leave there, instead of being replayed from its start. States that
were seen are not run again. Everything is drawn from one seed and the path of cuts, so a failure is
replayed exactly by its line.
"""

import copy
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from firmware_agent import boot
from firmware_agent.store.facts import Device
from firmware_agent.trust import p256
from firmware_agent.trust.anchors import ANCHORS, FIRMWARE, Anchor, Anchors
from tools import envelope
from tools.simulator import oracle as judge
from tools.simulator import stories, world
from tools.simulator.cells import Part
from tools.simulator.flash import Geometry, Left, ObservedFlash, Operation, outcomes
from tools.simulator.hub import SimHub
from tools.simulator.oracle import NO_FIRMWARE, Oracle, Past, Violation

EVERY = 1.0
EACH = -1.0

Path = tuple[tuple[int, int, str], ...]  # cuts: life, operation in it, what it left


class PowerCut(BaseException):
    """Ends the life that is replayed."""


@dataclass
class Failure:
    """One run that went wrong, and the line that shows it again."""

    story: str
    geometry: str
    seed: int
    path: Path
    text: str
    rule: str

    @property
    def replay(self) -> str:
        cuts = ",".join(f"{life}.{operation}.{left}" for life, operation, left in self.path)
        line = f"hanota simulate --story {self.story} --geometry '{self.geometry}' --seed {self.seed}"
        return line + (f" --cuts {cuts}" if cuts else "")


# What a cut became, by what the device had to do again.
SEEN = "a state that another cut had left already"
NOTHING_AGAIN = "nothing fetched twice"
SOME_AGAIN = "part of an erase unit fetched twice"
WRONG = "failed"


@dataclass(frozen=True)
class Cut:
    """A first cut: the life and the operation in it, its kind, what the device had told last before it, what
    it left, and what became of it."""

    life: int
    operation: int
    kind: str
    phase: str
    left: str
    became: str


@dataclass
class Tally:
    """What an exploration did."""

    runs: int = 0
    states: int = 0
    lives: int = 0
    operations: int = 0
    most_boots: int = 0
    most_twice: int = 0
    failures: list[Failure] = field(default_factory=list)
    fell: dict[tuple[str, str], int] = field(default_factory=dict)  # (kind of operation, left): cuts
    cuts: list[Cut] = field(default_factory=list)  # the first ones, in their order

    def add(self, other: "Tally") -> None:
        """Count another exploration in."""
        self.runs += other.runs
        self.states += other.states
        self.lives += other.lives
        self.operations += other.operations
        self.most_boots = max(self.most_boots, other.most_boots)
        self.most_twice = max(self.most_twice, other.most_twice)
        self.failures += other.failures
        for key, count in other.fell.items():
            self.fell[key] = self.fell.get(key, 0) + count


def device_rules(geometry: Geometry) -> Device:
    """Who the simulated device is and whom it trusts."""
    return Device(
        stories.MANUFACTURER_CODE,
        stories.IMAGE_TYPE,
        1,
        envelope.vendor_id(stories.MANUFACTURER_CODE),
        envelope.class_id(stories.MANUFACTURER_CODE, stories.IMAGE_TYPE),
        0,
        geometry.slot_units * geometry.erase_size,
        Anchors([Anchor(stories.KEY.public_key, FIRMWARE | ANCHORS)]),
    )


def factory_flash(geometry: Geometry, size: int, bare: bool = False) -> Part:
    """The flash as it leaves the factory: slot A holds the factory image, the journal says so. bare: a bit of
    it has rotted since."""
    memory = Part(bytes([geometry.erased_value]) * geometry.size)
    flash = ObservedFlash(memory, geometry)
    store = world.make_store(flash, geometry, device_rules(geometry))
    data = stories.image(stories.FACTORY, size)
    store.slots[0].program(0, data + b"\xff" * (-len(data) % geometry.write_size))
    store.format(stories.FACTORY)
    if bare:
        memory[geometry.slot(0).start + len(data) - size // 2] ^= 0x10
    return memory


class remembered_signatures:
    """While in force, each signature is checked once: the same inputs have the same verdict."""

    def __enter__(self):
        verify = self._verify = p256.verify
        verdicts: dict[tuple, bool] = {}

        def remember(public_key, digest, signature, hook=None):
            key = (bytes(public_key), bytes(digest), bytes(signature))
            if key not in verdicts:
                verdicts[key] = verify(public_key, digest, signature)
            if hook:
                hook()
            return verdicts[key]

        p256.verify = remember
        return self

    def __exit__(self, *exception):
        p256.verify = self._verify


class Explorer:
    """One story on one geometry.

    shares: for the first cut of a run, the second, ...: which are tried. EVERY one of what each operation
    may leave; at EACH operation two of them, drawn; or a share of all, drawn.
    """

    def __init__(
        self,
        story: stories.Story,
        geometry: Geometry,
        seed: int = 0,
        shares: tuple[float, ...] = (EVERY,),
        size: int = stories.IMAGE_SIZE,
        most_failures: int = 1,
        rules: frozenset[str] = judge.RULES,
    ):
        self.tally = Tally()
        self._story = story
        self._geometry = geometry
        self._seed = seed
        self._shares = shares
        self._size = size
        versions = (stories.FACTORY, stories.NEW, stories.NEWER)
        approved = {version: story.image(version, size) for version in versions}
        self._oracle = Oracle(geometry, approved, story.refused_in_download, story.rotates, rules)
        self._rules = device_rules(geometry)
        self._most_failures = most_failures
        self._seen: set = set()
        self._steps: dict[Path, int] = {}

    def explore(self) -> Tally:
        """Every run from the factory on; the tally."""
        with remembered_signatures():
            hub = SimHub()
            self._story.prepare(hub, self._size)
            self._run(self._factory_flash(), hub, self._no_past(), ())
        self.tally.states = len(self._seen)
        return self.tally

    def replay(self, path: Path) -> Iterator[str]:
        """The one run with these cuts, told line by line; raises Violation where it goes wrong."""
        with remembered_signatures():
            memory = self._factory_flash()
            hub = SimHub()
            self._story.prepare(hub, self._size)
            past = self._no_past()
            cut_before = False
            for depth in range(len(path) + 1):
                prefix = path[:depth]
                cut = path[depth] if depth < len(path) else None
                for number, life in self._lives(memory, hub, past, prefix, cut_before, cut):
                    yield _told(number, life)
                    if life is None:
                        assert cut is not None
                        yield f"  cut {depth + 1}: operation {cut[1]}, left: {cut[2]}"
                        memory = self._memory_left.copy()
                        self._oracle.at_cut(memory, past)
                cut_before = True

    # Inside

    def _factory_flash(self) -> Part:
        return factory_flash(self._geometry, self._size, self._story.bare)

    def _no_past(self) -> Past:
        return Past(confirmed=NO_FIRMWARE) if self._story.bare else Past()

    def _done(self) -> bool:
        return len(self.tally.failures) >= self._most_failures

    def _run(self, memory: Part, hub: SimHub, past: Past, path: Path) -> None:
        """From power-on until all is quiet, forking at every operation."""
        self.tally.runs += 1
        try:
            if path:
                self._oracle.at_cut(memory, past)
            for _, life in self._lives(memory, hub, past, path, bool(path), None):
                assert life is not None
        except Violation as violation:
            self._fail(path, str(violation), violation.rule)
        except world.NeverSettles:
            self._fail(path, "it goes on for hours and never settles", judge.SETTLES)
        except RecursionError:
            raise
        except Exception as error:  # noqa: BLE001  whatever the device raises is a finding
            self._fail(path, f"the device raised {type(error).__name__}: {error}", judge.RAISES_NOTHING)
        self.tally.most_boots = max(self.tally.most_boots, past.boots)
        self.tally.most_twice = max(self.tally.most_twice, past.twice)

    def _fail(self, path: Path, text: str, rule: str) -> None:
        if rule in self._oracle.rules:
            failure = Failure(self._story.name, str(self._geometry), self._seed, path, text, rule)
            self.tally.failures.append(failure)

    def _lives(self, memory, hub, past, path, cut_before, stop):
        """Yields (number, Life) for each life until all is quiet.

        stop: None, or a cut (life, operation, left): that life yields None in place of a Life, and
        what it leaves is in self._memory_left.
        """
        cause = boot.POWER_ON
        settled = False
        number = 0
        while True:
            life_events: list = []
            chance = random.Random(f"{self._seed} {path} {number}")
            if stop is not None:
                observer = self._stopper(memory, path, number, stop)
            elif len(path) < len(self._shares):
                observer = self._forker(memory, hub, past, path, number, cut_before, life_events)
            else:
                observer = None
            cells = random.Random(f"{self._seed} {path} {number} cells")
            flash = ObservedFlash(memory, self._geometry, observer, cells)

            def booted(slot, manifest, trial):
                start = self._geometry.slot(slot).start
                if memory.is_unsure(start, start + manifest.head_length + manifest.payload_length):
                    text = f"slot {slot} runs from cells that may read otherwise"
                    self._oracle.broken(judge.SURE, text)
                self._oracle.at_boot(memory, slot, manifest.file_version, trial, past)

            try:
                life = world.live(
                    flash,
                    self._geometry,
                    # Its own: a fork in the middle of this life must not change what it knows.
                    copy.copy(self._rules),
                    hub,
                    cause,
                    self._story.behaviours,
                    booted,
                    chance,
                    self._story.link,
                    life_events,
                    past.confirmed == NO_FIRMWARE,
                )
            except PowerCut:
                if self._story.link is None:
                    self._oracle.fetched(hub, past, cut_before)
                else:
                    hub.served, hub.kinds = [], []
                self._oracle.at_cut_of_life(life_events, past)
                yield number, None
                return
            self.tally.lives += 1
            self.tally.operations += flash.operations
            if self._story.link is None:
                self._oracle.fetched(hub, past, cut_before)
            self._oracle.at_end_of_life(life, past)
            yield number, life
            if past.boots > judge.MOST_BOOTS:
                return  # where nobody judges that
            if life.end == world.SETTLED and settled:
                # What holds only until the power goes is no end: so it was switched off and on once more.
                self._oracle.at_end(life, past, self._story)
                return
            settled = life.end == world.SETTLED
            cause = boot.POWER_ON if settled else life.end
            # A crash takes the RAM as a cut does.
            cut_before = life.end in (boot.POWER_ON, boot.CRASH, boot.WATCHDOG)
            number += 1
            key = (memory.key(), hub.key(), cause, settled)
            if stop is None and path:
                digest = hash(key)
                if digest in self._seen:
                    return  # from here on it is a run that was already judged
                self._seen.add(digest)

    def _forker(self, memory, hub, past, path, number, cut_before, life_events):
        """An observer that runs every cut of an operation to its end before the operation happens."""
        share = self._shares[len(path)]

        def fork(operation: Operation) -> None:
            if self._done():
                return
            step = (number, operation.index)
            chance = random.Random(f"{self._seed} {path} {step}")
            for left in _drawn(operation, self._geometry.erase_size, share, chance):
                after = memory.copy()
                left.apply(after, self._geometry.erase_size)
                digest = hash((after.key(), hub.key(), boot.POWER_ON))
                if digest in self._seen:
                    self._note(path, number, operation, life_events, left, SEEN)
                    continue
                self._seen.add(digest)
                failures = len(self.tally.failures)
                key = (operation.kind, left.name)
                self.tally.fell[key] = self.tally.fell.get(key, 0) + 1
                server = hub.copy()
                then = past.copy()
                cut = (number, operation.index, left.name)
                try:
                    if self._story.link is None:
                        self._oracle.fetched(server, then, cut_before)
                    else:
                        server.served = []
                        server.kinds = []
                except Violation as violation:
                    self._fail((*path, cut), str(violation), violation.rule)
                self._oracle.at_cut_of_life(life_events, then)
                self._run(after, server, then, (*path, cut))
                became = SOME_AGAIN if then.twice else NOTHING_AGAIN
                if len(self.tally.failures) > failures:
                    became = WRONG
                self._note(path, number, operation, life_events, left, became)
                if self._done():
                    return

        return fork

    def _note(self, path, number, operation, life_events, left, became):
        if not path:
            phase = life_events[-1][0] if life_events else "boot"
            cut = Cut(number, operation.index, operation.kind, phase, left.name, became)
            self.tally.cuts.append(cut)

    def _stopper(self, memory, path, number, stop):
        def observe(operation: Operation) -> None:
            if (number, operation.index) != stop[:2]:
                return
            chance = random.Random(f"{self._seed} {path} {(number, operation.index)}")
            for left in outcomes(operation, self._geometry.erase_size, chance):
                if left.name == stop[2]:
                    self._memory_left = memory.copy()
                    left.apply(self._memory_left, self._geometry.erase_size)
                    raise PowerCut

        return observe


def _drawn(operation: Operation, erase_size: int, share: float, chance: random.Random) -> list[Left]:
    """Of what a cut in the operation may leave, what is tried. All of it is made first: so the torn bits are
    the same whatever is drawn, and a replay finds them."""
    everything = list(outcomes(operation, erase_size, chance))
    if share == EACH:
        return chance.sample(everything, 2)
    return [left for left in everything if share == EVERY or chance.random() < share]


def _told(number: int, life: world.Life | None) -> str:
    if life is None:
        return f"life {number}: cut"
    told = ", ".join(event for event, _ in life.events)
    trial = " on trial" if life.trial else ""
    if life.slot == boot.NO_SLOT:
        return f"life {number}: recovery: {told}: {life.end}"
    return f"life {number}: slot {'AB'[life.slot]} 0x{life.version:08x}{trial}: {told}: {life.end}"
