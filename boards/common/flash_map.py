"""What both emulated boards are made of: flash geometry and map, registers, screen. Bytes unless said.

flash: 4 units of journal, slot A, slot B, 4 units of the application's settings.
"""

ERASE_SIZE = 4096
WRITE_SIZE = 16
JOURNAL_UNITS = 4
SLOT_UNITS = 64
SETTINGS_UNITS = 4
FLASH_SIZE = (JOURNAL_UNITS + 2 * SLOT_UNITS + SETTINGS_UNITS) * ERASE_SIZE

# A page of registers shared with the emulator, the way a chip shares them with the world.
REGISTERS_SIZE = 64
REG_WATCHDOG = 0  # u8: counts the feeds
REG_JOINED = 1  # u8: 1 while the HAN link has a peer; the emulator writes it
REG_ERASES = 16  # u32 each: what the flash did since it left the factory
REG_PROGRAMS = 20
REG_PROGRAMMED_BYTES = 24
REG_UTC = 28  # u32: the battery-backed clock, seconds from 2000-01-01 UTC; 0: none, or it was never set

SCREEN_COLUMNS = 40
SCREEN_ROWS = 8
SCREEN_SIZE = SCREEN_ROWS * (2 * SCREEN_COLUMNS + 1)  # UTF-8 lines, most letters one byte: `cat` shows it

EXIT_RESET = 64  # the interpreter's exit code when the device resets itself
EXIT_NO_DEVICE = 66
WATCHDOG_SECONDS = 10
