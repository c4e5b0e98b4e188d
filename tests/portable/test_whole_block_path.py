"""The block path in one piece: 20,000 blocks from the wire's bytes to the flash under one locked heap.

The real agent, link, client and store, in the middle of an image that was accepted; a hub and a flash that
allocate nothing themselves. The file version 0xACDCACDC is above 2**30, a big integer on 32-bit ports. What
allocates, and stands outside: the head of a file with its manifest, and one event a second for the console.
"""

from firmware_agent.agent import Agent
from firmware_agent.boot import Handover
from firmware_agent.store import state as states
from firmware_agent.store.firmware_store import FirmwareStore
from firmware_agent.trust.acceptance import Device
from hal.flash import FlashArea
from hal.link import FrameReceiver, encode, encoded_limit
from tests.portable.scripted import aps, block
from tests.portable.scripted_board import Application, Board
from tests.portable.test_block_path import Flash, locked

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

    def read_into(self, buf):
        n = self._length
        for i in range(n):
            buf[i] = self._wire[i]
        self._length = 0
        return n

    def write(self, buf, n):
        hub = self._hub
        at = 0
        while at < n:
            at = hub.feed(buf, at, n)
            if hub.ready:
                self._serve(hub.buffer)

    def _serve(self, asked):
        if asked[14] != 3 or asked[7] == 0:
            self.others += 1
            return
        answer = self._answer
        for i in range(4):
            answer[AT + i] = asked[AT + i]
        for i in range(STEP):
            answer[AT + 5 + i] = (self.blocks + i) & 0xFF
        self.blocks += 1
        self._length = encode(answer, len(answer), self._wire)


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
    store._journal.commit(state, SLOT_UNITS)
    store._offer.copy_from(state)
    store._image.describe(IMAGE_OFFSET, size)
    store._image.resume(slots[1], 0)
    store.manifest = Running
    agent = Agent(board, Handover(store, 0, Running, "power-on"), Application())
    agent._client.restore(0x1234, 0x0084, VERSION)
    agent._client.start_download(IMAGE_OFFSET, store.until_boundary(IMAGE_OFFSET), state.file_size)
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
    assert agent._client.ignored == 0 and agent._client.download.minimum_block_period == 0
    written = (begun + BLOCKS - 1) * STEP
    assert agent._client.download.offset == IMAGE_OFFSET + written
    assert store.state.durable == written // ERASE * ERASE
    assert flash.erases - erases >= BLOCKS * STEP // ERASE
    assert flash.programs - programs >= BLOCKS * STEP // 256
    assert flash.largest < 1 << 30
