"""One life of the simulated device: from boot to a reset, a crash, a hang, or until nothing happens.

The real boot, store, client and agent run over the observed flash, with virtual time and a link at the
level of whole frames. Nothing here decides what is right: that is the oracle's.
"""

import random
from dataclasses import dataclass, field

from firmware_agent import boot
from firmware_agent.agent import Agent
from firmware_agent.store.facts import Device
from firmware_agent.store.firmware_store import FirmwareStore
from firmware_agent.trust import anchors
from hal.flash import FlashArea
from tools.simulator.flash import Geometry, ObservedFlash
from tools.simulator.hub import SimHub

# How a life ends, beside boot's reset causes.
SETTLED = "settled"
DEAD = "nothing boots"

# What an image's application does.
WORKS = "works"
CRASHES = "crashes"
HANGS = "hangs"
FAILS = "fails its self-test"
FLICKERS = "works, if only the power stays on"
CHOKES = "works, but not while an update comes in"

_DOWNLOADING = 1  # ImageUpgradeStatus
_CHOKES_AT = 640  # bytes of the upgrade file
_LATENCY = 1  # ms of virtual time a frame takes
_LONGEST_LIFE = (
    72 * 3600 * 1000
)  # ms: three query periods; a life that neither settles nor resets by then never will


class Reset(BaseException):
    """The device resets itself."""


class Crash(Exception):
    """The application's own bug."""


class Hang(BaseException):
    """The application never comes back: the watchdog does."""


class PowerLoss(BaseException):
    """The home's power fails, as the story has it."""


class NeverSettles(Exception):
    """The life went on for hours."""


@dataclass
class Link:
    """How frames fare: shares of frames lost, doubled, late; drawn from the life's own chance."""

    loss: float = 0.0
    double: float = 0.0
    late: float = 0.0


@dataclass
class Identity:
    """What the endpoint tells about the device."""

    manufacturer_code: int = 0x1234
    image_type: int = 0x0084
    hardware_version: int = 1
    file_version: int = 0
    eui64: bytes = b"\x01\x02\x03\x04\x05\x06\x07\x08"
    model: str = "PPMID"
    manufacturer_name: str = "hanota"
    date_code: str = "20261122"
    image_stamp: int = 0x20261122
    power_source: int = 1
    device_id: int = 0x0506


class Application:
    """Behaves as its image is said to."""

    def __init__(self, behaviour: str, hub: SimHub):
        self.behaviour = behaviour
        self._hub = hub
        self.ticks = 0

    def start(self, device) -> None:
        device.every(1000, self._tick)

    def _tick(self, elapsed: int) -> None:
        self.ticks += 1
        if self.behaviour == CRASHES:
            raise Crash
        if self.behaviour == HANGS:
            raise Hang
        if self.behaviour == FLICKERS and self._hub.flickers:
            self._hub.flickers -= 1
            raise PowerLoss

    def self_test(self) -> bool | None:
        if self.behaviour == FAILS:
            return False
        return True if self.ticks >= 2 else None

    def may_activate(self) -> bool:
        return True

    def progress(self, status: int, offset: int, size: int) -> None:
        if self.behaviour == CHOKES and status == _DOWNLOADING and offset >= _CHOKES_AT:
            raise Crash


@dataclass
class Life:
    """What one life left to be judged by."""

    end: str
    slot: int = -1
    version: int = 0
    trial: bool = False
    counter: int = 0
    trusted_before: list[bytes] = field(default_factory=list)  # key ids on record at its start
    trusted: list[bytes] = field(default_factory=list)  # and at its end
    events: list[tuple[str, dict]] = field(default_factory=list)
    state: object = None

    def happened(self, name: str) -> bool:
        return any(event == name for event, _ in self.events)


class BareBoard:
    """What an agent's board is at the least: itself link, clock and watchdog. ``now``: milliseconds."""

    max_data_size = 63
    address = 0x1234
    endpoint = 1
    profile = 0x0104
    display = None
    settings = None

    def __init__(self) -> None:
        self.identity = Identity()
        self.joined = True
        self.now = 0
        self.link = self.clock = self.watchdog = self

    def ticks_ms(self) -> int:
        return self.now

    def ticks_diff(self, a: int, b: int) -> int:
        return a - b

    def feed(self) -> None:
        pass

    def read_into(self, buf: bytearray) -> int:
        return 0

    def write(self, buf: bytearray, n: int) -> None:
        pass


class _Board(BareBoard):
    def __init__(self, life: Life, chance: random.Random):
        super().__init__()
        self._life = life
        self._chance = chance

    def random(self, n: int) -> int:
        return self._chance.randrange(n) if n > 0 else 0

    def emit(self, event: str, fields: dict) -> None:
        self._life.events.append((event, fields))

    def reset(self) -> None:
        raise Reset


class _Agent(Agent):
    """The real agent; frames come and go whole."""

    def __init__(self, *arguments):
        self.sent: list[bytes] = []
        self.inbox: list[bytes] = []
        super().__init__(*arguments)
        self.last_store = self.store

    def _read_link(self) -> None:
        while self.inbox:
            frame = self.inbox.pop(0)
            if self._take_frame(frame, len(frame)):
                break

    def transmit(self, length: int, contents: bytearray, wire: bytearray) -> None:
        self.sent.append(bytes(contents[:length]))

    def poll(self) -> int:
        try:
            return super().poll()
        finally:
            # At rest it lets go of the store, and makes another one later.
            self.last_store = self._handover.store or self.last_store

    @property
    def quiet(self) -> bool:
        """Nothing is asked for, nothing is kept to go back to, and the store has nothing to do."""
        idle = self.updater is None or self.updater.idle
        return self.trial is None and idle and not self._owing


def make_store(flash: ObservedFlash, geometry: Geometry, rules: Device) -> FirmwareStore:
    """The firmware store over a simulated part."""
    journal = FlashArea(flash, 0, geometry.journal_units, geometry.write_size)
    slots = [
        FlashArea(
            flash, geometry.journal_units + i * geometry.slot_units, geometry.slot_units, geometry.write_size
        )
        for i in range(2)
    ]
    return FirmwareStore(journal, slots, rules)


def live(
    flash: ObservedFlash,
    geometry: Geometry,
    rules: Device,
    hub: SimHub,
    cause: str,
    behaviours: dict[int, str],
    booted,
    chance: random.Random,
    link: Link | None = None,
    events: list[tuple[str, dict]] | None = None,
    bare: bool = False,
) -> Life:
    """One life. ``booted(slot, manifest, trial)`` is called when a slot is about to run; ``events`` is filled
    as it goes, so that it tells of a life that is cut, too. bare: no slot holds firmware."""
    life = Life(SETTLED, events=[] if events is None else events)
    store = make_store(flash, geometry, rules)
    try:
        if not store.load():
            life.end = DEAD
            return life
        life.trusted_before = _trusted(store)
        try:
            handover = boot.boot(store, cause)
        except boot.NothingBoots:
            if not bare:
                life.end = DEAD
                return life
            handover = boot.recover(store, cause)
    finally:
        life.state = store.state
        life.counter = store.state.security_counter
    life.slot = handover.slot
    life.trial = handover.trial
    if handover.reverted:
        life.events.append(("reverted", {"number": handover.reverted}))
    if handover.dropped:
        life.events.append(("dropped", {"number": handover.dropped}))
    if handover.manifest:
        life.version = handover.manifest.file_version
        booted(handover.slot, handover.manifest, handover.trial)
    board = _Board(life, chance)
    agent = _Agent(board, handover, Application(behaviours.get(life.version, WORKS), hub))
    try:
        _run(agent, board, hub, link or Link(), chance)
    except Reset:
        life.end = boot.RESET
    except Crash:
        life.end = boot.CRASH
    except Hang:
        life.end = boot.WATCHDOG
    except PowerLoss:
        life.end = boot.POWER_ON
    finally:
        life.state = agent.last_store.state
        life.counter = agent.last_store.state.security_counter
        life.trusted = _trusted(agent.last_store)
    return life


def _trusted(store: FirmwareStore) -> list[bytes]:
    return [anchor.key_id for anchor in anchors.unpack(store.state.anchors).entries]


def _run(agent: _Agent, board: _Board, hub: SimHub, link: Link, chance: random.Random) -> None:
    agent.start()
    asked = hub.asked
    late: list[bytes] = []
    while board.now < _LONGEST_LIFE:
        wait = agent.poll()
        sent, agent.sent = agent.sent, []
        arrived = 0
        for frame in sent:
            if link.loss and chance.random() < link.loss:
                continue
            for answer in hub.handle(frame):
                arrived += 1
                # Real hubs send these once and never again: a link that loses them proves nothing.
                spared = answer[14] in (0x00, 0x02, 0x07)
                if not spared and link.loss and chance.random() < link.loss:
                    continue
                if not spared and link.late and chance.random() < link.late:
                    late.append(answer)
                    continue
                agent.inbox.append(answer)
                if link.double and chance.random() < link.double:
                    agent.inbox.append(answer)
        if late and not sent:
            agent.inbox.append(late.pop(chance.randrange(len(late))))
        if agent.inbox:
            board.now += _LATENCY
        elif agent.quiet and hub.asked > asked and not sent:
            return
        else:
            board.now += max(wait, 1)
    raise NeverSettles
