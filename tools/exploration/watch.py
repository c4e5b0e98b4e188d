"""What an observer outside the client knows, and what must hold whatever a server sends.

The watch sees frames and time, and plays the store. It never looks at how the client works, only at its
public answers: state, next deadline, attributes.
"""

import struct

from firmware_agent.protocol import states
from tools.exploration import frames as fr

_ANSWERS = {fr.QUERY: fr.OFFER, fr.BLOCK_REQUEST: fr.BLOCK, fr.PAGE_REQUEST: fr.BLOCK}
_ANSWERS |= {fr.END: fr.END_RESPONSE, fr.SPECIFIC_REQUEST: fr.SPECIFIC_RESPONSE}
_FETCHES = (fr.BLOCK_REQUEST, fr.PAGE_REQUEST)
_APPLIES = (states.COUNTDOWN, states.ACTIVATING)
UNIT = 30  # bytes between the boundaries at which the store wants a block to end
_LONG = 1 << 24  # ms: longer ago than anything that matters


class Broken(Exception):
    """An invariant does not hold; the text says which."""


def expect(holds: object, what: str) -> None:
    """Broken(what) unless it holds."""
    if not holds:
        raise Broken(what)


class Watch:
    """largest: bytes that the device may ask for at once; open: the command of the request on the air, 0 if
    there is none; most: bytes that the last block request asked for; page_end: where the page that is on
    its way ends; ``since_block, quiet, period``: what the server's pace is; the rest: the store.

    store_image, store_size, kept: the file in the slot, and how much of it; downloading: more is wanted;
    specific: it is a file for this device alone, which goes to RAM; told: its end is to be told; fetched:
    since the last boot; wish: a Notify came since the last query; verified: it is whole and proven; part: it
    is, and another file is wanted; held: the server said to wait.
    """

    def __init__(self, largest: int) -> None:
        self.largest = largest
        self.open = 0
        self.open_left = 0
        self.most = 0
        self.page_end = 0
        self.tsn = -1
        self.since_block = _LONG
        self.quiet = 0
        self.period = 0
        self.store_image = b""
        self.store_size = 0
        self.kept = 0
        self.downloading = False
        self.specific = False
        self.told = False
        self.fetched = False
        self.verified = False
        self.part = False
        self.held = False
        self.wish = False
        self.joined = True

    def needed(self) -> fr.Asked:
        """What the next block must be; before a download, what it might be."""
        if not self.downloading:
            return fr.Asked(self.store_image or fr.identity(), 0, self.largest)
        size = min(self.largest, self.store_size - self.kept)
        if not self.specific:
            size = min(size, UNIT - self.kept % UNIT)
        if self.open in _FETCHES:
            size = min(size, self.most)
        return fr.Asked(self.store_image, self.kept, size)

    # The store

    def start(self, image: bytes, size: int, offset: int) -> None:
        """A file goes into the slot, or goes on there."""
        if not self.downloading:
            self.period = self.quiet = 0
        self.store_image, self.store_size, self.kept = image, size, offset
        self.downloading, self.fetched = True, True
        self.verified = self.part = self.held = self.told = False

    def start_specific(self, payload: bytes) -> None:
        """An offer of a file for this device alone was taken."""
        size = struct.unpack_from("<I", payload, 9)[0]
        expect(0 < size <= fr.LARGEST_SPECIFIC, "a file that does not fit")
        self.start(payload[1:9], size, 0)
        self.specific = True

    def took(self, data: bytes, offset: int) -> None:
        """The client has so many bytes of that file in RAM."""
        expect(data[:offset] == fr.contents(self.store_image, 0, offset), "bytes of another file or place")
        expect(self.kept <= offset <= self.kept + self.largest, "more bytes than came")
        if offset > self.kept:
            self.close()
            self.most = 0
        self.kept = offset

    def end_specific(self, contents: bytes | None) -> None:
        """The application was told."""
        good = self.specific and self.kept == self.store_size and self.store_size == len(fr.SPECIFIC_FILE)
        expect(contents == (b"secret" if good else None), "the application gets something else")
        self.told = self.specific and self.kept == self.store_size
        self.downloading = self.specific = False
        self.kept = self.period = self.quiet = 0

    def drop(self) -> None:
        """What is in the slot is refused."""
        self.downloading = self.verified = self.part = self.held = False
        self.kept = self.period = self.quiet = 0
        self.leave_page()

    def leave_page(self) -> None:
        """What else comes of a page is not wanted any more."""
        if self.open == fr.PAGE_REQUEST:
            self.close()

    def whole(self) -> None:
        """Every byte is in the slot."""
        self.kept = self.store_size
        self.downloading = False
        self.period = self.quiet = 0

    # Frames and time

    def passed(self, milliseconds: int) -> None:
        """Time went by."""
        self.since_block = min(self.since_block + milliseconds, _LONG)
        self.quiet = max(self.quiet - milliseconds, 0)
        self.open_left = max(self.open_left - milliseconds, 0)
        if not self.open_left:
            self.open = 0

    def sent(self, frame: bytes, server: tuple[int, int], due: int) -> None:
        """The device sent this APS frame; ``due``: its next deadline after that."""
        kind, destination, endpoint = frame[1], struct.unpack_from("<H", frame, 4)[0], frame[7]
        control, tsn, command = frame[12:15]
        payload = frame[15:]
        expect(self.joined, "a request while the link is away")
        expect(kind == 0 and (destination, endpoint) == server, "a request that does not go to the server")
        expect(control == 1, "a request that is no command from client to server")
        expect(tsn != self.tsn, "a request with the number of the one before")
        expect(not self.open, f"request 0x{command:02x} while 0x{self.open:02x} is outstanding")
        expect(due > 0, "no deadline for an answer")
        self.tsn = tsn
        expect(
            not self.wish or command not in _FETCHES, "a block is asked for before the query a Notify wants"
        )
        self.wish = self.wish and command != fr.QUERY
        if command in _FETCHES:
            self._fetched(payload, command)
        elif command == fr.END:
            whole = payload[0] == 0
            expect(len(payload) == 9, "an Upgrade End Request of another length")
            good = self.verified or (self.told and self.store_size == len(fr.SPECIFIC_FILE))
            expect(good == whole, "Upgrade End: SUCCESS exactly for a verified image")
            expect(payload[0] == 0x99 or not self.part, "Upgrade End: no word of the other file")
            expect(
                not (whole or self.part) or payload[1:] == self.store_image, "Upgrade End for another image"
            )
        else:
            expect(command in (fr.QUERY, fr.SPECIFIC_REQUEST), f"an unknown request 0x{command:02x}")
        self.open, self.open_left = command, due

    def _fetched(self, payload: bytes, command: int) -> None:
        image = payload[1:9]
        offset, size = struct.unpack_from("<IB", payload, 9)
        expect(self.downloading, "a block request without a download")
        needed = self.needed()
        expect(image == needed.image, "a block request for another image")
        expect(offset == needed.offset, f"a block request for {offset} with {self.kept} bytes kept")
        expect(0 < size <= needed.size, f"{size} bytes asked for at once, {needed.size} are needed")
        expect(self.since_block >= self.period, "a block request before the minimum block period is over")
        expect(self.quiet == 0, "a block request while the server wants none")
        # A retry may ask for less; as much as before is as good.
        self.most = max(size, self.most)
        self.since_block = 0
        if command == fr.PAGE_REQUEST:
            length, spacing = struct.unpack_from("<HH", payload, 14)
            self.page_end = offset + length
            expect(offset < self.page_end <= self.store_size, "a page past the end")
            expect(spacing >= self.period, "blocks of a page closer than the minimum block period")

    def heard(self, kind: fr.Kind, payload: bytes, before: int, pending: bool) -> None:
        """The server's unicast or broadcast frame was handled in state ``before``; ``pending``: a request
        waited to be sent, or to be repeated."""
        fetching = before == states.DOWNLOADING and (self.open in _FETCHES or pending)
        if kind.command == fr.BLOCK and not kind.general and fetching:
            self._paced(payload)
        if kind.command == fr.OFFER and before == states.QUERYING and len(payload) >= 13:
            # What a Notify wanted in the meantime it has. If the offer is no good, another query may follow.
            self.wish = False
        if kind.command == fr.OFFER and before == states.QUERYING and pending and payload[:1] == b"\x98":
            # Told before it could ask.
            self.wish = False
        if self.open and self._answered(kind, payload):
            self.close()

    def names(self, payload: bytes) -> bool:
        """True if an Upgrade End Response is about the image in the slot; wildcards fit."""
        ids = (payload[0:2], payload[2:4], payload[4:8])
        ours = (self.store_image[0:2], self.store_image[2:4], self.store_image[4:8])
        return all(given in (own, b"\xff" * len(given)) for given, own in zip(ids, ours, strict=True))

    def decided(self, payload: bytes, before: int, state: int, outside: bool) -> None:
        """The server said in state ``before`` when the verified image runs; the client is in ``state`` now.
        outside: that is not the server's to say."""
        current, upgrade = struct.unpack_from("<II", payload, 8)
        if outside:
            waits = state in (states.WAITING, states.QUERYING)
            expect(waits or state == before == states.ACTIVATING, "the server's word counts, and should not")
        elif upgrade == fr.NEVER or upgrade < current:
            expect(
                state in (states.WAITING, states.QUERYING), "told to wait, or nonsense, and it does not wait"
            )
        elif upgrade == current:
            expect(state == states.ACTIVATING, "told to run now, and it does not")
        else:
            expect(state == states.COUNTDOWN, "told when to run, and it does not count")

    def close(self) -> None:
        """The request on the air is answered, or its answer is lost."""
        self.open = self.open_left = 0

    def _paced(self, payload: bytes) -> None:
        """A WAIT_FOR_DATA, the device's to obey; the shortest wait is ours to check."""
        if len(payload) < 9 or payload[0] != 0x97:
            return
        current, request = struct.unpack_from("<II", payload, 1)
        self.period = min(struct.unpack_from("<H", payload, 9)[0], 0xFFFE) if len(payload) > 10 else 0
        self.quiet = max(min(request - current, 3600) * 1000, 50) if request >= current else 300000

    def _answered(self, kind: fr.Kind, payload: bytes) -> bool:
        """True if after this frame another request may follow at once."""
        if kind.general:
            told = kind.command == fr.DEFAULT_RESPONSE and len(payload) >= 2 and payload[0] == self.open
            return told and (self.open == fr.END or payload[1] != 0)
        if kind.command == fr.END_RESPONSE and self.open == fr.QUERY:
            # The server's word about the end is as good, when there is something to end.
            return self.verified and len(payload) >= 16
        if _ANSWERS.get(self.open) != kind.command or not payload:
            return False
        if kind.command == fr.END_RESPONSE:
            return len(payload) >= 16
        if kind.command == fr.BLOCK and payload[0] == 0:
            return self._ends_page(payload) if self.open == fr.PAGE_REQUEST else self._fits(payload)
        if kind.command == fr.BLOCK and payload[0] == 0x97:
            return len(payload) >= 9
        return payload[0] != 0 or len(payload) >= 13

    def _ends_page(self, payload: bytes) -> bool:
        if len(payload) < 15 or payload[1:9] != self.store_image:
            return False
        offset, size = struct.unpack_from("<IB", payload, 9)
        return 0 < size <= self.largest and len(payload) >= 14 + size and offset + size == self.page_end

    def _fits(self, payload: bytes) -> bool:
        """True if a SUCCESS Image Block Response holds the bytes that are needed next."""
        needed = self.needed()
        if not self.downloading or len(payload) < 15 or payload[1:9] != needed.image:
            return False
        offset, size = struct.unpack_from("<IB", payload, 9)
        return offset == needed.offset and 0 < size <= needed.size and len(payload) >= 14 + size

    def written(self, data: bytes) -> None:
        """The client hands these bytes out as the next ones."""
        expect(self.downloading, "bytes without a download")
        most = min(self.largest, UNIT - self.kept % UNIT, self.store_size - self.kept)
        expect(0 < len(data) <= most, f"{len(data)} bytes at once")
        expect(data == fr.contents(self.store_image, self.kept, len(data)), "bytes of another file or place")
        if self.open == fr.BLOCK_REQUEST:
            # Answered, if by as much as an earlier request for this place asked for.
            self.close()
        if self.open != fr.PAGE_REQUEST:
            self.most = 0

    # What must hold between any two steps

    def check(self, client) -> None:
        """The client agrees with what is known out here."""
        state = client.state
        due = client.poll_timeout()
        expect(client.outstanding == 0 or client.waiting == 0, "two requests at a time")
        if state in (states.VERIFYING, states.ACTIVATING):
            expect(due == -1, "a deadline while it is the store's or the application's turn")
        else:
            expect(0 <= due < 1 << 30, f"no next deadline in state {state}: {due}")
        expect(state != states.OFFERED, "an offer that nobody decided on")
        expect(state not in _APPLIES or self.verified, "activation of what is not verified")
        if self.open:
            expect(due == self.open_left, "another deadline than that of the outstanding request")

    def check_attributes(self, state: int, values: dict[int, int], outside: bool) -> None:
        """``values``: what Read Attributes gave in ``state``; ``outside``: see decided()."""
        at_rest = {states.IDLE: 0, states.DOWNLOADING: 1, states.VERIFYING: 1, states.REPORTING: 0}
        at_rest |= {states.ENDING: 2, states.WAITING: 3, states.COUNTDOWN: 4, states.ACTIVATING: 4}
        waiting = 6 if outside else 3
        at_rest[states.WAITING] = waiting
        if self.part:
            status = 5
        elif state == states.QUERYING:
            status = (waiting if self.held else 2) if self.verified else int(self.downloading)
        else:
            status = at_rest[state]
        have = self.verified or self.part
        version = struct.unpack_from("<I", self.store_image, 4)[0] if have else fr.NEVER
        expect(values[6] == status, f"ImageUpgradeStatus {values[6]}, not {status}")
        offset = self.kept if status == 1 and self.fetched else fr.NEVER
        expect(values[1] == offset, f"FileOffset {values[1]}, not {offset}")
        expect(values[2] == fr.RUNNING, "CurrentFileVersion")
        expect(values[4] == version, f"DownloadedFileVersion 0x{values[4]:08x}, not 0x{version:08x}")
        expect(values[9] == self.period, f"MinimumBlockPeriod {values[9]}, not {self.period}")
