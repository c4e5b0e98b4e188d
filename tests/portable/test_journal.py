"""The journal's ring of banks: where each record goes, and that the newest one wins."""

from firmware_agent.store.journal import Journal
from firmware_agent.store.state import State
from hal.flash import FlashArea
from hal.sim.cut_flash import ERASE, PROGRAM, CutFlash
from tests.portable.bench import raises
from tests.portable.journal_device import FULL, GEOMETRIES, PROGRESS, SHORT, SIZE, WRITE, Device, fields

HEAP = "2M"  # erase units of 64 KiB


def test_blank_flash_holds_no_record():
    device = Device()
    assert not device.found
    assert fields(device.state) == fields(State())
    assert device.journal.recorded == 0


def test_a_journal_that_was_not_loaded_begins_a_bank_too():
    device = Device()
    device.journal = Journal(FlashArea(device.flash, 0, device.units, WRITE))
    device.commit(1)
    assert device.state.sequence == 16
    assert device.version() == 1


def test_an_area_of_fewer_than_three_banks_is_refused():
    for erase_size, units in ((1024, 2), (256, 5), (256, 2)):
        flash = CutFlash(bytearray(b"\xff" * (units * erase_size)), erase_size, 16)
        raises(ValueError, Journal, FlashArea(flash, 0, units, 16))
    # One byte more than a unit is two units.
    flash = CutFlash(bytearray(b"\xff" * (5 * 403)), 403, 1)
    raises(ValueError, Journal, FlashArea(flash, 0, 5, 1))


def test_the_newest_record_wins_however_often_the_ring_goes_round():
    for erase_size, write_size in GEOMETRIES:
        device = Device(erase_size, write_size, 9 if erase_size < 1024 else 3)
        for version in range(1, 60 if erase_size < 4096 else 12):
            device.commit(version)
            if version % 3 == 0:
                assert device.version() == version, (erase_size, write_size)


def test_each_session_starts_a_fresh_bank_with_a_number_16_ahead():
    device = Device()
    banks = []
    for version in range(6):
        device.reset()
        before = device.state.sequence
        device.commit(version)
        assert device.state.sequence == before + 16
        assert [entry[0] for entry in device.flash.log] == [ERASE, PROGRAM]
        assert device.flash.log[0][1] == device.flash.log[1][1]
        banks.append(device.flash.log[0][1] // SIZE)
        device.commit(version)
        assert device.state.sequence == before + 17
        assert device.flash.log[2][:2] == (PROGRAM, banks[-1] * SIZE + FULL)
    assert banks == [0, 1, 2, 3, 0, 1]


IN_A_BANK = 1 + (SIZE - FULL) // SHORT


def test_a_full_bank_is_left_for_the_next_and_the_truth_is_never_erased():
    device = Device()
    truth = None
    for version in range(200):
        device.flash.log = []
        device.commit(version)
        for kind, address, _ in device.flash.log:
            if kind == ERASE:
                assert address // SIZE != truth
            else:
                truth = address // SIZE
    assert device.version() == 199
    # Each bank of 1 KiB holds as many records as fit, and is erased once for them.
    assert device.flash.erases == (200 + IN_A_BANK - 1) // IN_A_BANK


def test_room_for_progress_is_made_at_once_so_that_the_block_path_never_changes_banks():
    device = Device()
    records = 20
    for version in range(12):
        device.state.rejected_version = version
        device.journal.commit(device.state, records)
        device.flash.log = []
        for n in range(records):
            device.journal.progress(device.state, n * 4096)
        assert [entry[0] for entry in device.flash.log] == [PROGRAM] * records
    # More than a bank holds is as much as a bank holds.
    device.journal.commit(device.state, 1000)
    device.flash.log = []
    for n in range((SIZE - FULL) // PROGRESS):
        device.journal.progress(device.state, n)
    assert ERASE not in [entry[0] for entry in device.flash.log]


def test_a_record_that_just_fits_its_bank_goes_there():
    device = Device()
    device.commit(1)
    for n in range((SIZE - FULL - SHORT) // PROGRESS):
        device.journal.progress(device.state, n)
    device.commit(2)
    assert device.flash.log[-1] == (PROGRAM, SIZE - SHORT, SHORT)
    assert device.version() == 2


def test_progress_belongs_to_the_record_before_it():
    device = Device()
    device.commit(1)
    for durable in (4096, 8192, 0xFFFFFF):
        device.journal.progress(device.state, durable)
        state = State()
        assert device.reset().found and device.state.durable == durable
        device.journal.load(state)
        device.commit(2)
        assert device.reset().state.durable == durable
    device.state.durable = 0
    device.commit(3)
    assert device.reset().state.durable == 0


def test_what_was_durable_when_the_newest_record_was_written_is_told():
    device = Device()
    device.commit(1)
    device.journal.progress(device.state, 4096)
    assert device.reset().journal.recorded == 0
    device.commit(2)
    device.journal.progress(device.state, 8192)
    assert device.reset().journal.recorded == 4096
    assert device.state.durable == 8192


def test_progress_of_another_record_counts_for_nothing():
    device = Device()
    device.commit(1)
    device.journal.progress(device.state, 4096)
    # As if it had been written behind another state record.
    at = FULL
    device.memory[at + 4] ^= 1
    device.memory[at + 12] ^= 1
    assert device.reset().state.durable == 0


def test_progress_in_a_full_bank_and_as_the_first_of_a_session_becomes_a_state_record():
    device = Device()
    device.commit(7)
    for n in range(1, 200):
        device.journal.progress(device.state, n)
    assert device.version() == 7 and device.state.durable == 199
    device.journal.progress(device.state, 200)
    assert device.version() == 7 and device.state.durable == 200


class Watched(CutFlash):
    """``tried``: the address of each program, of those that the part refuses, too."""

    tried = None

    def _program(self, start, buf):
        if self.tried is not None:
            self.tried.append(start)
        CutFlash._program(self, start, buf)


def test_the_first_progress_of_a_session_does_not_touch_what_lies_there():
    device = Device(kind=Watched)
    device.commit(7)
    device.reset()
    device.flash.tried = []
    device.journal.progress(device.state, 200)
    assert [at // SIZE for at in device.flash.tried] == [1]


def test_trust_anchors_are_written_first_in_a_bank_and_when_they_change():
    device = Device()
    lengths = []
    for anchors in (b"1", b"1", b"2", b"2", b"1"):
        device.state.anchors = anchors * len(device.state.anchors)
        device.commit(1)
        lengths.append(device.flash.log[-1][2])
        expected = device.state.anchors
        durable = len(lengths) * 4096
        device.journal.progress(device.state, durable)
        state = State()
        Journal(FlashArea(device.flash, 0, 4, WRITE)).load(state)
        assert (state.anchors, state.durable) == (expected, durable)
    # The fourth has the third's, but does not fit its bank any more.
    assert lengths == [FULL, SHORT, FULL, FULL, FULL]


def test_wear_one_erase_a_session_and_one_for_each_full_bank():
    for sessions, commits in ((1, 1), (1, 9), (5, 1), (5, 9), (3, 40)):
        device = Device()
        for _ in range(sessions):
            device.reset()
            for version in range(commits):
                device.commit(version)
        assert device.flash.erases == sessions * ((commits + IN_A_BANK - 1) // IN_A_BANK)
