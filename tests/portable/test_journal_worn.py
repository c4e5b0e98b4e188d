"""Banks that go bad: a record goes to the next that keeps it, or the truth stays where it is."""

from binascii import crc32
from struct import pack_into

from firmware_agent.store.state import FULL_RECORD_SIZE
from hal.flash import DEVICE, FlashError
from hal.sim.cut_flash import CutFlash
from tests.portable.bench import raises
from tests.portable.journal_device import SIZE, Device

HEAP = "2M"  # erase units of 64 KiB


class Worn(CutFlash):
    """Units in ``stuck`` erase, but do not keep a byte's lowest bit; those in ``broken`` report an error."""

    stuck = ()
    broken = ()

    def _erase(self, block):
        if block in self.broken:
            raise OSError(5)
        CutFlash._erase(self, block)

    def _program(self, start, buf):
        if start // self.erase_size in self.broken:
            raise OSError(5)
        CutFlash._program(self, start, buf)
        if start // self.erase_size in self.stuck:
            for i in range(len(buf)):
                self.memory[start + i] |= 1


def test_a_bank_that_does_not_keep_records_is_passed_over():
    for name in ("stuck", "broken"):
        device = Device(kind=Worn)
        for version in range(1, 9):
            setattr(device.flash, name, (1, 2) if version > 1 else ())
            device.commit(version)
            assert device.version() == version, name


def test_a_bank_that_goes_bad_half_way_is_left():
    device = Device(kind=Worn)
    device.commit(1)
    device.commit(2)
    device.flash.stuck = (0,)
    before = device.state.sequence
    device.commit(3)
    assert device.state.sequence == before + 2  # the copy that was given up had the number before
    assert device.version() == 3
    for durables in ((4096,), (4096, 8192)):
        device = Device(kind=Worn)
        device.commit(1)
        device.flash.stuck = (0,)
        before = device.state.sequence
        for durable in durables:
            device.journal.progress(device.state, durable)
        assert device.state.sequence == before + 16  # as a session's first
        assert device.version() == 1 and device.state.durable == durables[-1]


def test_a_bank_whose_erase_fails_is_passed_over_though_it_reads_erased():
    class Unerasable(CutFlash):
        bad = ()

        def _erase(self, block):
            if block in self.bad:
                raise OSError(5)
            CutFlash._erase(self, block)

    device = Device(kind=Unerasable)
    device.flash.bad = (0, 1)
    device.commit(1)
    assert [at // SIZE for _, at, _ in device.flash.log] == [2, 2]
    assert device.version() == 1


def test_many_banks_may_be_bad():
    device = Device(units=9, kind=Worn)
    device.commit(1)
    device.flash.stuck = (1, 2, 3, 4, 5, 6)
    device.reset()
    device.commit(2)
    assert device.flash.log[-1][1] == 7 * SIZE
    assert device.version() == 2


def test_if_no_bank_keeps_it_the_truth_stays_and_the_failure_is_told():
    for units in (3, 4, 5):
        device = Device(units=units, kind=Worn)
        device.commit(1)
        device.reset()
        others = tuple(range(1, units))
        for _ in range(3):
            device.flash.stuck = others
            failure = raises(FlashError, device.commit, 2)
            assert (failure.kind, failure.address) == (DEVICE, 0)
            raises(FlashError, device.journal.progress, device.state, 4096)
            device.flash.stuck = ()
            assert device.version() == 1
        device.commit(3)
        assert device.version() == 3


def test_within_a_session_too():
    device = Device(units=3, kind=Worn)
    device.commit(1)
    device.flash.stuck = (0, 1, 2)
    raises(FlashError, device.commit, 2)
    device.flash.stuck = ()
    assert device.version() == 1
    device.commit(3)
    assert device.version() == 3


def test_after_a_failure_the_next_record_is_found():
    device = Device(kind=Worn)
    device.commit(1)
    device.flash.stuck = (0, 1, 2, 3)
    raises(FlashError, device.commit, 2)
    device.flash.stuck = ()
    before = device.state.sequence
    device.commit(3)  # in the same session
    assert device.state.sequence == before + 16
    device.commit(4)
    assert device.version() == 4


def test_a_copy_that_was_given_up_never_has_the_number_of_the_one_that_counts():
    device = Device(kind=Worn)
    device.commit(1)
    device.reset()
    device.flash.stuck = (1, 2)
    before = device.state.sequence
    device.commit(2)
    assert device.state.sequence == before + 16 + 2
    device.journal.progress(device.state, 4096)
    # The bad copies read well after all.
    for bank in (1, 2):
        for address in range(bank * SIZE, bank * SIZE + FULL_RECORD_SIZE):
            device.memory[address] = device.memory[3 * SIZE + address % SIZE]
        device.memory[bank * SIZE + 4] -= 3 - bank  # their own numbers, and so their own CRC
        at = bank * SIZE + FULL_RECORD_SIZE - 4
        pack_into("<I", device.memory, at, crc32(bytes(device.memory[bank * SIZE : at])))
    device.flash.stuck = ()
    assert device.version() == 2 and device.state.durable == 4096
