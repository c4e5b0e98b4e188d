"""The flash contract, and FlashArea: a range of erase units with byte addresses.

A flash device speaks MicroPython's extended block-device protocol, because esp32.Partition,
rp2.Flash and pyb.Flash already do (docs: ``vfs`` library, "block devices"):

- ``readblocks(block, buf, offset)`` fills buf from that place on, across blocks;
- ``writeblocks(block, buf, offset)`` programs buf there and never erases;
- ``ioctl(4, 0)`` is the number of blocks, ``ioctl(5, 0)`` their size, ``ioctl(6, n)`` erases
  block n, ``ioctl(3, 0)`` completes what is queued.

A block is one erase unit. Each call is seen by the next ones when it returns; what a part still caches
or queues is durable after ``ioctl(3, 0)``, and until then a cut may take any of it, in any order, but for
the operations on one unit, which keep theirs (pyb.Flash caches; rp2.Flash and esp32.Partition do not).
What a power cut leaves:

- during an erase: any mixture of old and erased bits anywhere in that erase unit, and cells that
  read differently on later reads;
- during a program: any subset of the bits still to be cleared, in the write units of that call;
- nothing else is touched. What was done before the last ioctl(3, 0) is durable.

A failure is an OSError or, from readblocks and writeblocks, a result that is neither None nor 0;
ioctl answers None to an operation that it does not have.

So whoever writes must not believe a unit it did not see finished: the journal's CRC and the
envelope's digest decide, never "it reads erased". A call may take as long as the part needs (an
erase of 4 KiB typically 45 ms, at most 400 ms); callers never erase more than one unit at a time.
"""

_SYNC = 3
_COUNT = 4
_SIZE = 5
_ERASE = 6

# Kinds of FlashError.
OUT_OF_RANGE = 1
UNALIGNED = 2
NOT_ERASED = 3
DEVICE = 4
_KINDS = {
    1: "out of range",
    2: "not aligned to the write size",
    3: "programs bytes that are not erased",
    4: "the device failed",
}


class FlashError(OSError):
    """``kind`` is one of the constants above, ``address`` the byte address within the area or part."""

    def __init__(self, kind, address):
        super().__init__(5, "flash, address 0x%x: %s" % (address, _KINDS[kind]))
        self.kind = kind
        self.address = address


class FlashArea:
    """``units`` erase units of ``device`` from number ``first`` of it on, addressed in bytes from 0.

    write_size: bytes; programs must be aligned to it and a multiple of it.
    mapped: None, or a bytes-like object over the whole part if the part is memory-mapped.
    """

    def __init__(self, device, first, units, write_size, mapped=None):
        self.erase_size = device.ioctl(_SIZE, 0)
        if first < 0 or units < 1 or first + units > device.ioctl(_COUNT, 0):
            raise ValueError("the area lies outside the flash")
        if self.erase_size % write_size:
            raise ValueError("the erase size is no multiple of the write size")
        self.units = units
        self.size = units * self.erase_size
        self.write_size = write_size
        self.device = device
        self.first = first
        self._mapped = mapped

    def read(self, offset, buf):
        """Fill buf from byte ``offset`` on."""
        self._check(offset, len(buf))
        block = self.first + offset // self.erase_size
        try:
            result = self.device.readblocks(block, buf, offset % self.erase_size)
        except OSError as failure:
            raise _flash_error(failure, offset)
        if result:
            raise FlashError(DEVICE, offset)

    def program(self, offset, buf):
        """Program buf at byte ``offset``; the bytes there must be erased."""
        length = len(buf)
        if offset < 0 or offset + length > self.size:
            raise FlashError(OUT_OF_RANGE, offset)
        if offset % self.write_size or length % self.write_size:
            raise FlashError(UNALIGNED, offset)
        unit = offset // self.erase_size
        try:
            result = self.device.writeblocks(self.first + unit, buf, offset - unit * self.erase_size)
        except OSError as failure:
            raise _flash_error(failure, offset)
        if result:
            raise FlashError(DEVICE, offset)

    def erase(self, unit):
        """Erase one unit."""
        offset = unit * self.erase_size
        if not 0 <= unit < self.units:
            raise FlashError(OUT_OF_RANGE, offset)
        try:
            result = self.device.ioctl(_ERASE, self.first + unit)
        except OSError as failure:
            raise _flash_error(failure, offset)
        # None is the protocol's "no such operation": nothing was erased.
        if result != 0:
            raise FlashError(DEVICE, offset)

    def sync(self):
        """All that was done to the part is durable before anything that comes after."""
        try:
            result = self.device.ioctl(_SYNC, 0)
        except OSError as failure:
            raise _flash_error(failure, 0)
        if result:
            raise FlashError(DEVICE, 0)

    def view(self, offset, length):
        """The stored bytes in place, read-only by convention, or None if the part is not memory-mapped."""
        if self._mapped is None:
            return None
        self._check(offset, length)
        start = self.first * self.erase_size + offset
        return memoryview(self._mapped)[start : start + length]

    def _check(self, offset, length):
        if offset < 0 or offset + length > self.size:
            raise FlashError(OUT_OF_RANGE, offset)


def _flash_error(failure, offset):
    """Ports report failure by an OSError or by a negative errno; here it is a FlashError either way."""
    return failure if isinstance(failure, FlashError) else FlashError(DEVICE, offset)
