"""The strict NOR part beyond the flash contract: what it takes, what it counts, what it leaves alone."""

from hal.flash import NOT_ERASED, FlashError
from hal.sim.nor_flash import NorFlash
from tests.portable.bench import raises


def blank(length):
    return bytearray(b"\xff" * length)


def test_the_memory_is_the_caller_s():
    memory = blank(512)
    flash = NorFlash(memory, 256, 8)
    flash.writeblocks(1, b"12345678", 16)
    assert bytes(memory[256 + 16 : 256 + 24]) == b"12345678"
    memory[0] = 0x55  # what another power-on left there
    found = bytearray(1)
    flash.readblocks(0, found)
    assert found[0] == 0x55


def test_sizes_that_do_not_divide_are_refused():
    raises(ValueError, NorFlash, blank(500), 256, 8)
    raises(ValueError, NorFlash, blank(512), 256, 24)


def test_an_erase_blanks_its_unit_and_no_other_byte_whatever_its_size():
    for erase_size in (1, 8, 255, 256, 264, 384, 403, 528, 1024):
        memory = bytearray(3 * erase_size)
        flash = NorFlash(memory, erase_size, 1)
        flash.ioctl(6, 1)
        assert memory == bytes(erase_size) + b"\xff" * erase_size + bytes(erase_size), erase_size


def test_a_second_program_is_refused_even_if_it_only_clears_bits():
    flash = NorFlash(blank(256), 256, 8)
    flash.writeblocks(0, b"\xf0" * 8, 0)
    error = raises(FlashError, flash.writeblocks, 0, b"\x00" * 8, 0)
    assert (error.kind, error.address) == (NOT_ERASED, 0)


def test_a_part_that_may_be_programmed_twice_clears_bits_and_sets_none():
    memory = blank(256)
    flash = NorFlash(memory, 256, 8, 0xFF, False)
    flash.writeblocks(0, b"\xf0" * 8, 0)
    flash.writeblocks(0, b"\x30" * 8, 0)
    assert bytes(memory[:8]) == b"\x30" * 8
    error = raises(FlashError, flash.writeblocks, 0, b"\x31" * 8, 0)
    assert (error.kind, error.address) == (NOT_ERASED, 0)
    assert bytes(memory[:8]) == b"\x30" * 8


def test_where_erased_is_zero_a_program_sets_bits():
    memory = bytearray(256)
    flash = NorFlash(memory, 256, 8, 0x00, False)
    flash.writeblocks(0, b"\x0f" * 8, 0)
    flash.writeblocks(0, b"\x3f" * 8, 0)
    raises(FlashError, flash.writeblocks, 0, b"\x3e" * 8, 0)
    assert bytes(memory[:8]) == b"\x3f" * 8
    flash.ioctl(6, 0)
    assert memory == bytearray(256)


def test_each_operation_is_counted_once_with_its_bytes():
    flash = NorFlash(blank(1024), 256, 8)
    flash.ioctl(6, 0)
    flash.ioctl(6, 3)
    flash.writeblocks(0, bytes(24), 0)
    flash.writeblocks(1, bytes(8), 8)
    flash.readblocks(0, bytearray(512), 0)
    assert (flash.erases, flash.programs, flash.programmed_bytes) == (2, 2, 32)
    flash.writeblocks(2, bytes(512))  # erases two units, programs once
    assert (flash.erases, flash.programs, flash.programmed_bytes) == (4, 3, 544)


def test_a_block_write_that_is_no_whole_block_touches_nothing():
    memory = blank(512)
    flash = NorFlash(memory, 256, 8)
    flash.writeblocks(0, b"12345678", 0)
    before = bytes(memory)
    raises(FlashError, flash.writeblocks, 0, bytes(128))
    assert bytes(memory) == before and flash.erases == 0


def test_negative_places_are_refused():
    flash = NorFlash(blank(512), 256, 8)
    raises(FlashError, flash.readblocks, -1, bytearray(1), 256)
    raises(FlashError, flash.readblocks, 1, bytearray(1), -1)
    raises(FlashError, flash.writeblocks, 1, bytes(8), -8)
