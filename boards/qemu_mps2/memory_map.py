"""QEMU mps2-an385's PSRAM, 16 MiB that the emulator keeps in a file: offsets in bytes.

| offset | holds |
|---|---|
| 0 | the NOR flash, boards/common/flash_map.py |
| WORLD | the page of registers shared with the emulator: boards/common/flash_map.py, and those below |
| FACTS | this start's facts: JSON, padded with zeros |
| IDENTITY | who the device is, provisioned once: JSON, padded with zeros |
| SCREEN | what the display shows |
| FACTORY_ROM | a ROMFS, provisioned once: the modules of the chosen verifier; zeros if it needs none |
| TRACE | the flash's operations as a test bench sees them: a head of 16 bytes, then TRACE_CAPACITY entries |

The trace's head has three 32-bit words: operations done since the bench cleared it, the number of the one
that loses power (from 1; 0: none), and how many of its bytes are done before. An entry is the address, with
TRACE_ERASE for an erase, and the length, both 32 bits.
"""

PSRAM = 0x21000000
PSRAM_SIZE = 16 << 20
FLASH = 0
WORLD = 0xF00000  # also in chip/chip.h
FACTS = 0xF01000
IDENTITY = 0xF02000
SCREEN = 0xF03000
FACTORY_ROM = 0xF04000
FACTORY_ROM_SIZE = 0x10000
TRACE = 0xF20000  # also in chip/chip.h
TRACE_HEAD = 16
TRACE_CAPACITY = 65536
TRACE_ERASE = 0x80000000
PAGE = 4096

# Registers of this board only; chip/chip.h has them, too.
REG_HEAP_SIZE = 32  # u32: bytes, read at a reset; 0: as built
REG_UNIQUE_ID = 40  # 8 bytes

EXIT_POWER_CUT = 67  # QEMU's exit code: the power was lost in the flash operation that the bench had armed
