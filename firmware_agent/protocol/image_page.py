"""One page of the file: what an Image Page Request brings (ZCL r8, 11.13.7), until it is written in order.

The server sends a page's blocks without being asked for each. Flash is written from front to back, so
blocks behind a lost one are kept here; only the holes are asked for again, by Image Block Requests.
Blocks are told apart by their offset: zigpy gives each a sequence number of its own, zigbee-herdsman
gives all that of the request. Nothing allocates after construction.
"""


class ImagePage:
    """start, end: the file offsets of the page; both 0 while there is none. heard: a block of it came.

    data: its bytes as far as they were kept, ``data[0]`` is the file's byte ``start``.
    """

    def __init__(self, size):
        self.data = bytearray(size)
        self._lengths = bytearray(size)  # where a kept block begins: its length; else 0
        self._kept = 0
        self.close()

    def open(self, start, end):
        """A page was asked for; end - start is at most the size of the buffer."""
        self.close()
        self.start = start
        self.end = end

    def close(self):
        """Forget the page and what was kept of it."""
        lengths = self._lengths
        if self._kept:
            for i in range(len(lengths)):
                lengths[i] = 0
        self._kept = 0
        self.start = 0
        self.end = 0
        self.heard = False

    def keep(self, offset, buf, at, length):
        """Keep a block of the page for later. False if it is there already, or leaves the page."""
        place = offset - self.start
        if place < 0 or offset + length > self.end or self._lengths[place]:
            return False
        data = self.data
        for i in range(length):
            data[place + i] = buf[at + i]
        self._lengths[place] = length
        self._kept += 1
        return True

    def take(self, offset):
        """The length of the block that was kept at ``offset``, 0 if none was; it is not kept any longer."""
        place = offset - self.start
        length = self._lengths[place]
        if length:
            self._lengths[place] = 0
            self._kept -= 1
        return length

    def hole(self, offset):
        """Bytes from ``offset``, where nothing is kept, to the next block that is, or to the page's end."""
        lengths = self._lengths
        place = offset - self.start
        end = self.end - self.start
        n = place
        while n < end and lengths[n] == 0:
            n += 1
        return n - place
