"""A strict NOR flash over any writable buffer: stricter than the part, so that misuse shows here.

It speaks the extended block-device protocol of hal/flash.py. It refuses a program that is not
aligned to the write size, that would set a bit, or (``program_once``) that touches a write unit
programmed since its erase, and it counts every operation. The buffer may be a bytearray, or a file
mapped into memory, as on the host board: then killing the process is a power cut.
"""

from hal.flash import NOT_ERASED, OUT_OF_RANGE, UNALIGNED, FlashError


class NorFlash:
    """``memory``: the part's bytes. Sizes in bytes; ``erased_value`` is what a byte reads after erase."""

    def __init__(self, memory, erase_size=4096, write_size=16, erased_value=0xFF, program_once=True):
        if len(memory) % erase_size or erase_size % write_size:
            raise ValueError("the part must hold whole erase units, and those whole write units")
        self.memory = memory
        self.erase_size = erase_size
        self.write_size = write_size
        self.erased_value = erased_value
        self.program_once = program_once
        length = min(erase_size, 256)
        while erase_size % length:
            length -= 1
        self._blank = bytes([erased_value]) * length  # an erase unit is some of these
        self.erases = 0
        self.programs = 0
        self.programmed_bytes = 0

    def readblocks(self, block, buf, offset=0):
        """Fill ``buf``."""
        start = self._address(block, offset, len(buf))
        buf[:] = memoryview(self.memory)[start : start + len(buf)]

    def writeblocks(self, block, buf, offset=None):
        """Program ``buf`` at ``offset``; without an offset erase the blocks first, as the protocol says."""
        start = self._address(block, offset or 0, len(buf))
        if offset is None:
            if len(buf) % self.erase_size:
                raise FlashError(UNALIGNED, start)
            for n in range(len(buf) // self.erase_size):
                self._erase(block + n)
        if start % self.write_size or len(buf) % self.write_size:
            raise FlashError(UNALIGNED, start)
        self._program(start, buf)

    def ioctl(self, op, arg):
        """Operations 3 to 6 of the protocol; others answer None."""
        if op == 3:
            return 0
        if op == 4:
            return len(self.memory) // self.erase_size
        if op == 5:
            return self.erase_size
        if op == 6:
            self._address(arg, 0, self.erase_size)
            self._erase(arg)
            return 0
        return None

    def count_erase(self):
        """Called after each erase; a board may override it to keep the counts elsewhere."""
        self.erases += 1

    def count_program(self, length):
        """Called after each program of ``length`` bytes."""
        self.programs += 1
        self.programmed_bytes += length

    def _address(self, block, offset, length):
        start = block * self.erase_size + offset
        if block < 0 or offset < 0 or start + length > len(self.memory):
            raise FlashError(OUT_OF_RANGE, start)
        return start

    def _erase(self, block):
        start = block * self.erase_size
        blank = self._blank
        for at in range(start, start + self.erase_size, len(blank)):
            self.memory[at : at + len(blank)] = blank
        self.count_erase()

    def _program(self, start, buf):
        self._check_erased(start, buf)
        self.memory[start : start + len(buf)] = bytes(buf)
        self.count_program(len(buf))

    def _check_erased(self, start, buf):
        old = bytes(memoryview(self.memory)[start : start + len(buf)])
        blank = bytes([self.erased_value]) * len(buf)
        if old != blank:
            # Bits that this program would have to set, seen from the erased state.
            erased = int.from_bytes(blank, "little")
            touched = int.from_bytes(old, "little") ^ erased
            wanted = int.from_bytes(bytes(buf), "little") ^ erased
            if self.program_once or touched & ~wanted:
                raise FlashError(NOT_ERASED, self._first_touched(old, start))

    def _first_touched(self, old, start):
        for i in range(len(old)):
            if old[i] != self.erased_value:
                return start + i
        return start
