"""A fake device for the sample application."""

from boards.applications.in_home_display import app


class Display:
    """Stricter than a screen: a row that does not exist or does not fit is an error."""

    def __init__(self, columns=40, rows=8):
        self.columns = columns
        self.rows = rows
        self.lines = [""] * rows
        self.written = [0] * rows
        self.frames = 0

    def write(self, row, text):
        assert 0 <= row < self.rows, row
        assert isinstance(text, str) and len(text) <= self.columns, text
        assert text == text.strip() and min(text) >= " ", text
        self.lines[row] = text
        self.written[row] += 1

    def show(self):
        self.frames += 1


class Settings:
    """What AppSettings promises, in RAM."""

    def __init__(self):
        self.kept = {}
        self.saves = 0

    def load(self, schema):
        found = [kept for kept in self.kept if kept <= schema]
        return self.kept[max(found)] if found else None

    def save(self, schema, data):
        self.kept[schema] = bytes(data)
        self.saves += 1
        return True


class Device:
    def __init__(self, display=None, file_version=0x00010000, settings=None):
        self.settings = settings or Settings()
        self.display = display or Display()
        self.file_version = file_version
        self.eui64 = bytes([0x00, 0xDB, 0x12, 0x34, 0x56, 0x78, 0x90, 0xA4])
        self.callbacks = []
        self.now = 0

    def every(self, period_ms, callback):
        self.callbacks.append((period_ms, callback))

    def milliseconds(self):
        return self.now

    def run(self, times, elapsed=1000):
        """Call the application's callback, as the agent does, ``times`` times."""
        ((_, callback),) = self.callbacks
        for _ in range(times):
            self.now += elapsed
            callback(elapsed)


def started(**options):
    device = Device(**options)
    app.start(device)
    return device
