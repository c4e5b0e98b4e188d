"""Writes one slot front to back: gathers write units, erases each erase unit as it is entered."""

from hal import byte_loops

_PAGE = 256  # parts program at most a page at a time; a power of two divides every erase size
_TAIL = 64  # the last page in pieces, so that hardly anything is programmed beyond the image


class SlotWriter:
    """Over ``area``, one slot's FlashArea. ``position``: bytes taken so far, from the slot's start.

    page: what was taken of the page that is not full yet, ``page_size`` bytes: whoever adds bytes that do not
    fill it may do so there and move ``position`` on."""

    def __init__(self, area):
        self._area = area
        size = max(area.write_size, min(_PAGE, area.erase_size))
        if size % area.write_size or area.erase_size % size:
            raise ValueError("erase unit, page and write unit must divide each other")
        self.page = bytearray(size)
        self._tail = bytearray(max(area.write_size, min(_TAIL, size)))
        self.page_size = size
        self.position = 0

    def open(self, position):
        """Go on at ``position``: at an erase unit, which is erased when it is entered, or behind the first
        page of one. Then recall() and put_back() come before write()."""
        if position % self._area.erase_size not in (0, self.page_size):
            raise ValueError("a slot is resumed at an erase unit, or behind its first page")
        self.position = position

    def recall(self):
        """Read the page before ``position`` into RAM."""
        self._area.read(self.position - self.page_size, self.page)

    def put_back(self):
        """Erase the unit whose first page was recalled, and program that page again: it is durable when this
        returns."""
        self._program(self.position - self.page_size)
        self.sync()

    def write(self, data, start, length):
        """Take data[start:start + length]. FlashError if the part fails. Allocates nothing."""
        page_size = self.page_size
        position = self.position
        while length > 0:
            at = position % page_size
            part = length if at + length < page_size else page_size - at
            byte_loops.copy(self.page, data, at, start, part)
            position += part
            start += part
            length -= part
            if at + part == page_size:
                self._program(position - page_size)
        self.position = position

    def sync(self):
        """What was programmed is durable: a record may say so."""
        self._area.sync()

    def flush(self):
        """Program a last page that is not full, the rest of its last piece filled up with 0xFF, and sync."""
        size = self.page_size
        used = self.position % size
        for i in range(used, size):
            self.page[i] = 0xFF
        at = 0
        while at < used:
            self._program_tail(self.position - used, at)
            at += len(self._tail)
        self.sync()

    def _program_tail(self, page_at, start):
        byte_loops.copy(self._tail, self.page, 0, start, len(self._tail))
        self._enter(page_at + start)
        self._area.program(page_at + start, self._tail)

    def _program(self, at):
        self._enter(at)
        self._area.program(at, self.page)

    def _enter(self, at):
        erase_size = self._area.erase_size
        if at % erase_size == 0:
            self._area.erase(at // erase_size)
