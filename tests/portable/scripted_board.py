"""A board for the whole agent that does nothing by itself: its own link, clock and watchdog. And an app."""

from tests.portable.scripted import Identity


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


class Application:
    def start(self, device):
        pass

    def progress(self, status, offset, size):
        pass
