"""The device of device.py with a server that is silent for a while: it looks for another one."""

import struct

from firmware_agent.protocol import session as ss
from firmware_agent.protocol import states
from tools.exploration import frames as fr
from tools.exploration.device import ADDRESS, Device
from tools.exploration.kept_state import KeptState
from tools.exploration.search import COORDINATOR, THIRD, Answer, KeptSearch, SearchWatch
from tools.exploration.watch import expect

_WELCOME = ("tell", "go on", "resume", "start")


class Searching(Device):
    """``search``: what is known from outside."""

    def __init__(self, settings: dict[str, object], exact: bool = False):
        super().__init__(settings, exact)
        self.search = SearchWatch(self.settings.server_errors, self.settings.other_servers)
        self.state = KeptState(self.endpoint, self.watch, exact, KeptSearch(self.endpoint, self.search))

    def _choose(self, *ways: str) -> str:
        """The store is not what this is about: it takes everything, and each dice falls low."""
        return next((way for way in _WELCOME if way in ways), ways[0])

    @property
    def server_eui64(self) -> bytes:
        """What UpgradeServerID must show."""
        return self.search.eui64

    def deliver(self, kind: fr.Kind, stranger: bool = False, broadcast: bool = False) -> bool:
        """A frame from the server or from somebody else."""
        payload = kind.payload(self.watch.needed())
        address, endpoint = self.server
        notified = self.client.notified
        source = self._stranger() if stranger else address
        happened = super().deliver(kind, stranger, broadcast)
        self.search.heard(kind, payload, stranger, broadcast)
        if self.client.notified != notified:
            self.search.notified((source, endpoint))
        self._agree()
        return happened

    def elapse(self, milliseconds: int) -> bool:
        """Time goes by, all at once. An agent polls more often than that."""
        self.question()
        if self.watch.open and self.watch.open_left <= milliseconds:
            self.search.silent += 1
        happened = super().elapse(milliseconds)
        self._agree()
        return happened

    def transmit(self) -> bool:
        """What waits goes out."""
        first = self.client.waiting == ss.QUERY and self.client.tries == 0
        happened = super().transmit()
        if happened and first:
            self.search.queried()
        return happened

    def question(self) -> bool:
        """The device may ask for the server, or for somebody's EUI64."""
        length = self.endpoint.put_question(self._out)
        self.search.questioned(bytes(self._out[:length]))
        self._agree()
        return True

    def answer(self, answer: Answer) -> bool:
        """Somebody says something about the server, asked or not."""
        if answer.endpoint and len(self.search.candidates) > 1:
            return False  # a third one is as good as a second one
        named = {"coordinator": COORDINATOR, "third": THIRD, "server": self.endpoint.server_address}
        address = named.get(answer.who, self._stranger())
        head = struct.pack("<BBHHBBHH", 1, 0, address, ADDRESS, 0, 0, answer.cluster, 0)
        frame = head + answer.payload(address, self.search.tsn)
        self._buf[:] = frame.ljust(len(self._buf), b"\xee")
        before = self.state.glance()
        self.endpoint.handle_frame(self._buf, len(frame))
        expect(self.endpoint.reply_length == 0, "an answer is answered")
        moved = self.search.answered(answer, address)
        self._agree()
        if not moved:
            expect(self.state.glance() == before, "nobody is found, and the client is another one")
        elif self.client.state == states.IDLE:
            soon = self.settings.back_off + self.settings.first_query
            expect(0 < self.client.poll_timeout() <= soon, "a server is found, and not asked soon")
        self.watch.check(self.client)
        return True

    def _agree(self) -> None:
        expect(self.server == self.search.server, "the server is another one than it must be")
        expect(self.client.unanswered == self.search.silent, "unanswered requests are counted in another way")
