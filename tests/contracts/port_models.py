"""MicroPython's flash devices, each after its port's source of release 1.26: block sizes, erase rules,
caches, what is checked and what is not. What would go wrong on the chip without a word is an AssertionError.

Runs on both interpreters.
"""

import sys

SECTOR = 4096
PAGE = 256
EINVAL = 22
EFAULT = 14
ESP_ERR_INVALID_SIZE = 0x104
ESP_ERR_INVALID_ARG = 0x102


class Nor:
    """Bits only fall until the sector is erased."""

    def __init__(self, memory):
        self.memory = memory
        self.log = []

    def erase(self, start, length):
        assert start % SECTOR == 0 and length % SECTOR == 0, "the chip erases whole sectors"
        self.log.append(("erase", start, length))
        for at in range(start, start + length):
            self.memory[at] = 0xFF

    def program(self, start, data):
        self.log.append(("program", start, len(data)))
        for i in range(len(data)):
            self.memory[start + i] &= data[i]


class Rp2Flash(bytearray):
    """rp2.Flash: a readable buffer, no check of anything."""

    made = []

    def __init__(self, *, start=-1, len=-1):
        if start % SECTOR or len % SECTOR or len <= 0:
            raise ValueError
        super().__init__(b"\xff" * len)
        self._nor = Nor(self)
        self.made.append(self)

    def _address(self, block, offset, length):
        start = block * SECTOR + offset
        assert 0 <= start and start + length <= len(self), "on the chip this is somebody else's flash"
        return start

    def readblocks(self, block, buf, offset=0):
        start = self._address(block, offset, len(buf))
        for i in range(len(buf)):
            buf[i] = self[start + i]

    def writeblocks(self, block, buf, offset=None):
        start = self._address(block, offset or 0, len(buf))
        if offset is None:
            self._nor.erase(start, len(buf))
        assert start % PAGE == 0 and len(buf) % PAGE == 0, "flash_range_program takes whole pages"
        self._nor.program(start, buf)

    def ioctl(self, op, arg):
        if op in (1, 2, 3):
            return 0
        if op == 4:
            return len(self) // SECTOR
        if op == 5:
            return SECTOR
        if op == 6:
            self._nor.erase(self._address(arg, 0, SECTOR), SECTOR)
            return 0
        return None


class Partition:
    """esp32.Partition: OSError for what IDF refuses."""

    TYPE_DATA = 1
    table = {}  # label: (memory, encrypted)

    def __init__(self, label, block_size=SECTOR):
        self.label = label
        self.memory, self._encrypted = self.table[label]
        self._block_size = block_size
        self._nor = Nor(self.memory)

    @classmethod
    def find(cls, type=0, subtype=0xFF, label=None, block_size=SECTOR):
        return [cls(name, block_size) for name in cls.table if label in (None, name)]

    def info(self):
        return 1, 0x40, 0x200000, len(self.memory), self.label, self._encrypted

    def _address(self, block, offset, length):
        start = block * self._block_size + offset
        if not 0 <= start <= len(self.memory):
            raise OSError(-ESP_ERR_INVALID_ARG)
        if start + length > len(self.memory):
            raise OSError(-ESP_ERR_INVALID_SIZE)
        return start

    def readblocks(self, block, buf, offset=0):
        start = self._address(block, offset, len(buf))
        for i in range(len(buf)):
            byte = self.memory[start + i]
            # Decrypted: what was never written is noise.
            noise = self._encrypted and byte == 0xFF and self._blank(start + i)
            buf[i] = (start + i) * 167 >> 3 & 0xFF if noise else byte

    def _blank(self, at):
        start = at // 16 * 16
        return all([self.memory[i] == 0xFF for i in range(start, start + 16)])

    def writeblocks(self, block, buf, offset=None):
        start = self._address(block, offset or 0, len(buf))
        if offset is None:
            self._nor.erase(start, len(buf))
        if self._encrypted and (start % 16 or len(buf) % 16):
            raise OSError(-ESP_ERR_INVALID_ARG)
        self._nor.program(start, buf)

    def ioctl(self, op, arg):
        if op in (1, 2, 3):
            return 0
        if op == 4:
            return len(self.memory) // self._block_size
        if op == 5:
            return self._block_size
        if op == 6:
            if self._block_size != SECTOR:
                return -EINVAL
            self._nor.erase(self._address(arg, 0, SECTOR), SECTOR)
            return 0
        return None


class PybFlash:
    """pyb.Flash(start=, len=): over SPI NOR, or (``internal``) behind the cache of internal flash."""

    internal = False
    made = []

    def __init__(self, *, start=-1, len=-1):
        if start % 512 or len % 512 or len <= 0:
            raise ValueError
        self.memory = bytearray(b"\xff" * len)
        self._nor = Nor(self.memory)
        self._cache = None
        self._native = False
        self.made.append(self)

    def _size(self):
        return SECTOR if self._native and not self.internal else 512

    def readblocks(self, block, buf, offset=0):
        start = block * self._size() + offset
        if start - offset >= len(self.memory):
            return -EFAULT
        assert start + len(buf) <= len(self.memory), "the end is not checked"
        for i in range(len(buf)):
            buf[i] = self._seen()[start + i]
        return 0

    def writeblocks(self, block, buf, offset=None):
        start = block * self._size() + (offset or 0)
        if block * self._size() >= len(self.memory):
            return -EFAULT
        assert start + len(buf) <= len(self.memory), "the end is not checked"
        if self.internal or not self._native or offset is None:
            # To the cache; the part changes when it is flushed, a sector at a time.
            cache = bytearray(self._seen())
            cache[start : start + len(buf)] = buf
            self._cache = cache
        else:
            self._nor.program(start, buf)
        return 0

    def _seen(self):
        return self.memory if self._cache is None else self._cache

    def _flush(self):
        if self._cache is not None:
            self.memory[:] = self._cache
            self._cache = None

    def ioctl(self, op, arg):
        if op == 1:
            self._native = arg == 1
            return 0
        if op in (2, 3):
            self._flush()
            return 0
        if op == 4:
            return len(self.memory) // self._size()
        if op == 5:
            return self._size()
        if op == 6:
            if self._native and not self.internal:
                self._flush()
                self._nor.erase(arg * SECTOR, SECTOR)
            return 0
        return None


class InternalPybFlash(PybFlash):
    """On a chip's own flash."""

    internal = True


class _Module:
    """What ``import`` finds."""


class example:
    """While in force, boards/ports/NAME.py is imported over the model: ``with example("rp2_flash", "rp2",
    Flash=Rp2Flash) as module``."""

    def __init__(self, name, port, **names):
        self._name = "boards.ports." + name
        self._port = port
        self._module = _Module()
        for one in names:
            setattr(self._module, one, names[one])

    def __enter__(self):
        sys.modules[self._port] = self._module  # type: ignore[assignment]
        __import__(self._name)
        return sys.modules[self._name]

    def __exit__(self, *exception):
        del sys.modules[self._port]
        del sys.modules[self._name]
