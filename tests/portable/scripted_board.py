"""A board for the whole agent that does nothing by itself: its own link, clock and watchdog. And an app."""

from hal.link import FrameReceiver, encode, encoded_limit
from tests.portable.scripted import Identity, aps


class Board:
    """``now``: milliseconds, set by the test. What is sent is lost, and nothing comes."""

    address = 0x1234
    endpoint = 1
    profile = 0x0104
    max_data_size = 63
    display = settings = None
    joined = True

    def __init__(self, **client_settings):
        self.client_settings = client_settings
        self.identity = Identity()
        self.link = self.clock = self.watchdog = self
        self.now = 0

    def ticks_ms(self):
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
        return 0

    def write(self, buf, n):
        pass


class LinkedBoard(Board):
    """Its link has another end: ``hear(frame)`` gets the contents of each frame that the device sends,
    and say() sends one."""

    def __init__(self, **client_settings):
        Board.__init__(self, **client_settings)
        self.inbox = bytearray()
        self._receiver = FrameReceiver()

    def read_into(self, buf):
        n = min(len(buf), len(self.inbox))
        buf[:n] = self.inbox[:n]
        self.inbox = self.inbox[n:]
        return n

    def write(self, buf, n):
        at = 0
        while at < n:
            at = self._receiver.feed(buf, at, n)
            if self._receiver.ready:
                self.hear(bytes(self._receiver.buffer[: self._receiver.length]))

    def hear(self, frame):
        pass

    def say(self, zcl, **how):
        self.send(aps(zcl, **how))

    def send(self, frame):
        wire = bytearray(encoded_limit(len(frame)))
        self.inbox += wire[: encode(frame, len(frame), wire)]


class Application:
    def start(self, device):
        pass

    def progress(self, status, offset, size):
        pass
