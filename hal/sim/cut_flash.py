"""A NOR flash that loses its power in the middle of an operation, and is stricter than NorFlash.

arm() chooses the erase or program in which power fails and what that one leaves behind: nothing of
it, a prefix, any subset of its bits, cells that read differently from now on, or all of it although
the caller never hears so. PowerCut is raised, and the part is dead until power_on(). What is
unstable stays so over later power-ons, until its erase unit is erased.

It also refuses what NorFlash cannot see: a second program of a write unit whose bytes happen to
read erased, because what was written was blank or because the write was torn.
"""

from hal.flash import NOT_ERASED, FlashError
from hal.sim.nor_flash import NorFlash

# What the operation that is cut leaves behind.
NOTHING = 0
PREFIX = 1  # its first bytes are done, up to ``amount`` of 256 parts
BITS = 2  # each bit that it would change is changed with a chance of ``amount`` in 256
UNSTABLE = 3  # as BITS, and each such bit reads one way or the other on every later read
FLICKER = 4  # as BITS, but from power-on to power-on all such bits read done, or all read undone
WHOLE = 5
EFFECTS = ("nothing", "prefix", "bits", "unstable", "flicker", "whole")

ERASE = 1
PROGRAM = 2


class PowerCut(BaseException):
    """Power is gone. No handler of errors may take it for an error of the part."""


class Random:
    """The same numbers on every interpreter (xorshift32). ``Random(seed)(n)`` is 0 to n - 1."""

    def __init__(self, seed):
        self._x = (seed * 2654435761 + 0x9E3779B9) & 0xFFFFFFFF or 1

    def __call__(self, n):
        x = self._x
        x ^= x << 13 & 0xFFFFFFFF
        x ^= x >> 17
        x ^= x << 5 & 0xFFFFFFFF
        self._x = x
        return x % n


class CutFlash(NorFlash):
    """``operations``: erases and programs since the last power-on, the cut one included.

    log: (ERASE or PROGRAM, address, length) of each of them.
    """

    def __init__(self, memory, erase_size=4096, write_size=16, erased_value=0xFF, program_once=True, seed=1):
        NorFlash.__init__(self, memory, erase_size, write_size, erased_value, program_once)
        self._random = Random(seed)
        self._touched = bytearray(len(memory) // write_size)  # 1: programmed, or torn, since its erase
        self._half_erased = set()  # erase units whose last erase was torn
        self._unstable = {}  # address: mask of the bits that read at random
        self._flicker = {}  # address: (mask, number of the cut) of the bits that come and go
        self._shown = []  # whether those of each cut read done, since this power-on
        self.power_on()

    def power_on(self):
        """Power is back, and no cut is armed."""
        self.operations = 0
        self.log = []
        self.dead = False
        self._cut_now = False
        self._shown = [self._random(2) for _ in self._shown]
        self._cut_at = 0
        self._effect = NOTHING
        self._amount = 0

    def arm(self, operation, effect, amount=128):
        """Cut in the ``operation``-th erase or program from power-on, counted from 1."""
        self._cut_at = operation
        self._effect = effect
        self._amount = amount

    def readblocks(self, block, buf, offset=0):
        """Fill ``buf``; unstable bits at random."""
        self._check_power()
        NorFlash.readblocks(self, block, buf, offset)
        start = block * self.erase_size + offset
        for address, mask in self._unstable.items():
            if start <= address < start + len(buf):
                buf[address - start] ^= self._random(256) & mask
        for address, (mask, cut) in self._flicker.items():
            if start <= address < start + len(buf) and not self._shown[cut]:
                buf[address - start] ^= mask

    def _erase(self, block):
        start = block * self.erase_size
        self._begin(ERASE, start, self.erase_size)
        if self._cut_now and self._effect not in (NOTHING, WHOLE):
            self._half_erased.add(block)
            self._tear(start, bytes([self.erased_value]) * self.erase_size)
        self._end_nothing()
        end = start + self.erase_size
        count = self.erase_size // self.write_size
        self._touched[block * count : (block + 1) * count] = bytes(count)
        for unsure in (self._unstable, self._flicker):
            for address in [address for address in unsure if start <= address < end]:
                del unsure[address]
        self._half_erased.discard(block)
        NorFlash._erase(self, block)
        self._end()

    def _program(self, start, buf):
        self._check_power()
        self._check_erased(start, buf)
        first = start // self.write_size
        units = range(first, first + len(buf) // self.write_size)
        for unit in units:
            address = unit * self.write_size
            touched = self.program_once and self._touched[unit]
            if touched or address // self.erase_size in self._half_erased:
                raise FlashError(NOT_ERASED, address)
        self._begin(PROGRAM, start, len(buf))
        self._end_nothing()
        for unit in units:
            self._touched[unit] = 1
        if self._cut_now and self._effect != WHOLE:
            self._tear(start, bytes(buf))
        NorFlash._program(self, start, buf)
        self._end()

    def _check_power(self):
        if self.dead:
            raise PowerCut("no power")

    def _begin(self, kind, start, length):
        self._check_power()
        self.operations += 1
        self.log.append((kind, start, length))
        self._cut_now = self.operations == self._cut_at

    def _end_nothing(self):
        if self._cut_now and self._effect == NOTHING:
            self._end()

    def _end(self):
        if self._cut_now:
            self.dead = True
            raise PowerCut("cut in operation %d" % self.operations)

    def _tear(self, start, new):
        """Leave the operation behind half done, and go dark."""
        memory = self.memory
        done = len(new) * self._amount // 256
        cut = len(self._shown)
        self._shown.append(1)
        for i in range(len(new)):
            wanted = memory[start + i] ^ new[i]
            if wanted == 0 or self._effect == PREFIX and i >= done:
                continue
            mask = 0xFF
            if self._effect != PREFIX:
                mask = 0
                for bit in range(8):
                    if self._random(256) < self._amount:
                        mask |= 1 << bit
            mask &= wanted
            if mask and self._effect == UNSTABLE:
                self._unstable[start + i] = mask
            elif mask and self._effect == FLICKER:
                self._flicker[start + i] = (mask, cut)
            memory[start + i] ^= mask
        self._end()
