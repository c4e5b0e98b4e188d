"""The block path allocates nothing: 20,000 blocks from wire to wire under a locked heap.

Wire bytes -> FrameReceiver -> Endpoint -> UpgradeClient -> the upgrade file's parser, and a sink in the
store's place -> written() -> Image Block Request -> encode() -> wire bytes. What is served is one head of an
upgrade file after the other, so that the parser has every byte. The file version 0xACDCACDC is above 2**30, a
big integer on 32-bit ports. On CPython the same run goes without the lock.
"""

import struct
import sys

from firmware_agent.protocol import session as ss
from firmware_agent.protocol import states
from firmware_agent.protocol.upgrade_file import UpgradeFile
from hal.link import FrameReceiver, encode, encoded_limit
from tests.portable.scripted import Rig, aps, block, block_status, offer, wait_for_data

try:
    from micropython import heap_lock, heap_unlock
except ImportError:

    def heap_lock():
        pass

    def heap_unlock():
        pass


VERSION = 0xACDCACDC
BLOCKS = 20000
STEP = 8  # bytes a block: it is the number of blocks that counts
AT = 12 + 3 + 9  # of the offset, in a block response, a block request and a page request
BLOCK_LENGTH = 14
PAGE_LENGTH = 18
# Ten blocks: a header with all that it may have, the element around the image, and five bytes of that.
HEAD = struct.pack("<IHHHHHIH", 0x0BEEF11E, 0x0100, 69, 7, 0x1234, 0x0084, VERSION, 2) + bytes(32)
HEAD += struct.pack("<IB8sHHHI", 80, 2, b"\x01\x02\x03\x04\x05\x06\x07\x08", 0x0100, 0x0103, 0, 5) + b"image"
FILES = BLOCKS * STEP // len(HEAD)
ORDER = (0, 1, 3, 2, 2, 4, 6, 9, 7)  # of a page's ten blocks: 5 and 8 get lost, 2 comes twice


class Loop:
    """The agent's way of a block, with nothing of the agent in it, and a hub that answers at once."""

    def __init__(self, **settings):
        self.rig = Rig(max_data_size=STEP, **settings)
        self.client = self.rig.client
        self.endpoint = self.rig.endpoint
        self.receiver = FrameReceiver()
        self.hub = FrameReceiver()
        self.frame = bytearray(128)
        self.wire = bytearray(encoded_limit(128))
        self.answer = bytearray(aps(block(0, bytes(STEP), version=VERSION)))
        self.file = UpgradeFile()
        self.files = 0  # whose head the parser has found
        self.sum = 0
        self.blocks = 0
        self.others = 0  # frames that are no block response, put in between
        self.rig.query()
        self.rig.hear(offer(VERSION, size=BLOCKS * STEP))
        self.rig.take()
        self.client.rejoined()

    def run(self, blocks, other=None):
        """Serve ``blocks`` blocks; before each one the frame ``other``, if given, that is not an answer."""
        client = self.client
        for _ in range(blocks):
            self.ask()
            if other is not None:
                self.deliver(other)
                client.handle_elapsed(60000)
                self.ask()
                self.others += 1
            self.answer_at(self.asked_for())
            client.handle_elapsed(300)

    def ask(self, payload=BLOCK_LENGTH):
        """The device's request reaches the hub."""
        length = self.endpoint.put_request(self.frame)
        end = encode(self.frame, length, self.wire)
        self.hub.feed(self.wire, 0, end)
        assert self.hub.ready and self.hub.length == 12 + 3 + payload

    def deliver(self, frame):
        """A frame reaches the device, byte for byte; what it brings goes to the sink."""
        receiver = self.receiver
        end = encode(frame, len(frame), self.wire)
        at = 0
        while at < end:
            at = receiver.feed(self.wire, at, end)
            if receiver.ready:
                self.endpoint.handle_frame(receiver.buffer, receiver.length)
                self.act()
        self.endpoint.reply_length = 0

    def act(self):
        client = self.client
        while True:
            action = client.poll_action()
            if action == 0:
                return
            if action == ss.WRITE:
                download = client.download
                self.parse(download)
                for i in range(download.data_length):
                    self.sum += download.data[download.data_at + i]
                self.blocks += 1
                offset = download.offset + download.data_length
                if offset < download.size:
                    download.written(offset, 0xFFFF)
                else:
                    client.complete()

    def parse(self, download):
        """As the agent does it with a file's first blocks; here it is another file each time."""
        file = self.file
        if download.offset % len(HEAD) == 0:
            file.reset()
        if not file.ready:
            file.feed(download.data, download.data_at, download.data_length)
            if file.ready and file.image_offset == 75 and file.hardware_max == 0x0103:
                self.files += 1

    def run_pages(self, pages):
        """Serve whole pages, their blocks in ORDER; block requests bring those that are not in it."""
        client = self.client
        for _ in range(pages):
            self.ask(PAGE_LENGTH)
            first = self.asked_for()
            for place in ORDER:
                self.answer_at(first + place * STEP)
                client.handle_elapsed(60)
            while client.waiting == ss.BLOCK:
                self.ask(BLOCK_LENGTH)
                self.answer_at(self.asked_for())
                client.handle_elapsed(300)

    def asked_for(self):
        """The offset in the request that reached the hub."""
        asked = self.hub.buffer
        return asked[AT] | asked[AT + 1] << 8 | asked[AT + 2] << 16

    def answer_at(self, offset):
        for i in range(3):
            self.answer[AT + i] = offset >> 8 * i & 0xFF
        for i in range(STEP):
            self.answer[AT + 5 + i] = HEAD[offset % len(HEAD) + i]
        self.deliver(self.answer)


def locked(loop, blocks, other=None):
    heap_lock()
    try:
        loop.run(blocks, other)
    finally:
        heap_unlock()


def test_the_lock_shows_an_allocation():
    if sys.implementation.name != "micropython":
        return
    heap_lock()
    try:
        bytearray(100)
    except MemoryError:
        return
    finally:
        heap_unlock()
    raise AssertionError("the heap is not locked")


def test_20000_blocks_allocate_nothing():
    loop = Loop()
    locked(loop, BLOCKS)
    assert loop.blocks == BLOCKS and loop.client.state == states.VERIFYING
    assert loop.sum == FILES * sum(HEAD)
    assert loop.files == FILES
    assert loop.file.file_version == VERSION and loop.file.destination == HEAD[57:65]
    assert loop.client.ignored == 0 and loop.receiver.dropped == 0


def test_20000_blocks_by_pages_allocate_nothing():
    loop = Loop(page_size=10 * STEP)
    pages = BLOCKS // 10
    heap_lock()
    try:
        loop.run_pages(pages)
    finally:
        heap_unlock()
    assert loop.blocks == BLOCKS and loop.client.state == states.VERIFYING
    assert loop.files == FILES and loop.sum == FILES * sum(HEAD)
    assert loop.client.ignored == pages, "the block that came twice"


def test_lost_foreign_and_late_frames_allocate_nothing():
    data = bytes(STEP)
    frames = (
        aps(block(BLOCKS * STEP, data, version=VERSION)),
        aps(block(0, b"", version=VERSION)),
        aps(block(0, data, version=VERSION - 1)),
        aps(block(0, bytes(STEP + 1), version=VERSION)),
        aps(b"\x18\x01\x00\x02\x00\x06\x00\x09\x00"),
        aps(b"\x19\x01\x77"),
        aps(wait_for_data(0, 1)),
        aps(wait_for_data(1000, 1001, 250)),
        aps(block_status(0x95), source=0x4321),
        aps(block_status(0x95))[:13],
    )
    loop = Loop()
    for frame in frames:
        before = loop.blocks
        locked(loop, 100, frame)
        assert loop.blocks == before + 100, frame
    assert loop.others == 100 * len(frames)


def test_identity_on_the_air_is_the_big_version():
    loop = Loop()
    loop.ask()
    assert struct.unpack_from("<I", loop.hub.buffer, 12 + 3 + 5)[0] == VERSION
