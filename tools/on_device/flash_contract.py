"""What hal/flash.py promises, as functions over any implementation of the seam. Runs on both interpreters.

Each function of CONTRACT takes ``make``: called without arguments it gives a Part that is erased. RELIED_ON
is what the agent needs of any part, tried on the device itself, too; not every port keeps the rest. STRICT
holds what only our emulated parts promise: to refuse what a real part would do wrongly and silently.
"""

from hal.flash import (
    DEVICE,
    NOT_ERASED,
    OUT_OF_RANGE,
    UNALIGNED,
    FlashArea,
    FlashError,
)


class Part:
    """``device`` speaks the block protocol; ``counts()`` is (erases, programs, programmed bytes), or None."""

    def __init__(self, device, write_size, counts=None, erased_value=0xFF):
        self.device = device
        self.write_size = write_size
        self.counts = counts
        self.erased_value = erased_value
        self.units = device.ioctl(4, 0)
        self.erase_size = device.ioctl(5, 0)

    def area(self, first=0, units=None):
        return FlashArea(self.device, first, units or self.units - first, self.write_size)

    def contents(self):
        data = bytearray(self.units * self.erase_size)
        self.device.readblocks(0, data, 0)
        return bytes(data)

    def blank(self, length):
        return bytes([self.erased_value]) * length


def pattern(length, seed=1):
    """Bytes, none of them 0x00 or 0xFF."""
    data = bytearray(length)  # a list of numbers would be four times as large, on a small heap
    for i in range(length):
        data[i] = (seed * 37 + i * 11) % 254 + 1
    return bytes(data)


def error_of(function, *arguments):
    """The OSError with which a device refuses; also where the port answers a negative errno."""
    try:
        result = function(*arguments)
    except OSError as error:
        return error
    assert result not in (None, 0), "not refused"
    return OSError(-result)


def geometry_is_whole_write_units(make):
    part = make()
    assert part.units >= 2
    assert part.erase_size % part.write_size == 0


def sync_is_answered_and_an_unknown_operation_is_not(make):
    part = make()
    assert part.device.ioctl(3, 0) == 0
    assert part.device.ioctl(99, 0) is None


def program_puts_the_bytes_there_and_nowhere_else(make):
    part = make()
    data = pattern(part.write_size)
    at = part.erase_size - part.write_size
    assert not part.device.writeblocks(1, data, at)
    start = part.erase_size + at
    end = start + len(data)
    assert part.contents() == part.blank(start) + data + part.blank(part.units * part.erase_size - end)


def program_crosses_blocks(make):
    part = make()
    data = pattern(2 * part.write_size)
    start = part.erase_size - part.write_size
    assert not part.device.writeblocks(0, data, start)
    assert part.contents()[start : start + len(data)] == data


def read_starts_anywhere_and_crosses_blocks(make):
    part = make()
    data = pattern(2 * part.erase_size)
    for at in range(0, len(data), part.write_size):
        part.device.writeblocks(0, data[at : at + part.write_size], at)
    size = part.erase_size
    for start, length in ((0, 1), (1, 3), (size - 1, 2), (size + 1, 5), (3, size)):
        buf = bytearray(length)
        assert not part.device.readblocks(start // size, buf, start % size)
        assert bytes(buf) == data[start : start + length], start


def erase_blanks_one_unit_and_no_other(make):
    for erased in (0, 1):
        part = make()
        size = part.erase_size
        for unit in range(part.units):
            part.device.writeblocks(unit, pattern(size, unit), 0)
        assert part.device.ioctl(6, erased) == 0
        contents = part.contents()
        for unit in range(part.units):
            expected = part.blank(size) if unit == erased else pattern(size, unit)
            assert contents[unit * size : (unit + 1) * size] == expected, (erased, unit)


def an_erased_unit_takes_a_program_again(make):
    part = make()
    for seed in (1, 2):
        part.device.ioctl(6, 0)
        part.device.writeblocks(0, pattern(part.write_size, seed), 0)
        assert part.contents()[: part.write_size] == pattern(part.write_size, seed)


def write_without_an_offset_erases_its_blocks_first(make):
    part = make()
    part.device.writeblocks(0, pattern(part.write_size), 0)
    data = pattern(part.erase_size, 5)
    assert not part.device.writeblocks(0, data)
    assert part.contents()[: part.erase_size] == data


def what_lies_outside_the_part_is_refused(make):
    part = make()
    unit = part.write_size
    before = part.contents()
    for call in (
        lambda: part.device.readblocks(part.units, bytearray(1), 0),
        lambda: part.device.readblocks(part.units - 1, bytearray(2), part.erase_size - 1),
        lambda: part.device.writeblocks(part.units, bytearray(unit), 0),
        lambda: part.device.writeblocks(part.units - 1, bytearray(2 * unit), part.erase_size - unit),
        lambda: part.device.ioctl(6, part.units),
        lambda: part.device.ioctl(6, -1),
    ):
        error_of(call)
    assert part.contents() == before


def each_operation_is_counted_and_a_refused_one_is_not(make):
    part = make()
    if part.counts is None:
        return
    begin = part.counts()
    part.device.ioctl(6, 0)
    part.device.writeblocks(0, pattern(2 * part.write_size), 0)
    part.device.writeblocks(part.units - 1, pattern(part.write_size), 0)
    part.contents()
    error_of(part.device.ioctl, 6, part.units)
    opposite = bytes([byte ^ 0xFF for byte in pattern(part.write_size)])
    error_of(part.device.writeblocks, 0, opposite, 0)
    end = part.counts()
    assert [end[i] - begin[i] for i in range(3)] == [1, 2, 3 * part.write_size]


def an_area_is_a_window_with_its_own_addresses(make):
    part = make()
    area = part.area(1, part.units - 1)
    assert (area.size, area.units) == ((part.units - 1) * part.erase_size, part.units - 1)
    data = pattern(part.write_size)
    area.program(0, data)
    assert part.contents() == part.blank(part.erase_size) + data + part.blank(area.size - len(data))
    buf = bytearray(part.write_size)
    area.read(0, buf)
    assert bytes(buf) == data
    area.erase(0)
    assert part.contents() == part.blank(len(part.contents()))


def an_area_refuses_what_is_not_its_own(make):
    part = make()
    area = part.area(0, part.units - 1)
    size, unit = area.size, part.write_size
    for call, address in (
        (lambda: area.read(size, bytearray(1)), size),
        (lambda: area.read(size - 1, bytearray(2)), size - 1),
        (lambda: area.read(-1, bytearray(1)), -1),
        (lambda: area.program(size, bytearray(unit)), size),
        (lambda: area.program(size - unit, bytearray(2 * unit)), size - unit),
        (lambda: area.program(-unit, bytearray(unit)), -unit),
        (lambda: area.erase(part.units - 1), size),
        (lambda: area.erase(-1), -part.erase_size),
    ):
        error = error_of(call)
        assert (error.kind, error.address) == (OUT_OF_RANGE, address)
    assert part.contents() == part.blank(len(part.contents()))
    for first, units in ((-1, 1), (0, 0), (0, part.units + 1), (part.units, 1)):
        try:
            FlashArea(part.device, first, units, part.write_size)
        except ValueError:
            continue
        raise AssertionError((first, units))


def an_area_programs_whole_write_units_only(make):
    part = make()
    if part.write_size == 1:
        return
    area = part.area()
    for offset, length in ((1, part.write_size), (0, part.write_size - 1), (part.write_size, 1)):
        error = error_of(area.program, offset, bytearray(length))
        assert (error.kind, error.address) == (UNALIGNED, offset)
    assert part.contents() == part.blank(len(part.contents()))


def a_program_that_is_not_aligned_is_refused(make):
    part = make()
    if part.write_size == 1:
        return
    for offset, length in ((1, part.write_size), (0, part.write_size - 1), (part.write_size, 1)):
        assert error_of(part.device.writeblocks, 0, bytearray(length), offset).kind == UNALIGNED
    assert part.contents() == part.blank(len(part.contents()))


def a_program_over_programmed_bytes_is_refused(make):
    part = make()
    unit = part.write_size
    part.device.writeblocks(0, pattern(unit), unit)
    before = part.contents()
    # One byte of the four units is not erased: none is programmed.
    error = error_of(part.device.writeblocks, 0, pattern(4 * unit, 2), 0)
    assert (error.kind, error.address) == (NOT_ERASED, unit)
    assert part.contents() == before


RELIED_ON = (
    geometry_is_whole_write_units,
    sync_is_answered_and_an_unknown_operation_is_not,
    program_puts_the_bytes_there_and_nowhere_else,
    program_crosses_blocks,
    read_starts_anywhere_and_crosses_blocks,
    erase_blanks_one_unit_and_no_other,
    an_erased_unit_takes_a_program_again,
    an_area_is_a_window_with_its_own_addresses,
    an_area_refuses_what_is_not_its_own,
    an_area_programs_whole_write_units_only,
)
CONTRACT = RELIED_ON + (
    write_without_an_offset_erases_its_blocks_first,
    what_lies_outside_the_part_is_refused,
    each_operation_is_counted_and_a_refused_one_is_not,
)
STRICT = (
    a_program_that_is_not_aligned_is_refused,
    a_program_over_programmed_bytes_is_refused,
)


class FailingDevice:
    """A port that fails every call as it is told: an exception to raise, or a result to give."""

    def __init__(self, failure):
        self.failure = failure

    def readblocks(self, block, buf, offset):
        return self._fail()

    def writeblocks(self, block, buf, offset):
        return self._fail()

    def ioctl(self, op, arg):
        if op == 4:
            return 4
        if op == 5:
            return 256
        return self._fail()

    def _fail(self):
        if isinstance(self.failure, OSError):
            raise self.failure
        return self.failure


def ports_fail_in_one_way():
    """Whatever way a port reports failure, an area raises FlashError(DEVICE) with the area's address."""
    for failure in (OSError(5), -5):
        area = FlashArea(FailingDevice(failure), 1, 3, 16)
        for call, arguments, address in (
            (area.read, (7, bytearray(4)), 7),
            (area.program, (32, bytearray(16)), 32),
            (area.erase, (1,), 256),
        ):
            error = error_of(call, *arguments)
            assert isinstance(error, FlashError)
            assert (error.kind, error.address) == (DEVICE, address)
    # "No such operation" must not pass for an erase that was done.
    area = FlashArea(FailingDevice(None), 1, 3, 16)
    assert error_of(area.erase, 0).kind == DEVICE
