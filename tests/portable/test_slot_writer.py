"""The slot writer: whole pages in order, each unit erased as it is entered, any split of the data."""

from firmware_agent.store.slot_writer import SlotWriter
from hal.flash import DEVICE, FlashArea, FlashError
from hal.sim.cut_flash import ERASE, PROGRAM, CutFlash
from tests.portable.bench import raises
from tests.portable.payload import payload

HEAP = "1M"
GEOMETRIES = [
    (erase, write) for erase in (256, 1024, 4096) for write in (1, 4, 8, 16, 32, 256) if erase % write == 0
]


def slot(erase_size=1024, write_size=16, units=4):
    """A slot full of old bytes, behind a unit that is not its own."""
    memory = bytearray(b"\x00" * (erase_size * (units + 1)))
    flash = CutFlash(memory, erase_size, write_size)
    return flash, FlashArea(flash, 1, units, write_size)


def stored(area, length):
    data = bytearray(length)
    area.read(0, data)
    return bytes(data)


def write(area, data, block):
    writer = SlotWriter(area)
    writer.open(0)
    for at in range(0, len(data), block):
        part = data[at : at + block]
        # The caller's buffer starts anywhere.
        writer.write(b"??" + part + b"?", 2, len(part))
        assert writer.position == at + len(part)
    writer.flush()
    return writer


def test_what_is_written_is_stored_in_every_geometry_and_split():
    for erase_size, write_size in GEOMETRIES:
        for length in (1, 255, 256, 257, erase_size, erase_size + 1, 3 * erase_size, 4 * erase_size):
            _, area = slot(erase_size, write_size)
            data = payload(length, length)
            write(area, data, 50)
            assert stored(area, length) == data, (erase_size, write_size, length)
    for block in (1, 40, 63, 1000):
        _, area = slot()
        data = payload(3, 3001)
        write(area, data, block)
        assert stored(area, 3001) == data, block


def test_each_unit_is_erased_once_just_before_its_first_page():
    flash, area = slot()
    write(area, payload(1, 2100), 63)
    log = [(kind, at // 1024, at % 1024) for kind, at, _ in flash.log]
    pages = [(PROGRAM, at) for at in (0, 256, 512, 768)]
    expected = []
    for unit in (1, 2, 3):
        expected.append((ERASE, unit, 0))
        expected += [(kind, unit, at) for kind, at in (pages if unit < 3 else pages[:1])]
    # 52 bytes are left: one piece of the last page.
    assert log == expected
    assert [length for _, _, length in flash.log[-2:]] == [1024, 64]


def test_the_last_page_is_programmed_in_pieces_and_hardly_beyond_the_end():
    for write_size in (1, 16, 64, 256):
        flash, area = slot(write_size=write_size)
        write(area, payload(1, 1024 + 130), 63)
        begin, end = flash.log[-1][1], flash.log[-1][1] + flash.log[-1][2]
        assert begin < 2 * 1024 + 130 <= end < 2 * 1024 + 130 + max(64, write_size)


def test_what_is_not_written_is_not_touched():
    flash, area = slot()
    write(area, payload(1, 1500), 50)
    assert flash.memory[:1024] == bytearray(1024)
    assert flash.memory[3 * 1024 :] == bytearray(2 * 1024)


def test_a_slot_is_gone_on_with_at_a_unit_and_what_lies_before_stays():
    flash, area = slot()
    data = payload(9, 3000)
    write(area, data[:1500], 50)  # the cut: the second unit is half there
    writer = SlotWriter(area)
    raises(ValueError, writer.open, 1500)
    writer.open(1024)
    writer.write(data, 1024, 3000 - 1024)
    writer.flush()
    assert stored(area, 3000) == data
    assert [at for kind, at, _ in flash.log if kind == ERASE] == [1024, 2048, 2048, 3072]


def test_past_the_slot_s_end_the_flash_refuses():
    _, area = slot()
    writer = SlotWriter(area)
    writer.open(0)
    writer.write(payload(1, 4096), 0, 4096)
    raises(FlashError, writer.write, payload(1, 256), 0, 256)


def test_sizes_that_do_not_divide_are_refused():
    class Odd:
        erase_size = 768
        write_size = 24

    raises(ValueError, SlotWriter, Odd())


def test_a_failure_of_the_part_comes_through():
    class Broken(CutFlash):
        def _erase(self, block):
            raise OSError(5)

    area = FlashArea(Broken(bytearray(2048), 1024, 16), 0, 2, 16)
    writer = SlotWriter(area)
    writer.open(0)
    writer.write(bytes(255), 0, 255)  # nothing is touched before a page is full
    error = raises(FlashError, writer.write, bytes(1), 0, 1)
    assert (error.kind, error.address) == (DEVICE, 0)
