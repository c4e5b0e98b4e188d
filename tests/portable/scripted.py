"""A device's endpoint and upgrade client on a bench: the test plays hub, clock and store.

Frames are written and read here by hand, byte by byte, so that the client's own layouts are not checked
against themselves. Time passes only in pass_time(), and there to the millisecond.
"""

import struct

from firmware_agent.protocol import session as ss
from firmware_agent.protocol import states
from firmware_agent.protocol.endpoint import Endpoint
from firmware_agent.protocol.settings import Settings
from firmware_agent.protocol.upgrade_client import UpgradeClient

BASIC, OTA = 0x0000, 0x0019
NOTIFY, QUERY, OFFER, BLOCK_REQUEST, PAGE_REQUEST, BLOCK, END, END_RESPONSE = 0, 1, 2, 3, 4, 5, 6, 7
DEFAULT_RESPONSE = 0x0B
SIZE = 1000
IMAGE = bytes((i * 7 + i // 251) & 0xFF for i in range(SIZE))  # no list of them: a board has little heap
OLD, NEW = 0x00010000, 0x00020000
HOUR = 3600 * 1000
NOW = 0x2F000000  # a UTC time, seconds
FOREVER = 0xFFFFFFFF
_TIDY_EACH = 10  # steps: from source a module takes long to load
ANY, ANY_VERSION = 0xFFFF, 0xFFFFFFFF  # in an Upgrade End Response: whatever image it is


class Identity:
    manufacturer_code = 0x1234
    image_type = 0x0084
    hardware_version = 0x0102
    file_version = OLD
    image_stamp = 0xC0FFEE01
    eui64 = b"\x01\x02\x03\x04\x05\x06\x07\x08"
    manufacturer_name = "hanota"
    model = "A model"
    date_code = "20261122"
    power_source = 1
    device_id = 0x0502


def identity_bytes(version=NEW, manufacturer=0x1234, image_type=0x0084):
    return struct.pack("<HHI", manufacturer, image_type, version)


def aps(zcl, cluster=OTA, source=0x0000, source_endpoint=1, endpoint=1, profile=0x0104, broadcast=False):
    destination = 0xFFFF if broadcast else 0x1234
    head = struct.pack(
        "<BBHHBBHH", 1, int(broadcast), source, destination, source_endpoint, endpoint, cluster, profile
    )
    return head + zcl


def notify(kind=0, jitter=100, rest=b"", control=0x19, tsn=1):
    return bytes([control, tsn, NOTIFY, kind, jitter]) + rest


def offer(version=NEW, size=SIZE, manufacturer=0x1234, image_type=0x0084):
    return b"\x19\x02\x02\x00" + identity_bytes(version, manufacturer, image_type) + struct.pack("<I", size)


NO_IMAGE = b"\x19\x02\x02\x98"


def block(offset, data, version=NEW, manufacturer=0x1234, image_type=0x0084, size=None):
    head = b"\x19\x03\x05\x00" + identity_bytes(version, manufacturer, image_type)
    return head + struct.pack("<IB", offset, len(data) if size is None else size) + data


def wait_for_data(current, request, period=None):
    frame = b"\x19\x03\x05\x97" + struct.pack("<II", current, request)
    return frame if period is None else frame + struct.pack("<H", period)


def block_status(status):
    return bytes([0x19, 3, BLOCK, status])


def end_response(current, upgrade, version=NEW, manufacturer=0x1234, image_type=0x0084):
    ids = struct.pack("<HHI", manufacturer, image_type, version)
    return b"\x19\x04\x07" + ids + struct.pack("<II", current, upgrade)


def default_response(command, status):
    return bytes([0x18, 9, DEFAULT_RESPONSE, command, status])


def gaps(times):
    """The differences between neighbours."""
    return [times[i + 1] - times[i] for i in range(len(times) - 1)]


class Request:
    """One request of the client's, taken apart."""

    def __init__(self, frame, at):
        self.frame = frame
        self.time = at
        self.head = frame[:12]
        self.tsn = frame[13]
        self.command = frame[14]
        self.payload = frame[15:]

    @property
    def offset(self):
        assert self.command in (BLOCK_REQUEST, PAGE_REQUEST)
        return struct.unpack_from("<I", self.payload, 9)[0]

    @property
    def size(self):
        """Bytes of a block, at most."""
        assert self.command in (BLOCK_REQUEST, PAGE_REQUEST)
        return self.payload[13]

    @property
    def page(self):
        """(bytes of the page, ms between its blocks)"""
        assert self.command == PAGE_REQUEST
        return struct.unpack_from("<HH", self.payload, 14)

    @property
    def status(self):
        assert self.command == END
        return self.payload[0]


class Rig:
    """``asked``: the requests since the last take(); ``replies``: answers to what was heard.

    on_offer: what the store thinks of an offer: "start", "go on", "decline", "have it", None: go on
    if the server shows ``proof``.
    """

    def __init__(self, limit=0xFFFF, identity=None, endpoint=1, profile=0x0104, **settings):
        self.settings = Settings()
        for name in settings:
            assert hasattr(self.settings, name), name
            setattr(self.settings, name, settings[name])
        self.dice = []
        self.client = UpgradeClient(identity or Identity(), self.settings, self.random)
        self.endpoint = Endpoint(self.client.identity, self.client, 0x1234, endpoint, profile)
        self.limit = limit
        self.on_offer = "start"
        self.proof = None
        self.now = 0
        self.file = bytearray()
        self.asked = []
        self.replies = []
        self.actions = []
        self._untidy = 0
        self._out = bytearray(128)
        self._buf = bytearray(512)

    @property
    def state(self):
        return self.client.state

    def random(self, n):
        value = self.dice.pop(0) if self.dice else 0
        assert 0 <= value < max(n, 1)
        return value

    # The hub's side

    def hear(self, zcl, **where):
        """One frame reaches the device; what it leads to happens."""
        self.hear_frame(aps(zcl, **where))

    def hear_frame(self, frame):
        self._buf[: len(frame)] = frame
        self.endpoint.handle_frame(self._buf, len(frame))
        self._act()
        if self.endpoint.reply_length:
            self.replies.append(bytes(self.endpoint.reply[: self.endpoint.reply_length]))
            self.endpoint.reply_length = 0
        self.send()
        self._tidy()

    def send(self):
        """What waits goes out."""
        while True:
            length = self.endpoint.put_request(self._out)
            if length == 0:
                break
            self.asked.append(Request(bytes(self._out[:length]), self.now))
        self._act()

    def pass_time(self, milliseconds):
        """Time goes by, from deadline to deadline."""
        while milliseconds > 0:
            due = self.client.poll_timeout()
            step = milliseconds if due < 0 or due > milliseconds else max(due, 1)
            self.now += step
            milliseconds -= step
            self.client.handle_elapsed(step)
            self._act()
            self.send()
            self._tidy()

    def take(self):
        """The one request that was sent since the last take()."""
        assert len(self.asked) == 1, [request.frame for request in self.asked]
        return self.asked.pop()

    def take_reply(self):
        assert len(self.replies) == 1, self.replies
        return self.replies.pop()

    def quiet(self):
        """True if nothing was sent."""
        return not self.asked and not self.replies

    def answer(self, largest=255, image=IMAGE, version=NEW):
        """Answer the block request that was sent."""
        request = self.take()
        size = min(request.size, largest)
        self.hear(block(request.offset, image[request.offset : request.offset + size], version=version))
        return request

    # Ways to a state

    def query(self):
        """The first query, at its time."""
        self.pass_time(max(self.client.poll_timeout(), 1))
        return self.take()

    def downloading(self, blocks=0, size=SIZE):
        """A download has begun and ``blocks`` blocks have come; a block request is out."""
        self.query()
        self.hear(offer(size=size))
        for _ in range(blocks):
            self.answer()
        assert self.state == states.DOWNLOADING
        return self

    def verifying(self):
        self.downloading()
        while self.asked:
            self.answer()
        assert self.state == states.VERIFYING and bytes(self.file) == IMAGE
        return self

    def ending(self, held=False):
        self.verifying()
        self.client.verified(held)
        self.send()
        assert self.state == states.ENDING
        return self

    def waiting(self):
        """The server said to wait; nothing is out."""
        self.ending().take()
        self.hear(end_response(NOW, FOREVER))
        assert self.state == states.WAITING
        return self

    def reporting(self, status=0x96):
        self.downloading(1)
        self.asked.pop()
        self.client.refused(status)
        self.send()
        assert self.state == states.REPORTING
        return self

    def offered_after_failure(self, version):
        """The hub heard of the failure that is being reported; then it has another version."""
        self.take()
        self.hear(default_response(END, 0))
        self.hear(notify())
        self.take()
        self.file[:] = b""
        self.hear(offer(version))

    def _act(self):
        client = self.client
        while True:
            action = client.poll_action()
            if action == 0:
                return
            self.actions.append(action)
            if action == ss.WRITE:
                self._write()
            elif action == ss.OFFERED:
                self._consider()

    def _tidy(self):
        """Nothing may hang on code or an object that is kept for longer than it has to be."""
        self.client.tidy()
        self._untidy += 1
        if self._untidy == _TIDY_EACH:
            self._untidy = 0
            self.endpoint.tidy()

    def _write(self):
        download = self.client.download
        self.file += download.data[download.data_at : download.data_at + download.data_length]
        if len(self.file) == download.size:
            self.client.complete()
        else:
            download.written(len(self.file), self.limit)

    def _consider(self):
        client = self.client
        if self.on_offer == "start":
            client.start_download(len(self.file), self.limit, client.offer.file_size)
        elif self.on_offer == "go on":
            assert client.offers_the_same()
            client.download.go_on()
        elif self.on_offer is None:
            client.download.go_on(self.proof)
        elif self.on_offer == "have it":
            client.end.tell()
        else:
            client.decline()
