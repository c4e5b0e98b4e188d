"""The block path in one piece: 20,000 blocks from the wire's bytes to the flash under one locked heap.

The real agent, link, client and store, in the middle of an image that was accepted; a hub and a flash that
allocate nothing themselves. The file version 0xACDCACDC is above 2**30, a big integer on 32-bit ports. A
second run has file after file, each from its first byte: with the file's parser, and the acceptance.

What allocates, and stands outside: one event a second for the console; and, once an image, what cannot do
without objects. That is an offer with its record in the journal; what is kept of the file's header; the
buffer for the envelope's head, made with the first block of it; and with the last one the acceptance:
signature, manifest, rules, the page of the slot writer that begins, what talks to the hub, which is loaded
anew, and the event "accepted".
"""

import struct

from firmware_agent.agent import Agent
from firmware_agent.handover import Handover
from firmware_agent.store import state as states
from firmware_agent.store.facts import Device
from firmware_agent.store.firmware_store import FirmwareStore
from firmware_agent.updater import START
from hal import byte_loops
from hal.flash import FlashArea
from hal.link import FrameReceiver, encode, encoded_limit
from tests.portable import bench
from tests.portable.scripted import aps, block
from tests.portable.scripted_board import Application, Board
from tests.portable.test_block_path import Flash, heap_lock, heap_unlock, locked

HEAP = "1M"
VERSION = 0xACDCACDC
BLOCKS = 20000
STEP = 8  # bytes a block: it is the number of blocks that counts
ERASE = 4096
JOURNAL_UNITS = 4
SLOT_UNITS = 40
IMAGE_OFFSET = 62
AT = 12 + 3 + 9  # of the offset, in a block response and in a block request


class Running:
    """The manifest of the firmware that runs."""

    file_version = 0x00010000
    digest = bytes(32)


class Hub(Board):
    """A board with a hub behind its link that serves blocks for ever, and allocates nothing."""

    max_data_size = STEP

    def __init__(self):
        Board.__init__(self)
        self.blocks = 0
        self.others = 0  # frames that are no block request
        self._hub = FrameReceiver()
        self._answer = bytearray(aps(block(0, bytes(STEP), version=VERSION)))
        self._wire = bytearray(encoded_limit(len(self._answer)))
        self._length = 0
        self._at = 0  # of the bytes in _wire, those that were read

    def read_into(self, buf):
        n = min(self._length - self._at, len(buf))
        for i in range(n):
            buf[i] = self._wire[self._at + i]
        self._at += n
        return n

    def write(self, buf, n):
        hub = self._hub
        at = 0
        while at < n:
            at = hub.feed(buf, at, n)
            if hub.ready:
                self._serve(hub.buffer)

    def _serve(self, asked):
        if asked[14] != 3 or asked[7] == 0 or asked[AT + 4] > STEP:
            self.others += 1
            return
        answer = self._answer
        for i in range(4):
            answer[AT + i] = asked[AT + i]
        size = answer[AT + 4] = asked[AT + 4]
        self.fill(answer, AT + 5)
        self.blocks += 1
        self._length = encode(answer, AT + 5 + size, self._wire)
        self._at = 0

    def fill(self, answer, at):
        """The bytes of the block that was asked for, in answer[at:]."""
        for i in range(STEP):
            answer[at + i] = (self.blocks + i) & 0xFF


def downloading(board, flash):
    """An agent and its store, whose slot has nothing yet of an image that was accepted."""
    journal = FlashArea(flash, 0, JOURNAL_UNITS, 16)
    slots = [FlashArea(flash, JOURNAL_UNITS + n * SLOT_UNITS, SLOT_UNITS, 16) for n in range(2)]
    size = SLOT_UNITS * ERASE
    store = FirmwareStore(journal, slots, Device(0x1234, 0x0084, 1, b"", b"", 0, size, []))
    state = store.state
    state.manufacturer_code, state.image_type, state.file_version = 0x1234, 0x0084, VERSION
    state.file_size = IMAGE_OFFSET + size
    state.secondary_state = states.WRITING
    state.accepted = True
    state.image_offset, state.image_length = IMAGE_OFFSET, size
    store.running = 0
    store._journal.commit(state, 2 * SLOT_UNITS)
    store._offer.copy_from(state)
    store._image.describe(IMAGE_OFFSET, size)
    store._image.resume(slots[1], 0)
    store.manifest = Running
    agent = Agent(board, Handover(store, 0, Running, "power-on"), Application())
    agent._load()
    agent._listen()
    client = agent.updater.client
    client.restore(0x1234, 0x0084, VERSION)
    client.start_download(IMAGE_OFFSET, store.until_boundary(IMAGE_OFFSET), state.file_size)
    return agent, store


# rule: block-path-allocates-nothing
def test_20000_blocks_from_wire_to_flash_under_one_lock():
    board = Hub()
    flash = Flash(JOURNAL_UNITS + 2 * SLOT_UNITS)
    agent, store = downloading(board, flash)
    # The announcement, the question for the server's EUI64, and the one event.
    for _ in range(3):
        agent.poll()
    assert board.blocks >= 2 and board.others == 2
    programs, erases, begun = flash.programs, flash.erases, board.blocks

    def run():
        while board.blocks < begun + BLOCKS:
            agent.poll()

    locked(run)
    assert board.blocks == begun + BLOCKS and board.others == 2
    client = agent.updater.client
    assert client.ignored == 0 and client.download.minimum_block_period == 0
    written = (begun + BLOCKS - 1) * STEP
    assert client.download.offset == IMAGE_OFFSET + written
    assert store.state.durable == written // ERASE * ERASE + (256 if written % ERASE >= 256 else 0)
    assert flash.erases - erases >= BLOCKS * STEP // ERASE
    assert flash.programs - programs >= BLOCKS * STEP // 256
    assert flash.largest < 1 << 30


class Part:
    """A whole NOR flash that allocates nothing."""

    def __init__(self, memory, erase_size, write_size):
        self.memory = memory
        self.erase_size = erase_size
        self.erases = 0
        self._blank = bytes(b"\xff" * erase_size)

    def readblocks(self, block, buf, offset):
        byte_loops.copy(buf, self.memory, 0, block * self.erase_size + offset, len(buf))

    def writeblocks(self, block, buf, offset):
        byte_loops.copy(self.memory, buf, block * self.erase_size + offset, 0, len(buf))

    def ioctl(self, op, arg):
        if op == 4:
            return len(self.memory) // self.erase_size
        if op == 5:
            return self.erase_size
        if op == 6:
            self.erases += 1
            byte_loops.copy(self.memory, self._blank, arg * self.erase_size, 0, self.erase_size)
        return 0


class FileHub(Hub):
    """Has one file, and serves as many blocks as it is let. ``event``: what the device told last."""

    def __init__(self, file):
        Hub.__init__(self)
        self.file = file
        self.allowed = 0
        self.unlocked = False
        self.event = None
        self.accepted = 0

    def emit(self, event, fields):
        self.event = event
        self.accepted += event == "accepted"

    def _serve(self, asked):
        self.lock()
        if self.blocks < self.allowed:
            Hub._serve(self, asked)

    def fill(self, answer, at):
        offset = answer[AT] | answer[AT + 1] << 8
        byte_loops.copy(answer, self.file, at, offset, answer[AT + 4])

    def lock(self):
        """As it is whenever the next block is asked for."""
        if self.unlocked:
            self.unlocked = False
            heap_lock()


class Acceptance:
    """Unlocks the heap where the store is told of an image, where it begins to hold the envelope's head, and
    where that is whole; then until the next block is asked for. ``times``: how often."""

    def __init__(self, board, store):
        self.times = 0
        self._board = board
        self._image = store._image
        self._hold = store._image._hold
        self._image._hold = self
        self._describe = store.describe
        store.describe = self.describe

    def describe(self, header, image_offset, image_length):
        self._unlock()
        self._describe(header, image_offset, image_length)

    def __call__(self, data, start, length):
        if self._image.head is None:
            self._unlock()
        result = self._hold(data, start, length)
        if self._image.waits:
            self._unlock()
        return result

    def _unlock(self):
        self.times += 1
        self._board.unlocked = True
        heap_unlock()


# rule: block-path-allocates-nothing
def test_20000_blocks_of_whole_files_from_the_header_on():
    image = bench.Image("big-version")
    size = len(image.data)
    # Two bytes of a later version's header: so every block ends where the device wants it to.
    head = struct.pack("<IHHHHHIH", 0x0BEEF11E, 0x0100, 58, 0, 0x1234, 0x0084, VERSION, 2) + bytes(32)
    file = head + struct.pack("<IHHI", 64 + size, 0, 0, size) + image.data
    assert image.file_version == VERSION and len(file) % STEP == 0
    offer = image.offer()
    offer.file_size = len(file)

    device = bench.Bench(make_flash=Part).at_factory()
    board = FileHub(file)
    handover = device.power_on()
    agent, store = Agent(board, handover, Application()), device.store
    agent._load()
    agent._listen()
    acceptance = Acceptance(board, store)
    # The head's last block is a short one, and the file's.
    blocks = len(file) // STEP + 1
    files = BLOCKS // blocks + 1

    def run():
        # Each a block; one for the judgement, and the last one asks in vain.
        for _ in range(blocks + 2):
            agent.poll()

    with bench.RememberedSignatures():
        for n in range(files):
            store.cancel()
            agent.updater.go_on(START, store.start(offer), None)
            # All but the last block, behind which the slot is read back.
            board.allowed += blocks - 1
            for _ in range(3):
                agent.poll()  # an event; at first an announcement, too
            begun = board.blocks
            locked(run)
            assert not board.unlocked and board.blocks == board.allowed > begun + 400
            assert board.accepted == n + 1 and store.manifest is not None
            if n < files - 1:
                agent.updater.client.abandon()
        assert store.image_known and agent.updater._file is None, "the file's header was read, and let go of"
        board.allowed += 1
        while board.event != "verified":
            board.now += 1000  # the answer that did not come is asked for again
            assert board.now < 60000
            agent.poll()
    assert board.blocks > BLOCKS
    assert acceptance.times == 3 * files
    assert device.slot_bytes(1, size) == image.data
