"""The part that loses power: each effect leaves what it says, and no more."""

from hal.flash import NOT_ERASED, FlashError
from hal.sim.cut_flash import (
    BITS,
    ERASE,
    FLICKER,
    NOTHING,
    PREFIX,
    PROGRAM,
    UNSTABLE,
    WHOLE,
    CutFlash,
    PowerCut,
    Random,
)
from tests.portable.bench import raises

DATA = bytes([0x35] * 16)
BLANK = b"\xff" * 16


def part(seed=1):
    """Unit 0 blank, unit 1 programmed from end to end."""
    flash = CutFlash(bytearray(b"\xff" * 512), 256, 16, seed=seed)
    flash.writeblocks(1, DATA * 16, 0)
    flash.power_on()
    return flash


def read(flash, start=0, length=16):
    buf = bytearray(length)
    flash.readblocks(0, buf, start)
    return bytes(buf)


def cut_program(effect, amount=128, seed=1):
    flash = part(seed)
    flash.arm(1, effect, amount)
    raises(PowerCut, flash.writeblocks, 0, DATA, 0)
    flash.power_on()
    return flash


def cut_erase(effect, amount=128, seed=1):
    flash = part(seed)
    flash.arm(1, effect, amount)
    raises(PowerCut, flash.ioctl, 6, 1)
    flash.power_on()
    return flash


def test_without_a_cut_it_is_a_nor_part_with_a_log():
    flash = part()
    flash.writeblocks(0, DATA, 0)
    flash.ioctl(6, 1)
    assert read(flash) == DATA and read(flash, 256) == BLANK
    assert flash.operations == 2
    assert flash.log == [(PROGRAM, 0, 16), (ERASE, 256, 256)]


def test_the_cut_falls_in_the_operation_that_was_named():
    flash = part()
    flash.arm(3, NOTHING)
    flash.writeblocks(0, DATA, 0)
    flash.writeblocks(0, DATA, 16)
    raises(PowerCut, flash.writeblocks, 0, DATA, 32)
    flash.power_on()
    assert read(flash, 0, 48) == DATA + DATA + BLANK


def test_without_power_nothing_works_and_with_it_again_all_does():
    flash = part()
    flash.arm(1, WHOLE)
    raises(PowerCut, flash.writeblocks, 0, DATA, 0)
    before = bytes(flash.memory)
    raises(PowerCut, flash.readblocks, 0, bytearray(1), 0)
    raises(PowerCut, flash.writeblocks, 0, DATA, 16)
    raises(PowerCut, flash.ioctl, 6, 1)
    assert bytes(flash.memory) == before
    flash.power_on()
    flash.writeblocks(0, DATA, 16)
    assert read(flash, 16) == DATA


def test_no_handler_of_errors_swallows_a_cut():
    assert not issubclass(PowerCut, Exception)


def test_nothing_and_whole():
    assert read(cut_program(NOTHING)) == BLANK
    assert read(cut_program(WHOLE)) == DATA
    assert read(cut_erase(NOTHING), 256, 256) == DATA * 16
    assert read(cut_erase(WHOLE), 256, 256) == BLANK * 16


def test_a_prefix_is_done_and_the_rest_is_not():
    for amount in (0, 16, 128, 255):
        done = 16 * amount // 256
        assert read(cut_program(PREFIX, amount)) == DATA[:done] + BLANK[done:]
        done = 256 * amount // 256
        assert read(cut_erase(PREFIX, amount), 256, 256) == (b"\xff" * done + DATA * 16)[:256]


def test_bits_are_between_before_and_after_and_every_share_of_them_comes():
    shares = []
    for amount in (0, 64, 128, 192, 256):
        cleared = 0
        for seed in range(20):
            for byte in read(cut_program(BITS, amount, seed)):
                assert byte & 0x35 == 0x35  # no bit is cleared that the program keeps
                cleared += 4 - sum([byte >> bit & 1 for bit in (1, 3, 6, 7)])
            for byte in read(cut_erase(BITS, amount, seed), 256, 256):
                assert byte & 0x35 == 0x35  # no bit is cleared by an erase
        shares.append(cleared)
    assert shares[0] == 0 and shares[4] == 20 * 16 * 4
    assert shares == sorted(shares) and len(set(shares)) == 5


def test_unstable_bits_read_differently_until_the_unit_is_erased():
    flash = cut_program(UNSTABLE, 256)
    seen = set([read(flash) for _ in range(8)])
    assert len(seen) > 1
    for found in seen:
        assert all([byte & 0x35 == 0x35 for byte in found])
    flash.power_on()
    assert len(set([read(flash) for _ in range(8)])) > 1
    assert read(flash, 16) == BLANK  # its neighbours are sound
    flash.ioctl(6, 0)
    assert set([read(flash) for _ in range(8)]) == set([BLANK])


def test_flickering_bits_come_and_go_together_from_power_on_to_power_on():
    flash = cut_program(FLICKER, 256)
    seen = set()
    for _ in range(20):
        flash.power_on()
        assert read(flash) == read(flash)
        seen.add(read(flash))
    assert seen == set([BLANK, DATA])
    flash.ioctl(6, 0)
    for _ in range(20):
        flash.power_on()
        assert read(flash) == BLANK


def test_a_torn_program_must_be_erased_before_the_next_even_if_it_reads_blank():
    flash = cut_program(PREFIX, 0)
    assert read(flash) == BLANK
    error = raises(FlashError, flash.writeblocks, 0, DATA, 0)
    assert (error.kind, error.address) == (NOT_ERASED, 0)
    flash.writeblocks(0, DATA, 16)
    flash.ioctl(6, 0)
    flash.writeblocks(0, DATA, 0)


def test_a_torn_erase_must_be_done_again_even_if_it_reads_blank():
    flash = cut_erase(BITS, 256)
    assert read(flash, 256, 256) == BLANK * 16
    error = raises(FlashError, flash.writeblocks, 1, DATA, 0)
    assert (error.kind, error.address) == (NOT_ERASED, 256)
    flash.ioctl(6, 1)
    flash.writeblocks(1, DATA, 0)


def test_programming_blank_bytes_counts_as_programming():
    flash = part()
    flash.writeblocks(0, BLANK, 0)
    raises(FlashError, flash.writeblocks, 0, DATA, 0)


def test_the_numbers_are_the_same_everywhere():
    chance = Random(7)
    assert [chance(1000) for _ in range(5)] == [500, 313, 98, 908, 460]
