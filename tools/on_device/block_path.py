"""The way of a block, from the wire's bytes to the flash and back to the wire's, in steps that can be timed.

The real agent, store and link on a board that is nothing but counters; the download is in the middle of an
image that was accepted. ``Path(size)``; then, for each block, serve() the hub's answer and have the agent
read its link, or take the STEPS one by one.
"""

import io

from firmware_agent.agent import Agent
from firmware_agent.handover import Handover
from firmware_agent.protocol import ota_commands as ota
from firmware_agent.store import state as states
from firmware_agent.store.facts import Device
from firmware_agent.store.firmware_store import FirmwareStore
from hal.flash import FlashArea
from hal.link import FrameReceiver, encode, encoded_limit

ERASE = 4096
WRITE = 16
_PAGE = 256
_REQUEST = 3 + 12 + 3 + 14 + 1  # bytes on the wire of an Image Block Request, at least
JOURNAL_UNITS = 4
SLOT_UNITS = 16
IMAGE_OFFSET = 62
IMAGE_SIZE = SLOT_UNITS * ERASE
VERSION = 0xACDCACDC
_HEADER = 12 + 3
_IDENTITY = b"\x34\x12\x84\x00\xdc\xac\xdc\xac"


class Flash:
    """Takes everything; reads give back what was programmed last."""

    def __init__(self, units):
        self.units = units
        self.last = bytearray(512)
        self.erases = 0
        self.programs = 0

    def ioctl(self, op, arg):
        if op == 4:
            return self.units
        if op == 5:
            return ERASE
        self.erases += op == 6
        return 0

    def readblocks(self, block, buf, offset):
        last = self.last
        for i in range(len(buf)):
            buf[i] = last[i]

    def writeblocks(self, block, buf, offset):
        self.programs += 1
        if len(buf) != _PAGE:
            # A record of the journal, which is read back.
            for i in range(len(buf)):
                self.last[i] = buf[i]


class _Identity:
    manufacturer_code = 0x1234
    image_type = 0x0084
    hardware_version = 1
    file_version = 0
    eui64 = b"\x01\x02\x03\x04\x05\x06\x07\x08"
    model = "PPMID"
    manufacturer_name = "hanota"
    date_code = "20261122"
    power_source = 1
    device_id = 0x0506


class _Manifest:
    """Of the firmware that runs."""

    file_version = 0x00010000
    digest = bytes(32)


class _Application:
    def start(self, device):
        pass

    def progress(self, status, offset, size):
        pass


class Board:
    """Its own link, clock and watchdog."""

    address = 0x1234
    endpoint = 1
    profile = 0x0104
    display = None
    settings = None
    joined = True

    def __init__(self, size):
        self.now = 0
        self.max_data_size = size
        self.identity = _Identity()
        self.link = self.clock = self.watchdog = self
        # Streams of MicroPython's own, as a UART is one: copying costs what it costs there.
        self.inbox = io.BytesIO(bytes(256))
        self.arrived = 0
        self.outbox = io.BytesIO(bytes(256))
        self.sent_length = 0
        self.bytes_sent = 0

    def ticks_ms(self):
        # Time goes by: what there is to do then belongs to the way of a block.
        self.now += 1
        return self.now

    def ticks_diff(self, a, b):
        return a - b

    def feed(self):
        pass

    def random(self, n):
        return 0

    def emit(self, event, fields):
        pass

    def read_into(self, buf):
        n = self.arrived
        if n:
            self.arrived = 0
            self.inbox.seek(0)
            self.inbox.readinto(buf, n)  # type: ignore[call-arg]
        return n

    def write(self, buf, n):
        self.bytes_sent += n
        # The device may ask for something shorter, too: the server's address, once.
        if n >= _REQUEST:
            self.sent_length = n
            self.outbox.seek(0)
            self.outbox.write(buf, n)  # type: ignore[call-arg]


class Path:
    """``size``: the largest block."""

    def __init__(self, size):
        flash = self.flash = Flash(JOURNAL_UNITS + 2 * SLOT_UNITS)
        journal = FlashArea(flash, 0, JOURNAL_UNITS, WRITE)
        slots = [FlashArea(flash, JOURNAL_UNITS + n * SLOT_UNITS, SLOT_UNITS, WRITE) for n in range(2)]
        device = Device(0x1234, 0x0084, 1, b"", b"", 0, IMAGE_SIZE, [])
        store = self.store = FirmwareStore(journal, slots, device)
        state = store.state
        state.manufacturer_code, state.image_type, state.file_version = 0x1234, 0x0084, VERSION
        state.file_size = IMAGE_OFFSET + IMAGE_SIZE
        state.secondary_state = states.WRITING
        state.accepted = True
        state.image_offset, state.image_length = IMAGE_OFFSET, IMAGE_SIZE
        store.running = 0
        store._journal.commit(state, 2 * SLOT_UNITS)
        store._offer.copy_from(state)
        store._image.describe(IMAGE_OFFSET, IMAGE_SIZE)
        store._image.resume(slots[1], 0)
        store.manifest = _Manifest
        self.board = Board(size)
        agent = self.agent = Agent(self.board, Handover(store, 0, _Manifest, "power-on"), _Application())
        agent._load()
        agent._listen()
        updater = self.updater = agent.updater
        assert updater is not None
        updater.client.restore(0x1234, 0x0084, VERSION)
        updater.client.start_download(IMAGE_OFFSET, store.until_boundary(IMAGE_OFFSET), state.file_size)
        agent.joined = agent.announced = True
        self._hub = FrameReceiver()
        self._answer = bytearray(_HEADER + ota.BLOCK_DATA_AT + size)
        self._wire = bytearray(encoded_limit(len(self._answer)))
        updater._request()

    def nothing(self):
        """What calling costs."""

    def serve(self):
        """The hub's answer to the request that the device sent last: its bytes wait on the link. Returns how
        many bytes of the image are in it."""
        hub = self._hub
        board = self.board
        board.outbox.seek(0)
        sent = board.outbox.read(board.sent_length)
        at = 0
        while at < len(sent):
            at = hub.feed(sent, at, len(sent))
        asked = hub.buffer
        request = _HEADER + ota.BLOCK_REQUEST_OFFSET_AT
        size = asked[request + 4]
        answer = self._answer
        answer[:_HEADER] = b"\x01\x00\x00\x00\x34\x12\x01\x01\x19\x00\x04\x01\x19\x00\x05"
        answer[_HEADER] = 0
        answer[_HEADER + 1 : _HEADER + 9] = _IDENTITY
        for i in range(4):
            answer[_HEADER + ota.BLOCK_OFFSET_AT + i] = asked[request + i]
        answer[_HEADER + ota.BLOCK_SIZE_AT] = size
        for i in range(size):
            answer[_HEADER + ota.BLOCK_DATA_AT + i] = i * 37 + 11 & 0xFF
        board.arrived = encode(answer, _HEADER + ota.BLOCK_DATA_AT + size, self._wire)
        board.inbox.seek(0)
        board.inbox.write(self._wire)
        return size


def _receive(path):
    agent = path.agent
    n = path.board.read_into(agent._input)
    agent._receiver.feed(agent._input, 0, n)


def _handle(path):
    receiver = path.agent._receiver
    path.updater.endpoint.handle_frame(receiver.buffer, receiver.length)


def _write(path):
    path.updater._act()


def _catch_up(path):
    path.updater.catch_up()


def _request(path):
    updater = path.updater
    path.length = updater.endpoint.put_request(updater._frame)


def _encode(path):
    updater = path.updater
    path.board.write(updater._wire, encode(updater._frame, path.length, updater._wire))


STEPS = (
    ("receive: unstuff, check the FCS", _receive),
    ("handle: frame, command, is it the block", _handle),
    ("write: store, flash, what is next", _write),
    ("catch up, only after 20 ms: timers, watchdog, application", _catch_up),
    ("request: the next Image Block Request", _request),
    ("encode: FCS, stuff, write", _encode),
)
