"""The application's settings: saved and found, over updates and reverts, and by what bytes."""

from binascii import crc32

from firmware_agent.store.app_settings import LIMIT, AppSettings
from hal.flash import FlashArea
from hal.sim.cut_flash import ERASE, PROGRAM, CutFlash
from tests.portable.bench import raises
from tests.portable.settings_device import GEOMETRIES, Device

HEAP = "1M"


def test_nothing_is_saved_on_blank_flash():
    for geometry in GEOMETRIES:
        assert Device(*geometry).settings.load(255) is None


def test_what_is_saved_is_found_again_after_a_reset():
    for geometry in GEOMETRIES:
        device = Device(*geometry)
        for data in (b"", b"x", b"first", bytes(range(256)), bytes(LIMIT)):
            assert device.settings.save(1, data)
            assert device.settings.load(1) == data
            assert device.power_on().load(1) == data


def record(schema, sequence, data, write_size=1, kind=0x41):
    """A record's bytes, by the table of docs/store.md."""
    head = bytes([kind, schema]) + len(data).to_bytes(2, "little") + sequence.to_bytes(4, "little")
    crc = crc32(head + data).to_bytes(4, "little")
    return head + data + crc + bytes(-(12 + len(data)) % write_size)


def test_a_record_s_bytes():
    for write_size in (1, 16, 256):
        device = Device(write_size=write_size)
        for schema, sequence, data in ((7, 16, b"credit"), (7, 17, bytes(range(255, 20, -1)))):
            assert device.settings.save(schema, data) is True
            kind, at, length = device.flash.log[-1]
            assert kind == PROGRAM
            stored = bytes(device.memory[at : at + length])
            assert stored == record(schema, sequence, data, write_size)


def test_numbers_go_up_by_one_and_by_16_at_a_boot_s_first_record():
    device = Device(1024, 1, 3)
    expected = 0
    for _ in range(3):
        device.power_on()
        expected += 16
        for n in range(5):
            data = b"%d %d" % (expected, n)
            assert device.settings.save(1, data)
            _, at, length = device.flash.log[-1]
            assert bytes(device.memory[at : at + length]) == record(1, expected, data)
            expected += 1
        expected -= 1


def test_a_bank_holds_two_records_of_the_limit():
    for geometry in ((1024, 16, 3), (1024, 256, 3), (256, 4, 12)):
        device = Device(*geometry)
        for n in range(6):
            data = bytes([n]) * LIMIT
            assert device.settings.save(1, data)
            assert device.settings.load(1) == data
            # In the bank's other half, or in the next one.
            bank = len(device.memory) // 3
            _, at, _ = device.flash.log[-1]
            assert (at // bank, at % bank > 0) == (n // 2 % 3, n % 2 == 1)
        assert device.power_on().load(1) == data
    # One byte more than a unit takes two; a limit of 480 bytes is 492 with head and CRC.
    for erase_size, write_size in ((983, 1), (982, 491)):
        flash = CutFlash(bytearray(5 * erase_size), erase_size, write_size)
        raises(ValueError, AppSettings, FlashArea(flash, 0, 5, write_size))
        AppSettings(FlashArea(CutFlash(bytearray(6 * erase_size), erase_size, write_size), 0, 6, write_size))
    # Without padding two such records are 984 bytes.
    AppSettings(FlashArea(CutFlash(bytearray(3 * 984), 984, 4), 0, 3, 4))
    assert LIMIT == 480


def test_what_is_no_record_is_none():
    good = record(3, 99, b"data")
    for bad in (
        record(3, 99, b"data", kind=0x42),
        record(3, 99, bytes(LIMIT + 1)),
        good[:-1] + bytes([good[-1] ^ 1]),
        good[:8] + b"D" + good[9:],
    ):
        device = Device()
        device.memory[: len(bad)] = bad
        assert device.settings.load(255) is None
        # Nothing is looked for behind it.
        device.memory[len(bad) : len(bad) + 16] = good
        assert device.settings.load(255) is None
    device = Device()
    for number, limit in ((99, LIMIT), (98, 0)):
        found = record(3, number, bytes(limit), 16)
        device.memory[: len(found)] = found
        assert device.settings.load(255) == bytes(limit)
    # One that would go beyond its bank's end is none either, though the next bank holds the rest of it.
    first = record(3, 98, bytes(LIMIT), 16) + record(3, 99, bytes(500 - 12 - 32), 16)
    beyond = first + record(3, 100, bytes(200), 16)
    device = Device()
    device.memory[: len(beyond)] = beyond
    assert len(first) < 1024 < len(beyond)
    assert device.settings.load(255) == bytes(500 - 12 - 32)


def test_only_a_schema_that_is_not_above_is_read():
    device = Device()
    for schema in (0, 255):
        assert device.settings.save(schema, b"under %d" % schema)
    assert device.settings.load(0) == device.settings.load(254) == b"under 0"
    assert device.settings.load(255) == b"under 255"


def test_a_fresh_bank_begins_with_the_newest_of_another_schema():
    device = Device()
    assert device.settings.save(1, b"old") and device.power_on().save(2, b"new")
    first, second = record(1, 16, b"old", 16), record(2, 32, b"new", 16)
    assert bytes(device.memory[1024 : 1024 + 32]) == first + second
    # In the same bank nothing is repeated.
    assert device.settings.save(2, b"newer")
    assert device.flash.log[-1] == (PROGRAM, 1024 + 32, 32)
    assert bytes(device.memory[1024 + 32 : 1024 + 64]) == record(2, 33, b"newer", 16)


def test_a_record_may_end_where_its_bank_does():
    device = Device(1024, 1, 3)
    for length in (LIMIT, LIMIT - 1, 29):
        assert device.settings.save(1, bytes(length))
        assert device.settings.load(1) == bytes(length)
    assert device.flash.erases == 1
    assert device.settings.save(1, b"in the next one")
    assert device.settings.load(1) == b"in the next one"


def test_many_saves_go_round_all_banks():
    device = Device(256, 1, 12)
    erased = set()
    for n in range(200):
        assert device.settings.save(1, b"%d" % n * 20)
        erased.update([at for kind, at, _ in device.flash.log if kind == ERASE])
        if n % 7 == 0:
            device.power_on()
        assert device.settings.load(1) == b"%d" % n * 20
    assert len(erased) == 12


def test_the_same_again_costs_nothing():
    device = Device()
    device.settings.save(1, b"credit 9.87")
    device.power_on()
    assert device.settings.save(1, b"credit 9.87")
    assert device.flash.operations == 0
    assert device.settings.save(2, b"credit 9.87")  # another schema is another thing
    assert device.flash.operations > 0


def test_an_update_reads_what_the_old_firmware_left():
    device = Device()
    device.settings.save(1, b"old")
    assert device.power_on().load(2) == b"old"


def test_after_a_revert_the_old_firmware_finds_its_own_settings():
    for saves in (1, 3, 40):
        device = Device()
        device.settings.save(1, b"old")
        device.power_on()
        for n in range(saves):
            device.settings.save(2, b"new %d" % n)
            if n % 5 == 4:
                device.power_on()
        assert device.power_on().load(1) == b"old"
        assert device.settings.load(2) == b"new %d" % (saves - 1)
        # What the old firmware saves now is newer than what the reverted one left.
        device.settings.save(1, b"old again")
        assert device.power_on().load(2) == b"old again"


def test_what_no_record_can_hold_is_refused():
    device = Device()
    device.settings.save(1, b"kept")
    raises(ValueError, device.settings.save, 1, bytes(LIMIT + 1))
    raises(ValueError, device.settings.save, 256, b"")
    raises(ValueError, device.settings.save, -1, b"")
    assert device.settings.load(1) == b"kept"
    raises(ValueError, AppSettings, FlashArea(device.flash, 0, 2, 16))


def test_a_save_is_synced_before_it_is_told():
    device = Device()
    calls = []
    program, ioctl = device.flash.writeblocks, device.flash.ioctl

    def programming(block, buf, offset=None):
        calls.append("program")
        return program(block, buf, offset)

    def controlling(op, arg):
        if op in (3, 6):
            calls.append("sync" if op == 3 else "erase")
        return ioctl(op, arg)

    device.flash.writeblocks, device.flash.ioctl = programming, controlling
    assert device.settings.save(1, b"x") and device.settings.save(1, b"y")
    assert calls == ["erase", "program", "sync", "program", "sync"]
