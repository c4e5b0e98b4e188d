"""STM32 with external SPI NOR: ``pyb.Flash`` in its extended mode (ports/stm32/storage.c).

- ``ioctl(1, 1)`` switches to the part's own erase unit, 4096 bytes, and to calls that go to the part
  uncached. Before it a block has 512 bytes and lies behind a cache.
- On internal flash the switch changes nothing: blocks of 512 bytes, a cache that erases and rewrites a whole
  sector with everything in it, an erase that does nothing and says 0. A power cut there takes the neighbours,
  so this refuses it; use SPI NOR, or ``vfs.rom_ioctl`` for slots.
- Errors are negative numbers, which FlashArea turns into FlashError; of an address only its start is checked.
"""

import pyb

from hal.flash import FlashArea

ERASE_SIZE = 4096
WRITE_SIZE = 1  # the part takes any; a page is 256
_INIT = 1
_EXTENDED = 1
_BLOCK_SIZE = 5


def open_areas(start, *units):
    """FlashAreas of so many erase units each, one behind the other from byte ``start`` on. ValueError on
    internal flash."""
    flash = pyb.Flash(start=start, len=sum(units) * ERASE_SIZE)
    if flash.ioctl(_INIT, _EXTENDED) != 0 or flash.ioctl(_BLOCK_SIZE, 0) != ERASE_SIZE:
        raise ValueError("internal flash loses its neighbours in a power cut: external SPI NOR is needed")
    areas = []
    first = 0
    for count in units:
        areas.append(FlashArea(flash, first, count, WRITE_SIZE))
        first += count
    return areas
