"""The real client behind the real endpoint, under the watch; its ``state`` can be put down and taken up."""

import struct

from firmware_agent.protocol import session as ss
from firmware_agent.protocol import states
from firmware_agent.protocol.endpoint import Endpoint
from firmware_agent.protocol.image_query import ImageOffer
from firmware_agent.protocol.settings import Settings
from firmware_agent.protocol.specific_file import SpecificFile
from firmware_agent.protocol.upgrade_client import UpgradeClient
from firmware_agent.protocol.upgrade_end import UpgradeEnd
from tools.exploration import frames as fr
from tools.exploration.kept_state import KeptState
from tools.exploration.watch import UNIT, Broken, Watch, expect
from tools.simulator.world import Identity

ADDRESS = 0x1234
_MATCHED = 0x8006  # match descriptors response
_HEAD = 20  # bytes after which a store knows whether it wants a file


class Device:
    """``settings``: what differs from the defaults; exact: what is left over in the state counts, too.
    Each step returns False if it is not possible now.

    Where the store or chance decides, ``script`` holds which way to go; ``taken`` says which ways there
    were: (index, count) each, and ``told`` in words which way it went."""

    def __init__(self, settings: dict[str, object], exact: bool = False):
        self.script: list[int] = []
        self.taken: list[tuple[int, int]] = []
        self.told: list[str] = []
        self.moves: set[tuple[int, int]] = set()
        self.settings = Settings()
        for name, value in settings.items():
            expect(hasattr(self.settings, name), f"no setting {name}")
            setattr(self.settings, name, value)
        self.client = UpgradeClient(Identity(file_version=fr.RUNNING), self.settings, self._random)
        self.endpoint = Endpoint(self.client.identity, self.client, ADDRESS, 1, 0x0104)
        self.watch = Watch(self.settings.max_data_size)
        self.file = SpecificFile(self.client)
        # From the start: what is made later would not be found.
        self.offer = self.client.offer = ImageOffer()
        self.end = self.client.end = UpgradeEnd(self.client)
        if self.settings.specific_file_size:
            self.client.file = self.file
        self._buf = bytearray(300)
        self._out = bytearray(128)
        self.state = KeptState(self.endpoint, self.watch, exact)
        move = self.client.move

        def noted(event: int) -> None:
            self.moves.add((self.client.state, event))
            move(event)

        # It only listens.
        setattr(self.client, "move", noted)  # noqa: B010 - a method's place

    # Ways to go on

    def begin(self) -> None:
        """Another event: what was taken before is over."""
        self.taken = []
        self.told = []

    def _choose(self, *ways: str) -> str:
        at = len(self.taken)
        way = self.script[at] if at < len(self.script) else 0
        self.taken.append((way, len(ways)))
        self.told.append(ways[way])
        return ways[way]

    def _random(self, n: int) -> int:
        """The dice that fall both ways are those of a Notify's jitter."""
        return 99 if n == 100 and self._choose("low", "high") == "high" else 0

    @property
    def server(self) -> tuple[int, int]:
        """Address and endpoint of whoever counts as the server."""
        return self.endpoint.server_address, self.endpoint.server_endpoint

    @property
    def server_eui64(self) -> bytes:
        """What UpgradeServerID must show: here nobody asks for it."""
        return b"\xff" * 8

    def _stranger(self) -> int:
        return 0x4321 if self.endpoint.server_address != 0x4321 else 0x5432

    def deliver(self, kind: fr.Kind, stranger: bool = False, broadcast: bool = False) -> bool:
        """A frame from the server or from somebody else."""
        watch, client = self.watch, self.client
        if not watch.joined:
            return False
        frame = kind.frame(watch.needed())
        source, endpoint = self.server
        if stranger:
            source = self._stranger()
        state, pending, notified = client.state, client.poll_timeout() == 0, client.notified
        payload = frame[3:]
        counts = self._counts(kind, payload, stranger, broadcast)
        before = None if counts else self.state.glance()
        if counts and not stranger:
            # First: what the device does at once is done to the server as it is after this frame.
            watch.heard(kind, payload, state, pending)
        self._receive(frame, source, endpoint, broadcast)
        if client.notified != notified:
            watch.wish = True
        if state == states.QUERYING and client.base == ss.FILE and client.state == states.DOWNLOADING:
            watch.start_specific(payload)
        if watch.specific and client.base == ss.FILE and client.state == states.DOWNLOADING:
            watch.took(bytes(self.file._data), client.download.offset)
        self._act()
        if watch.open == fr.PAGE_REQUEST:
            # Each of its blocks starts the wait for the next one.
            watch.open_left = client.poll_timeout()
        self._check_reply(kind, broadcast)
        if before is not None:
            expect(self.state.glance() == before, "a frame that must mean nothing changes the client")
        if not broadcast and kind.command == fr.NOTIFY and not kind.general:
            whole = len(payload) in (2, 4, 6, 10)
            expect(client.notified - notified == whole, "a unicast Notify is taken up exactly if it is whole")
        if kind.command == fr.END_RESPONSE and counts and watch.verified:
            watch.decided(payload, state, client.state, self.outside)
        watch.check(client)
        return True

    def _counts(self, kind: fr.Kind, payload: bytes, stranger: bool, broadcast: bool) -> bool:
        """False if the frame must not change anything, whatever the moment."""
        if kind.general:
            return not stranger and not broadcast and not kind.foreign
        if kind.command == fr.NOTIFY:
            return True
        if kind.command == fr.END_RESPONSE and not stranger:
            whole = len(payload) >= 16
            return whole and (self.client.state == states.REPORTING or self._may_end(payload))
        return not stranger and not broadcast

    def _may_end(self, payload: bytes) -> bool:
        return self.watch.verified and self.watch.names(payload)

    def _receive(self, frame: bytes, source: int, endpoint: int, broadcast: bool) -> None:
        target = 0xFFFF if broadcast else ADDRESS
        head = struct.pack("<BBHHBBHH", 1, broadcast, source, target, endpoint, 1, 0x0019, 0x0104)
        # Behind the frame lies nothing of an earlier one that could be taken for its end.
        self._buf[:] = (head + frame).ljust(len(self._buf), b"\xee")
        self.endpoint.handle_frame(self._buf, len(head) + len(frame))

    def _check_reply(self, kind: fr.Kind, broadcast: bool) -> None:
        length = self.endpoint.reply_length
        self.endpoint.reply_length = 0
        if length:
            expect(not broadcast, "a reply to a broadcast")
            expect(not (kind.general and kind.command == fr.DEFAULT_RESPONSE), "a reply to a refusal")
            expect(15 < length <= 128 and self.endpoint.reply[13] == 1, "a reply that is none")

    def identify(self, cluster: int, stranger: bool) -> bool:
        """Somebody tells who has the server, or an EUI64, and was not asked."""
        if not self.watch.joined:
            return False
        address = self._stranger() if stranger else self.endpoint.server_address
        told = b"\x01\x05" if cluster == _MATCHED else b""
        eui64 = b"" if told else bytes(8)
        head = struct.pack("<BBHHBBHH", 1, 0, address, ADDRESS, 0, 0, cluster, 0)
        frame = head + b"\x01\x00" + eui64 + struct.pack("<H", address) + told
        before = self.server, self.state.glance()
        self._buf[: len(frame)] = frame
        self.endpoint.handle_frame(self._buf, len(frame))
        expect(self.endpoint.reply_length == 0, "an answer is answered")
        expect(
            (self.server, self.state.glance()) == before,
            "the server is another one, and nobody looked for it",
        )
        return True

    def elapse(self, milliseconds: int) -> bool:
        """Time goes by, all at once."""
        self.watch.passed(milliseconds)
        self.client.handle_elapsed(milliseconds)
        self._act()
        self.watch.check(self.client)
        return True

    def transmit(self) -> bool:
        """What waits goes out."""
        if not self.watch.joined:
            return False
        length = self.endpoint.put_request(self._out)
        if not length:
            expect(self.client.waiting == 0, "a request waits and does not go out")
            return False
        due = self.client.poll_timeout()
        self.watch.sent(bytes(self._out[:length]), self.server, due)
        self._act()
        expect(self.endpoint.put_request(self._out) == 0, "two requests one after the other")
        self.watch.check(self.client)
        return True

    def lose_link(self) -> bool:
        """The HAN is away."""
        was = self.watch.joined
        self.watch.joined = False
        return was

    def regain_link(self) -> bool:
        """The HAN is back."""
        if self.watch.joined:
            return False
        self.watch.joined = True
        self.watch.close()
        self.client.rejoined()
        self._act()
        self.watch.check(self.client)
        return True

    @property
    def outside(self) -> bool:
        """True if an event outside the cluster activates, and no server does."""
        return self.settings.upgrade_activation_policy == 1

    def require_more(self) -> bool:
        """The slot is proven, and the upgrade needs another file."""
        if self.client.state != states.VERIFYING:
            return False
        self.watch.part = True
        self.client.require_more()
        self._act()
        self.watch.check(self.client)
        return True

    def activate(self) -> bool:
        """The event outside the cluster."""
        counts = self.outside and self.watch.verified
        before = self.state.key()
        expect(self.client.activate() == counts, "activation counts exactly where it is from outside")
        expect(self.client.state == states.ACTIVATING if counts else self.state.key() == before, "activation")
        if counts:
            self.watch.close()
        self._act()
        self.watch.check(self.client)
        return True

    def prove(self, good: bool) -> bool:
        """The store has read the slot back."""
        if self.client.state != states.VERIFYING:
            return False
        if good:
            self.watch.verified = True
            self.watch.held = self._choose("not held", "held") == "held"
            self.client.verified(self.watch.held)
        else:
            self._refuse()
        self._act()
        self.watch.check(self.client)
        return True

    # What the agent does, and the store's part in it

    def restore(self, offset: int, verified: bool) -> None:
        """Boot with a download kept up to ``offset``, or with a whole image."""
        self.client.restore(fr.MANUFACTURER, fr.IMAGE_TYPE, fr.NEW)
        self.watch.start(fr.identity(), fr.SIZE, offset)
        if verified:
            self.watch.whole()
            self.watch.fetched = False
            self.client.complete()
        else:
            self.client.start_download(offset, UNIT - offset % UNIT, fr.SIZE)
        self.watch.check(self.client)

    def _act(self) -> None:
        client = self.client
        while True:
            action = client.poll_action()
            if action == 0:
                return
            if action == ss.WRITE:
                self._write()
            elif action == ss.OFFERED:
                self._consider()
            elif action == ss.HELD:
                self.watch.held = True
            elif action == ss.FETCHED:
                self._take_file()
            elif action == ss.REFUSED and self.watch.told:
                raise Broken("the end of a file for this device alone is told as a refusal")
            elif (
                action == ss.REFUSED
                and client.state == states.IDLE
                and self._choose("over", "kept") == "kept"
            ):
                # An earlier download was kept beside the refused one.
                client.restore(fr.MANUFACTURER, fr.IMAGE_TYPE, fr.OTHER)
                self.watch.start(fr.identity(fr.OTHER), fr.SIZE, UNIT)
                client.start_download(UNIT, UNIT, fr.SIZE)

    def fetch(self) -> bool:
        """The application asks for its file."""
        free = self.client.state == states.IDLE and self.client.base == ss.NOTHING and not self.client.wish
        before = self.state.key()
        asked = self.client.fetch(fr.SPECIFIC_TYPE)
        expect(asked == free, "a file is asked for exactly while there is nothing else")
        expect(asked or self.state.key() == before, "a file is not asked for, and yet")
        self.watch.told = self.watch.told and not asked
        self.watch.check(self.client)
        return asked

    def _take_file(self) -> None:
        file = self.file
        if self.client.state == states.REPORTING:
            self.watch.kept = self.watch.store_size
        self.watch.end_specific(None if file.contents is None else bytes(file.contents))
        file.contents = None

    def _consider(self) -> None:
        client, watch = self.client, self.watch
        image, size = bytes(self.offer.image), self.offer.file_size
        same = image == watch.store_image and size == watch.store_size
        ways = ["decline"]
        if watch.verified and same:
            ways.append("tell")
        elif client.offers_the_same():
            expect(watch.downloading and same, "go on with something else")
            ways.append("go on")
        else:
            ways.append("start")
            if watch.kept and same:
                ways.append("resume")
        way = self._choose(*ways)
        if way == "decline":
            client.decline()
        elif way == "tell":
            self.end.tell()
        elif way == "go on":
            # Sizes are taken anew: what was asked for before the query counts no more.
            watch.most = 0
            client.download.go_on()
        else:
            offset = watch.kept if way == "resume" else 0
            watch.start(image, size, offset)
            client.start_download(offset, UNIT - offset % UNIT, size)
            if offset == size:
                watch.whole()
                client.complete()

    def _write(self) -> None:
        client, watch = self.client, self.watch
        download = client.download
        length = download.data_length
        expect(download.offset == watch.kept, "bytes for another place")
        expect(download.data is not None, "no bytes to write")
        watch.written(bytes((download.data or b"")[download.data_at : download.data_at + length]))
        kept = watch.kept + length
        ways = ["keep"] if watch.store_size <= 2 * fr.SIZE or kept < _HEAD else []
        ways.append("refuse")
        if watch.kept and kept < watch.store_size:
            ways.append("restart")
        way = self._choose(*ways)
        if way == "refuse":
            self._refuse()
        elif way == "restart":
            watch.kept = 0
            watch.leave_page()
            download.written(0, UNIT)
        elif kept == watch.store_size:
            watch.whole()
            client.complete()
        else:
            watch.kept = kept
            download.written(kept, UNIT - kept % UNIT)

    def _refuse(self) -> None:
        self.watch.drop()
        self.client.refused(0x96)

    def attributes(self) -> dict[int, int]:
        """What Read Attributes gives now, for the attributes that are numbers."""
        wanted = (0x0000, 0x0001, 0x0002, 0x0004, 0x0006, 0x0008, 0x0009)
        frame = b"\x18\x01\x00" + struct.pack("<7H", *wanted)
        self._receive(frame, *self.server, False)
        reply = bytes(self.endpoint.reply[15 : self.endpoint.reply_length])
        self.endpoint.reply_length = 0
        values = {}
        sizes = {0x21: 2, 0x23: 4, 0x30: 1, 0xF0: 8}
        while reply:
            name, status, kind = struct.unpack_from("<HBB", reply)
            expect(status == 0 and kind in sizes, f"attribute 0x{name:04x} is not there")
            end = 4 + sizes[kind]
            values[name] = int.from_bytes(reply[4:end], "little")
            reply = reply[end:]
        expect(set(values) == set(wanted), "an attribute is left out")
        expect(values[0].to_bytes(8, "little") == self.server_eui64, "UpgradeServerID")
        return values
