"""RP2040 and RP2350: ``rp2.Flash``, QSPI NOR that is mapped into memory (ports/rp2/rp2_flash.c).

- A block is one erase unit of 4096 bytes; the chip programs pages of 256 bytes.
- ``start`` and ``len`` count from the start of the file system's part of the flash: the firmware is out of
  reach.
- Nothing is cached, and nothing is checked: an address outside the range, or a page that does not verify,
  goes unnoticed. FlashArea guards the range; the journal's CRC and the manifest's digest find the rest.
- Interrupts are off for the time of an erase (45 to 400 ms) or a program.
"""

import rp2

from hal.flash import FlashArea

ERASE_SIZE = 4096
WRITE_SIZE = 256


def open_areas(start, *units):
    """FlashAreas of so many erase units each, one behind the other from byte ``start`` on; their payload runs
    in place."""
    # The stubs know neither the arguments nor that it is a buffer; the port has both.
    flash = rp2.Flash(start=start, len=sum(units) * ERASE_SIZE)  # type: ignore[call-arg]
    mapped = memoryview(flash)  # type: ignore[arg-type]
    areas = []
    first = 0
    for count in units:
        areas.append(FlashArea(flash, first, count, WRITE_SIZE, mapped))
        first += count
    return areas
