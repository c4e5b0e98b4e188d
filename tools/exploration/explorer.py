"""The walk: from each state that was not seen, everything that may happen, until there is none left."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from firmware_agent.protocol import states
from tools import transitions
from tools.exploration import frames as fr
from tools.exploration.device import Device
from tools.exploration.search import ANSWERS, Answer
from tools.exploration.searching import Searching
from tools.exploration.watch import Broken

# Small numbers: a try more or less is the same again.
SETTINGS: dict[str, object] = {
    "max_data_size": 20,
    "response_timeouts": (3000, 4500),
    "block_tries": 2,
    "query_tries": 2,
    "end_tries": 2,
    "least_data_size": 20,
    "size_tries": 1,
}
# Where the server is silent: what matters is how often, and who else answers. Few tries, blocks and boots.
SILENT: dict[str, object] = {
    "server_errors": 2,
    "block_tries": 1,
    "query_tries": 1,
    "end_tries": 1,
    "max_data_size": 30,
    "least_data_size": 30,
}
MOST_STATES = 200_000
# Heard from a stranger and by broadcast, too, beside what is good.
_AGAIN = ("wait, in 1 s", "block, status 0x95", "offer, status 0x98")
_HOUR = 3600 * 1000

# What changes the ways there are, each with how many different images are on offer: every one more
# multiplies the states, and so do pages. 0: one image, and only the frames that matter to a download.
CONFIGURATIONS: dict[str, tuple[dict[str, object], int]] = {
    "block requests": ({}, 2),
    "never applied after a time-out": ({"upgrade_timeout_policy": 1}, 1),
    "activated from outside": ({"upgrade_activation_policy": 1}, 1),
    "sizes that adapt": ({"least_data_size": 10, "size_tries": 2}, 1),
    "page requests": ({"page_size": 30}, 0),
    "a file for this device": ({"specific_file_size": fr.LARGEST_SPECIFIC}, 0),
    "a server that is silent": (SILENT, 0),
    "any server at all": ({**SILENT, "other_servers": True}, 0),
}
# Entries of states.TRANSITIONS that no event can reach, each with the reason.
UNREACHABLE: dict[tuple[int, int], str] = {}


@dataclass(frozen=True)
class Event:
    """``happen(device)`` is False if it is not possible now. ``good``: it brings the update on, with a
    server that behaves and time that passes."""

    name: str
    happen: Callable
    good: bool = False


@dataclass
class Node:
    """One state: how to get back to it, and how it was found."""

    kept: tuple
    state: int
    parent: "Node | None"
    event: str
    good: list[tuple] = field(default_factory=list)

    def way(self) -> list[str]:
        """The events from boot to here."""
        way: list[str] = []
        node: Node | None = self
        while node is not None:
            way.append(node.event)
            node = node.parent
        return way[::-1]


@dataclass
class Tally:
    """What a walk saw. failures: (what is broken, the events that lead to it)."""

    states: int = 0
    pairs: int = 0
    runs: int = 0
    moves: set[tuple[int, int]] = field(default_factory=set)
    failures: list[tuple[str, list[str]]] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        """Count another walk's in."""
        self.states += other.states
        self.pairs += other.pairs
        self.runs += other.runs
        self.moves |= other.moves
        self.failures += other.failures

    def untaken(self) -> set[tuple[int, int]]:
        """Entries of the table that were not taken and are not known to be unreachable."""
        return transitions.entries() - self.moves - set(UNREACHABLE)

    def line(self) -> str:
        """The counts, in one line."""
        return (
            f"{self.states} states, {self.pairs} (state, event) pairs, {self.runs} steps, "
            f"{len(self.moves)} transitions, {len(self.failures)} failures"
        )


def search_events() -> list[Event]:
    """What may happen to a device and its server, or another one, that concerns the search for it."""

    def say(answer: Answer) -> Event:
        return Event(answer.name, lambda device: device.answer(answer))

    found = [
        Event("the request goes out", Searching.transmit, True),
        Event("a question goes out", Searching.question),
        Event("the deadline comes", lambda device: _deadline(device, 1, 1), True),
        Event("the slot is proven", lambda device: device.prove(True), True),
        *map(say, ANSWERS),
    ]
    for kind in fr.search_kinds():
        found += [_heard(kind, False, False, kind.good), _heard(kind, True, False)]
        if kind.command == fr.NOTIFY:
            found += [_heard(kind, False, True), _heard(kind, True, True)]
    return found


def events(thorough: bool, images: int, specific: bool = False) -> list[Event]:
    """Everything that may happen to a device, with so many different images on offer; specific: the
    application asks for a file for this device alone, too."""
    found = [
        Event("the request goes out", Device.transmit, True),
        Event("the deadline comes", lambda device: _deadline(device, 1, 1), True),
        Event("half of the time to the deadline passes", lambda device: _deadline(device, 1, 2)),
        Event("the deadline is missed by an hour", lambda device: device.elapse(_late(device))),
        Event("the link is lost", Device.lose_link),
        Event("the link is back", Device.regain_link, True),
        Event("the slot is proven", lambda device: device.prove(True), True),
        Event("the slot is not proven", lambda device: device.prove(False)),
        Event("the slot is proven, and another file is needed", Device.require_more),
        Event("activated from outside", Device.activate, True),
    ]
    for who, stranger in (("the server", False), ("a stranger", True)):
        found.append(
            Event(
                f"{who} says that it has the server",
                partial(Device.identify, cluster=0x8006, stranger=stranger),
            )
        )
    found.append(Event("a stranger tells its EUI64", partial(Device.identify, cluster=0x8001, stranger=True)))
    if not images:
        # The link comes and goes in the other walks.
        found = [event for event in found if "link" not in event.name]
    if specific:
        found.append(Event("the application asks for its file", Device.fetch))
    few = fr.specific_kinds() if specific else fr.download_kinds()
    for kind in fr.kinds(thorough, images) if images else few:
        found.append(_heard(kind, False, False, kind.good))
        if kind.command == fr.NOTIFY and not kind.general:
            found += [_heard(kind, True, False), _heard(kind, False, True), _heard(kind, True, True)]
        elif kind.command == fr.END_RESPONSE:
            found.append(_heard(kind, False, True))
            if thorough or kind.good:
                found.append(_heard(kind, True, False))
        elif thorough or kind.good or kind.name in _AGAIN or (kind.general and kind.name.endswith("0x81")):
            found += [_heard(kind, True, False), _heard(kind, False, True)]
    return found


def _heard(kind: fr.Kind, stranger: bool, broadcast: bool, good: bool = False) -> Event:
    name = kind.name + (" by broadcast" if broadcast else "") + (" from a stranger" if stranger else "")
    return Event(name, lambda device: device.deliver(kind, stranger, broadcast), good)


def _told(event: Event, device: Device) -> str:
    """The event, and what the store or chance decided."""
    return f"{event.name} ({', '.join(device.told)})" if device.told else event.name


def _deadline(device: Device, share: int, of: int) -> bool:
    due = device.client.poll_timeout()
    return due > 1 and device.elapse(due * share // of)


def _late(device: Device) -> int:
    return max(device.client.poll_timeout(), 0) + _HOUR


def roots(settings: dict[str, object], exact: bool) -> list[tuple[str, Device]]:
    """The device as it may boot."""
    if settings.get("server_errors"):
        return [("boot", Searching(settings, exact))]
    found = [("boot", Device(settings, exact))]
    for offset, verified in ((0, False), (30, False), (0, True)):
        device = Device(settings, exact)
        device.restore(offset, verified)
        name = "boot with a whole image" if verified else f"boot with {offset} bytes of an image"
        found.append((name, device))
    return found


class Explorer:
    """Walks until nothing is new, or until ``most_failures`` invariants broke."""

    def __init__(
        self, settings: dict[str, object], images: int, thorough: bool = False, most_failures: int = 3
    ):
        self._settings = {**SETTINGS, **settings}
        self._thorough = thorough
        if "server_errors" in settings:
            self._events = search_events()
        else:
            self._events = events(thorough, images, "specific_file_size" in settings)
        self._most = most_failures
        self._nodes: dict[tuple, Node] = {}
        self._todo: deque[tuple[tuple, Node]] = deque()
        self.tally = Tally()

    def explore(self) -> Tally:
        """The walk, then: from everywhere a good server brings the device to activation."""
        for name, device in roots(self._settings, self._thorough):
            self._meet(device, None, name)
            # All devices share one: what differs is put down in the node.
            self._walk(device)
            self.tally.moves |= device.moves
            if len(self.tally.failures) >= self._most:
                return self.tally
        self._find_stuck()
        self.tally.states = len(self._nodes)
        return self.tally

    def _walk(self, device: Device) -> None:
        while self._todo and len(self.tally.failures) < self._most:
            key, node = self._todo.popleft()
            device.state.take_up(node.kept)
            look = device.state.look()
            for event in self._events:
                self._try(device, key, node, look, event)
            if len(self._nodes) > MOST_STATES:
                raise RuntimeError(f"more than {MOST_STATES} states: what is it that grows?")

    def _try(self, device: Device, key: tuple, node: Node, look: list, event: Event) -> None:
        """One event in one state, each way that the store or chance may decide. ``look``: at that state, in
        which the device is before and after."""
        device.script = []
        happened = False
        while True:
            device.begin()
            try:
                if not event.happen(device):
                    break
                happened = True
                self.tally.runs += 1
                target = key
                if device.state.look() != look:
                    target = self._meet(device, node, _told(event, device))
                    device.state.take_up(node.kept)
            except Broken as broken:
                self._fail(str(broken), node, _told(event, device))
                device.state.take_up(node.kept)
                break
            except Exception as error:  # noqa: BLE001 - whatever it is, it must not leave the core
                self._fail(f"{type(error).__name__}: {error}", node, _told(event, device))
                device.state.take_up(node.kept)
                break
            if event.good and target != key:
                node.good.append(target)
            ways = device.taken
            while ways and ways[-1][0] + 1 == ways[-1][1]:
                ways.pop()
            if not ways:
                break
            device.script = [way for way, _ in ways]
            device.script[-1] += 1
        self.tally.pairs += happened

    def _fail(self, what: str, node: Node, told: str) -> None:
        self.tally.failures.append((what, [*node.way(), told]))

    def _meet(self, device: Device, parent: Node | None, event: str) -> tuple:
        """The key of the state that the device is in; a new one is kept, and looked at."""
        key = device.state.key()
        if key not in self._nodes:
            node = self._nodes[key] = Node(device.state.put_down(), device.client.state, parent, event)
            device.watch.check_attributes(device.client.state, device.attributes(), device.outside)
            self._todo.append((key, node))
        return key

    def _find_stuck(self) -> None:
        """Each state must have a way to activation along good events."""
        back: dict[tuple, list[tuple]] = {}
        for key, node in self._nodes.items():
            for target in node.good:
                back.setdefault(target, []).append(key)
        goals = [key for key, node in self._nodes.items() if node.state == states.ACTIVATING]
        reached, todo = set(goals), deque(goals)
        while todo:
            for key in back.get(todo.popleft(), ()):
                if key not in reached:
                    reached.add(key)
                    todo.append(key)
        for key, node in self._nodes.items():
            if key not in reached and len(self.tally.failures) < self._most:
                self.tally.failures.append(("no way to activation with a good server", node.way()))
