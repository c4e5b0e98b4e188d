"""A hub behind the link of a scripted board, for tests in which the agent's code comes and goes."""

import struct
import sys

from tests.portable.scripted import END, NEW, NO_IMAGE, QUERY, block, block_status, end_response, offer
from tests.portable.scripted_board import LinkedBoard

SECOND = 1000
MICROPYTHON = sys.implementation.name == "micropython"
NOTIFY = b"\x09\x05\x00\x00\x64"
ABORT = 0x95
READ_ATTRIBUTES = b"\x10\x21\x00"


class Hub(LinkedBoard):
    """A board with a hub behind its link. ``asked``: (time, command, sequence number) of each OTA command it
    got; it has no image unless ``file`` is one, of version NEW."""

    def __init__(self, **client_settings):
        LinkedBoard.__init__(self, **client_settings)
        self.asked = []
        self.sent = []
        self.events = []
        self.file = None
        self.version = NEW
        self.activation = 0  # seconds until then
        self.aborts = False

    def emit(self, event, fields):
        self.events.append(event)

    def reset(self):
        raise SystemExit

    def hear(self, frame):
        self.sent.append(frame)
        if frame[7] == 0 or frame[12] & 3 != 1:
            return
        command, payload = frame[14], frame[15:]
        self.asked.append((self.now, command, frame[13]))
        if command == QUERY:
            self.say(offer(self.version, len(self.file)) if self.file else NO_IMAGE)
        elif command == END:
            self.say(end_response(0, self.activation, version=self.version))
        elif self.aborts:
            self.say(block_status(ABORT))
        elif self.file:
            at = int.from_bytes(payload[9:13], "little")
            self.say(block(at, self.file[at : at + payload[13]], version=self.version))


def file_of(image):
    """The upgrade file of a bench's image."""
    version = image.file_version
    head = struct.pack("<IHHHHHIH", 0x0BEEF11E, 0x0100, 56, 0, 0x1234, 0x0084, version, 2) + bytes(32)
    return head + struct.pack("<I", 56 + len(image.data)) + image.data


def live(agent, until):
    """Time passes as the agent allows, to ``until``."""
    board = agent.board
    while board.now < until:
        board.now += max(1, min(agent.poll(), until - board.now))
    agent.poll()


def loaded():
    return any(
        name.startswith(("firmware_agent.updater", "firmware_agent.protocol.")) for name in sys.modules
    )
