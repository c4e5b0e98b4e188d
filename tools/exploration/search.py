"""The search for a server: what others may answer, what must come of it, and how its state is kept.

``ANSWERS`` is what anybody may say at any time; ``SearchWatch`` knows from outside who the server must be and
what the device must ask next; ``KeptSearch`` puts the search down and takes it up again. It is short-lived,
so it is no part of what ``kept_state.py`` finds by looking.
"""

import struct
from dataclasses import dataclass

from firmware_agent.protocol.endpoint import Endpoint
from firmware_agent.protocol.server_search import ServerSearch
from tools.exploration import frames as fr
from tools.exploration.watch import expect

MATCH, MATCHED = 0x0006, 0x8006
ASK_EUI64, EUI64_TOLD = 0x0001, 0x8001
COORDINATOR, THIRD = 0x0000, 0x6543
HUB, FOREIGN, UNKNOWN = b"\x11" * 8, b"\x22" * 8, b"\xff" * 8
_ANYBODY = 0xFFFD
_QUESTION = b"\xfd\xff\x04\x01\x01\x19\x00\x00"  # who has the server side of cluster 0x0019
_MOST = 4  # questions for an EUI64 a search


@dataclass(frozen=True)
class Answer:
    """From ``who``: "server", "coordinator", "stranger" or "third". endpoint: that it matches with, 0 if with
    none; eui64: that it tells. late: with the number of an earlier search; of: whom it is about, if not of
    itself."""

    name: str
    who: str
    endpoint: int = 0
    eui64: bytes = b""
    late: bool = False
    of: int = -1

    @property
    def cluster(self) -> int:
        """What it answers."""
        return EUI64_TOLD if self.eui64 else MATCHED

    def payload(self, address: int, tsn: int) -> bytes:
        """From ``address``; ``tsn``: of the last search."""
        about = struct.pack("<H", address if self.of < 0 else self.of)
        number = bytes([tsn - 1 & 0xFF if self.late else tsn])
        if self.eui64:
            return number + b"\x00" + self.eui64 + about
        found = bytes([self.endpoint]) if self.endpoint else b""
        return number + b"\x00" + about + bytes([len(found)]) + found


ANSWERS = (
    Answer("the coordinator has the server", "coordinator", 1),
    Answer("the coordinator had the server, says a late answer", "coordinator", 1, late=True),
    Answer("the coordinator has no server", "coordinator"),
    Answer("a stranger has the server", "stranger", 5),
    Answer("a stranger had the server, says a late answer", "stranger", 5, late=True),
    Answer("a stranger says that the coordinator has the server", "stranger", 1, of=COORDINATOR),
    Answer("the server tells its EUI64", "server", eui64=HUB),
    Answer("a stranger tells the server's EUI64", "stranger", eui64=HUB),
    Answer("a stranger tells another EUI64", "stranger", eui64=FOREIGN),
    Answer("a third one tells the server's EUI64", "third", eui64=HUB),
    Answer("a stranger tells the coordinator's EUI64", "stranger", eui64=FOREIGN, of=COORDINATOR),
)


class SearchWatch:
    """What an observer knows. silent: requests since the server last said anything; begun: how many those
    were when the last search began, -1 if there is none; tsn: that one's number; candidates: (address,
    endpoint, was asked, has told) each; server: address and endpoint; marked: (whose EUI64 counts as the
    server's, and that); asked: the server that was asked for it since the last query; spoke: there is one."""

    def __init__(self, errors: int, others: bool) -> None:
        self._errors = errors
        self._others = others
        self.silent = 0
        self.begun = -1
        self.tsn = 0
        self.candidates: tuple[tuple[int, int, bool, bool], ...] = ()
        self.server = (COORDINATOR, 1)
        self.marked: tuple[int, bytes] = (-1, b"")
        self.asked = -1
        self.spoke = False

    @property
    def eui64(self) -> bytes:
        """What attribute 0x0000 must show."""
        return self.marked[1] if self.marked[0] == self.server[0] else UNKNOWN

    # What happens

    def heard(self, kind: fr.Kind, payload: bytes, stranger: bool, broadcast: bool) -> None:
        """A frame of the cluster. A Notify that is taken up comes to notified(), too."""
        if stranger:
            return
        self.spoke = True
        if kind.foreign:
            return
        if kind.general:
            said = kind.command == fr.DEFAULT_RESPONSE and not broadcast and len(payload) >= 2
        elif kind.command == fr.NOTIFY:
            said = False
        else:
            said = kind.command == fr.END_RESPONSE or not broadcast
        if said:
            self.silent = 0

    def notified(self, server: tuple[int, int]) -> None:
        """A Notify was taken up: it names its sender as the server."""
        self.silent = 0
        self.server = server
        self.spoke = True

    def queried(self) -> None:
        """A query goes out, for the first time: who is at the server's address is to be asked anew."""
        self.asked = -1

    def questioned(self, frame: bytes) -> None:
        """The device may ask now, and sent this; b"" for nothing."""
        if self.silent < self._errors:
            if self.begun >= 0:
                self.begun, self.candidates, self.asked = -1, (), -1
            if self.spoke and self.asked != self.server[0]:
                self._expect(frame, 0, self.server[0], ASK_EUI64)
                self.asked = self.server[0]
            else:
                expect(not frame, "nobody is to be asked for an EUI64")
        elif self.begun < 0 or self.silent >= self.begun + self._errors:
            self.begun, self.candidates = self.silent, ()
            self._expect(frame, 1, _ANYBODY, MATCH)
            expect(frame[13:] == _QUESTION, "the search asks for something else")
            self.tsn = frame[12]
        else:
            self._ask_candidate(frame)

    def _ask_candidate(self, frame: bytes) -> None:
        for n, (address, endpoint, was_asked, has_told) in enumerate(self.candidates):
            if not was_asked and not has_told:
                self._expect(frame, 0, address, ASK_EUI64)
                self._change(n, (address, endpoint, True, False))
                return
        expect(not frame, "a question that the search has no need of")

    def _change(self, n: int, candidate: tuple[int, int, bool, bool]) -> None:
        self.candidates = (*self.candidates[:n], candidate, *self.candidates[n + 1 :])

    def _expect(self, frame: bytes, kind: int, address: int, cluster: int) -> None:
        expect(len(frame) > 12, f"no question 0x{cluster:04x}")
        head = struct.unpack_from("<BHHBBHH", frame, 1)
        expect(head == (kind, 0x1234, address, 0, 0, cluster, 0), "another question, or to somebody else")
        if cluster == ASK_EUI64:
            expect(frame[13:] == struct.pack("<HH", address, 0), "the EUI64 of somebody else is asked for")

    def answered(self, answer: Answer, address: int) -> bool:
        """Somebody said so; True if the server must be another one now."""
        about_itself = answer.of in (-1, address)
        before = self.server
        if self.begun >= 0 and self.silent >= self._errors and about_itself:
            if not answer.eui64 and answer.endpoint and not answer.late:
                self._matched(address, answer.endpoint)
            elif answer.eui64:
                self._told(address, answer.eui64)
        if address == self.server[0]:
            self.spoke = True
            if answer.eui64 and about_itself:
                self.marked = (address, answer.eui64)
        return self.server != before

    def _matched(self, address: int, endpoint: int) -> None:
        if address == COORDINATOR:
            self._move(address, endpoint, b"")
        elif len(self.candidates) < _MOST:
            # Who has told has had its say for this search; a new match of the same one is another.
            known = [one for one in self.candidates if one[0] == address and not one[3]]
            self.candidates += () if known else ((address, endpoint, False, False),)

    def _told(self, address: int, eui64: bytes) -> None:
        for n, (candidate, endpoint, was_asked, has_told) in enumerate(self.candidates):
            if candidate == address and not has_told:
                self._change(n, (candidate, endpoint, was_asked, True))
                if self._others or (self.marked[0] >= 0 and eui64 == self.marked[1]):
                    self._move(address, endpoint, eui64)
                return

    def _move(self, address: int, endpoint: int, eui64: bytes) -> None:
        if (address, endpoint) != self.server:
            self.server = (address, endpoint)
            self.marked = (address, eui64) if eui64 else (-1, b"")
            self.silent, self.asked = 0, -1


class KeptSearch:
    """The running search, who the server is, and the watch over both."""

    def __init__(self, endpoint: Endpoint, watch: SearchWatch) -> None:
        self._endpoint = endpoint
        self._watch = watch
        self._errors = endpoint.client.settings.server_errors

    def put_down(self) -> tuple:
        """Everything that can change, beside what is in the endpoint itself."""
        return self._search(), dict(vars(self._watch))

    def take_up(self, kept: tuple) -> None:
        """Go back to what put_down() gave."""
        found, watch = kept
        vars(self._watch).update(watch)
        self._endpoint.search = None
        if found is not None:
            search = self._endpoint.search = ServerSearch(self._endpoint)
            for name, value in found:
                setattr(search, name, [list(one) for one in value] if isinstance(value, tuple) else value)

    def glance(self) -> list:
        """What key() is made of, as it is."""
        endpoint = self._endpoint
        server = (endpoint.server_address, endpoint.server_endpoint, endpoint.client.unanswered)
        eui64 = (endpoint.eui64_of, endpoint.asked_address, bytes(endpoint.server_eui64), endpoint.heard)
        return [self._search(), server, eui64, dict(vars(self._watch))]

    def key(self) -> tuple:
        """What of it can make a difference: counts up to the next search, and of an address who it is."""
        endpoint, watch = self._endpoint, self._watch
        found = dict(self._search() or ())
        unanswered = endpoint.client.unanswered
        left = found.pop("_next") - unanswered if found else None
        if unanswered < self._errors:
            left = left and "over"
        found.pop("_tsn", None)
        candidates = [
            (self._name(one[0]), *one[1:]) if one[0] >= 0 else () for one in found.pop("_candidates", ())
        ]
        known = bytes(endpoint.server_eui64) if endpoint.eui64_of >= 0 else b""
        addresses = (endpoint.server_address, endpoint.eui64_of, endpoint.asked_address)
        begun: object = watch.begun - watch.silent if watch.begun >= 0 else None
        if watch.silent < self._errors:
            begun = watch.begun >= 0
        return (
            (left, *candidates, *found.items()),
            (min(unanswered, self._errors), endpoint.heard, known, *map(self._name, addresses)),
            (min(watch.silent, self._errors), begun),
            tuple((self._name(one[0]), *one[1:]) if not one[3] else () for one in watch.candidates),
        )

    def _name(self, address: int) -> str:
        if address < 0:
            return "nobody"
        if address == self._endpoint.server_address:
            return "server" if address else "server and coordinator"
        return {COORDINATOR: "coordinator", THIRD: "third"}.get(address, "stranger")

    def _search(self) -> tuple | None:
        search = self._endpoint.search
        if search is None:
            return None
        found = []
        for name, value in vars(search).items():
            if isinstance(value, list):
                found.append((name, tuple(tuple(one) for one in value)))
            elif value is not self._endpoint:
                found.append((name, value))
        return tuple(found)
