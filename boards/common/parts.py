"""Parts that several boards have: a text screen in memory, and who the device is."""

from boards.common import flash_map as fm


class Display:
    """A text screen: write() rows into the frame, show() puts the frame on the glass."""

    columns = fm.SCREEN_COLUMNS
    rows = fm.SCREEN_ROWS

    def __init__(self, screen):
        self._screen = screen
        self._lines = [" " * self.columns] * self.rows
        self.show()

    def write(self, row, text):
        """Put ``text`` in ``row``, filled up or cut to the width."""
        self._lines[row] = text[: self.columns] + " " * (self.columns - len(text))

    def show(self):
        """Put the frame on the screen, a line after the other: UTF-8, then blanks to the screen's size."""
        screen = self._screen
        size = fm.SCREEN_SIZE
        at = 0
        for line in self._lines:
            data = line.encode()
            if at + len(data) >= size:
                break
            screen[at : at + len(data)] = data
            at += len(data)
            screen[at] = 10
            at += 1
        for i in range(at, size):
            screen[i] = 32


class UtcClock:
    """The board's own clock of the time of day. Only who holds the board can set it: no hub and no firmware.

    An image that expires is judged by it. The HAN's time would not do: the hub that keeps an image back until
    it is out of date is the one that says what time it is there.
    """

    def __init__(self, registers):
        self._registers = registers

    def utc(self):
        """Seconds from 2000-01-01 UTC; None if the board does not know."""
        return int.from_bytes(self._registers[fm.REG_UTC : fm.REG_UTC + 4], "little") or None


class Identity:
    """Who the device is, from its provisioning; file_version, image_stamp: of the running image."""

    def __init__(self, device):
        self.manufacturer_code = device["manufacturer_code"]
        self.image_type = device["image_type"]
        self.hardware_version = device["hardware_version"]
        self.eui64 = bytes.fromhex(device["eui64"])
        self.model = device["model"]
        self.device_id = device["device_id"]
        self.manufacturer_name = "hanota"
        self.date_code = "20261122"
        self.power_source = 1  # mains, single phase
        self.file_version = 0
        self.image_stamp = 0
