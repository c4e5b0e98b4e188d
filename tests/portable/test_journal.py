"""The journal: its records, its ring of banks, and what a cut or a bad cell makes of them."""

from binascii import crc32
from struct import pack_into

from firmware_agent.store import state as states
from firmware_agent.store.journal import Journal
from firmware_agent.store.state import FULL_RECORD_SIZE, RECORD_SIZE, State
from hal.flash import DEVICE, FlashArea, FlashError
from hal.sim.cut_flash import BITS, ERASE, FLICKER, NOTHING, PREFIX, PROGRAM, CutFlash, PowerCut, Random
from tests.portable.bench import raises

HEAP = "2M"  # erase units of 64 KiB
SIZE = 1024
WRITE = 16
PROGRESS = 16  # bytes of a progress record
# erase size, write size
GEOMETRIES = [
    (erase, write)
    for erase in (256, 512, 1024, 4096, 65536)
    for write in (1, 4, 8, 16, 32, 256)
    if erase % write == 0
]


class Device:
    """A journal on a part of its own; reset() is a power-on: a new Journal that has loaded."""

    def __init__(self, erase_size=SIZE, write_size=WRITE, units=4, kind=CutFlash):
        self.write_size = write_size
        self.memory = bytearray(b"\xff" * (erase_size * units))
        self.flash = kind(self.memory, erase_size, write_size)
        self.units = units
        self.reset()

    def reset(self):
        self.flash.power_on()
        self.journal = Journal(FlashArea(self.flash, 0, self.units, self.write_size))
        self.state = State()
        self.found = self.journal.load(self.state)
        return self

    def commit(self, version):
        """A record that can be told from others by its rejected_version."""
        self.state.rejected_version = version
        self.journal.commit(self.state)

    def version(self):
        """What a reset finds."""
        self.reset()
        return self.state.rejected_version if self.found else None


def fields(state):
    return [(name, state.__dict__[name]) for name in sorted(state.__dict__) if name != "sequence"]


def full_state():
    state = State()
    for value, name in enumerate(sorted(state.__dict__)):
        if isinstance(state.__dict__[name], bool):
            setattr(state, name, True)
        elif isinstance(state.__dict__[name], bytes):
            setattr(state, name, bytes([value + i & 0xFF for i in range(len(state.__dict__[name]))]))
        elif name == "primary":
            state.primary = 1
        elif name == "secondary_state":
            state.secondary_state = states.TRIAL
        elif name != "sequence":
            setattr(state, name, 0x51 + value)
    for name in ("file_version", "file_size", "security_counter", "rejected_version", "rejected_size"):
        setattr(state, name, 0xFFFFFFF0 | len(name) & 0xF)
    return state


def test_blank_flash_holds_no_record():
    device = Device()
    assert not device.found
    assert fields(device.state) == fields(State())
    assert device.journal.progressed is False


def test_a_journal_that_was_not_loaded_begins_a_bank_too():
    device = Device()
    device.journal = Journal(FlashArea(device.flash, 0, device.units, WRITE))
    device.commit(1)
    assert device.state.sequence == 16
    assert device.version() == 1


def test_every_field_comes_back():
    for erase_size, write_size in GEOMETRIES:
        device = Device(erase_size, write_size, 9 if erase_size < 1024 else 4)
        device.journal.commit(full_state())
        assert device.reset().found
        assert fields(device.state) == fields(full_state()), (erase_size, write_size)


def test_a_new_state_is_that_of_a_device_without_a_download():
    state = State()
    flags = ("hold", "accepted")
    for name in state.__dict__:
        value = getattr(state, name)
        if name in ("anchors", "identity"):
            assert value == bytes(300 if name == "anchors" else 32), name
        else:
            assert value == 0 and isinstance(value, bool) == (name in flags), name
    assert len(state.__dict__) == 24


def test_what_is_forgotten_with_an_offer_and_with_an_acceptance():
    accepted = ("accepted", "image_offset", "image_length", "identity", "durable")
    offer = ("manufacturer_code", "image_type", "file_version", "file_size", "server_address")
    offer += ("server_endpoint", "profile", "hold")
    new = State()
    for method, names in (("clear_acceptance", accepted), ("clear_download", accepted + offer)):
        state = full_state()
        getattr(state, method)()
        for name in state.__dict__:
            expected = new if name in names else full_state()
            assert getattr(state, name) == getattr(expected, name), (method, name)


def test_refused_is_the_last_refusal_and_no_other():
    state = State()
    assert state.refused(0, 0) is False
    state.rejected_version, state.rejected_size, state.rejected_reason = 5, 6, 1
    assert state.refused(5, 6) is True
    assert state.refused(5, 7) is False and state.refused(4, 6) is False
    state.rejected_reason = 0
    assert state.refused(5, 6) is False


def test_the_numbers_of_states_are_on_flash_for_ever():
    names = ("ready", "writing", "candidate", "staged", "trial", "rejected", "failed", "updated")
    assert states.STATE_NAMES == names
    for number, name in enumerate(names):
        assert getattr(states, name.upper()) == number


def test_a_state_record_s_bytes():
    state = full_state()
    state.sequence = 0x01234567
    for accepted, hold, full, flags in ((1, 0, 0, 1), (0, 1, 0, 2), (1, 1, 1, 7), (0, 0, 1, 4), (0, 0, 0, 0)):
        state.accepted = bool(accepted)
        state.hold = bool(hold)
        record = bytearray(FULL_RECORD_SIZE)
        state.pack_into(record, bool(full))
        expected = bytearray(FULL_RECORD_SIZE)
        expected[0:4] = bytes([0x53, 2, 1, states.TRIAL])
        expected[15] = flags
        for at, size, name in (
            (4, 4, "sequence"),
            (8, 4, "security_counter"),
            (12, 1, "trial_boots"),
            (13, 1, "trial_crashes"),
            (14, 1, "reason"),
            (16, 2, "manufacturer_code"),
            (18, 2, "image_type"),
            (20, 4, "file_version"),
            (24, 4, "file_size"),
            (28, 2, "server_address"),
            (30, 1, "server_endpoint"),
            (31, 1, "image_offset"),
            (32, 4, "image_length"),
            (36, 4, "durable"),
            (72, 4, "rejected_version"),
            (76, 4, "rejected_size"),
            (80, 1, "rejected_reason"),
            (82, 2, "profile"),
        ):
            expected[at : at + size] = getattr(state, name).to_bytes(size, "little")
        expected[40:72] = state.identity
        if full:
            expected[84:384] = state.anchors
        assert record == expected, flags
        assert states.is_full(record) is bool(full)
        read = State()
        assert read.unpack_from(record) is True
        assert (read.accepted, read.hold) == (bool(accepted), bool(hold))
        assert read.anchors == (state.anchors if full else bytes(300))
    assert (RECORD_SIZE, FULL_RECORD_SIZE, states.CRC_SIZE) == (88, 388, 4)


def test_every_state_but_updated_is_one_of_the_secondary_slot():
    for number in range(states.UPDATED):
        for primary in (0, 1):
            record = bytearray(FULL_RECORD_SIZE)
            state = full_state()
            state.primary = primary
            state.secondary_state = number
            state.pack_into(record, True)
            read = State()
            assert read.unpack_from(record) and (read.primary, read.secondary_state) == (primary, number)


def test_a_record_of_another_kind_version_or_meaning_is_none():
    for at, value in ((0, 0x54), (1, 99), (2, 2), (3, states.UPDATED), (3, 8)):
        record = bytearray(FULL_RECORD_SIZE)
        full_state().pack_into(record, True)
        assert State().unpack_from(record)
        record[at] = value
        assert State().unpack_from(record) is False, at


def test_an_area_of_fewer_than_three_banks_is_refused():
    for erase_size, units in ((1024, 2), (256, 5), (256, 2)):
        flash = CutFlash(bytearray(b"\xff" * (units * erase_size)), erase_size, 16)
        raises(ValueError, Journal, FlashArea(flash, 0, units, 16))
    # One byte more than a unit is two units.
    flash = CutFlash(bytearray(b"\xff" * (5 * 403)), 403, 1)
    raises(ValueError, Journal, FlashArea(flash, 0, 5, 1))


def test_a_progress_record_s_bytes():
    for write_size in (1, 16, 32):
        device = Device(write_size=write_size)
        device.state.sequence = 0x98765432 - 16
        device.commit(1)
        device.journal.progress(device.state, 0x123456)
        kind, at, length = device.flash.log[-1]
        half = bytes([0x50, 0x56, 0x34, 0x12, 0x32, 0x54, 0x76, 0x98])
        record = half + bytes([byte ^ 0xFF for byte in half])
        stored = bytes(device.memory[at : at + length])
        assert (kind, stored) == (PROGRAM, record + bytes(-len(record) % write_size)), write_size


def test_a_state_record_s_crc_is_over_all_of_it():
    for size, commits in ((FULL_RECORD_SIZE, 1), (RECORD_SIZE, 2)):
        device = Device()
        for version in range(commits):
            device.commit(version)
        _, at, _ = device.flash.log[-1]
        record = bytes(device.memory[at : at + size])
        assert int.from_bytes(record[-4:], "little") == crc32(record[:-4])
        # The last byte that it covers, of the trust anchors where there are any.
        device.memory[at + size - 5] ^= 1
        assert device.version() == (0 if commits == 2 else None)


def test_a_record_that_reads_well_by_luck_does_not_cost_the_one_before():
    # The first record of a bank is torn and flickers; the next session is cut in its erase.
    for seed in range(24):
        for operation in (1, 2):
            device = Device(units=3)
            device.commit(1)
            device.reset()
            device.flash._random = Random(seed)
            device.flash.arm(2, FLICKER, 256)
            raises(PowerCut, device.commit, 2)
            device.reset()
            device.flash.arm(operation, PREFIX, 200)
            raises(PowerCut, device.commit, 3)
            for _ in range(6):
                assert device.version() in (1, 2), seed


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


FULL = (FULL_RECORD_SIZE + WRITE - 1) // WRITE * WRITE  # a bank's first state record
SHORT = (RECORD_SIZE + WRITE - 1) // WRITE * WRITE  # those behind it
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


def test_progress_behind_the_newest_record_is_told():
    device = Device()
    device.commit(1)
    device.journal.progress(device.state, 4096)
    assert device.reset().journal.progressed is True
    device.commit(2)
    assert device.reset().journal.progressed is False


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


def torn_commit(device, change):
    """Commit version 2, then have ``change(before, after)`` say what the flash holds of the record."""
    before = bytes(device.memory)
    device.commit(2)
    _, at, length = device.flash.log[-1]
    device.memory[at : at + length] = change(before[at : at + length], bytes(device.memory[at : at + length]))


def subset(before, after, chance):
    return bytes([before[i] ^ (before[i] ^ after[i]) & chance(256) for i in range(len(before))])


def test_a_state_record_cut_after_any_byte_is_as_if_it_had_never_been():
    for size, fresh in ((RECORD_SIZE, False), (FULL_RECORD_SIZE, True)):
        for cut in range(size + 1):
            device = Device()
            device.commit(1)
            if fresh:
                device.reset()
            torn_commit(device, lambda before, after, cut=cut: after[:cut] + before[cut:])
            version = device.version()
            # The CRC's last bytes may read as erased ones do.
            assert version == (2 if cut == size else 1) or cut > size - 4 and version == 2, (size, cut)


def test_a_state_record_of_any_part_of_its_bits_is_as_if_it_had_never_been():
    chance = Random(3)
    for fresh in (False, True):
        for _ in range(200):
            device = Device()
            device.commit(1)
            if fresh:
                device.reset()
            torn_commit(device, lambda before, after: subset(before, after, chance))
            assert device.version() == 1


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


def test_a_record_without_trust_anchors_needs_one_before_it_in_its_bank():
    device = Device()
    device.commit(1)
    device.commit(2)
    # As if the first record of the bank could not be read any more.
    short = bytes(device.memory[FULL : FULL + SHORT])
    device.memory[:] = b"\xff" * len(device.memory)
    device.memory[:SHORT] = short
    assert device.version() is None


def test_a_progress_record_without_any_one_of_its_bits_is_none():
    device = Device()
    device.commit(1)
    device.journal.progress(device.state, 0x5A3C96)
    at = FULL
    whole = bytes(device.memory[at : at + PROGRESS])
    assert device.reset().state.durable == 0x5A3C96
    cleared = 0
    for bit in range(8 * PROGRESS):
        mask = 1 << bit % 8
        if whole[bit // 8] & mask:
            continue
        cleared += 1
        device.memory[at + bit // 8] = whole[bit // 8] | mask
        assert device.reset().state.durable == 0, bit
        device.memory[at + bit // 8] = whole[bit // 8]
    assert cleared == 8 * PROGRESS // 2  # a complement has as many


def test_a_progress_record_of_any_part_of_its_bits_is_whole_or_none():
    device = Device()
    device.commit(1)
    device.journal.progress(device.state, 4096)
    at = FULL + PROGRESS
    device.journal.progress(device.state, 8192)
    whole = bytes(device.memory[at : at + PROGRESS])
    chance = Random(5)
    for cut in range(PROGRESS + 1):
        # A byte of 0xFF needs no programming: the record is whole before its last such bytes.
        torn = whole[:cut] + b"\xff" * (PROGRESS - cut)
        device.memory[at : at + PROGRESS] = torn
        assert device.reset().state.durable == (8192 if torn == whole else 4096), cut
    for _ in range(300):
        torn = subset(b"\xff" * PROGRESS, whole, chance)
        device.memory[at : at + PROGRESS] = torn
        assert device.reset().state.durable == (8192 if torn == whole else 4096)


def test_nothing_is_programmed_behind_a_torn_record():
    for effect, amount in ((NOTHING, 0), (PREFIX, 100), (BITS, 128)):
        device = Device()
        device.commit(1)
        device.flash.arm(device.flash.operations + 1, effect, amount)
        raises(PowerCut, device.commit, 2)
        device.reset()
        device.commit(3)
        device.journal.progress(device.state, 5)
        assert [entry[1] // SIZE for entry in device.flash.log] == [1, 1, 1]
        assert device.version() == 3 and device.state.durable == 5


def test_a_record_that_becomes_readable_again_later_stays_dead():
    seen = set()
    for seed in range(12):
        device = Device()
        device.flash._random = Random(seed)
        device.commit(1)
        device.flash.arm(device.flash.operations + 1, FLICKER, 256)
        raises(PowerCut, device.commit, 2)
        read = device.version()
        assert read in (1, 2)
        device.commit(10 + read)
        seen.add(read)
        shown = set()
        for _ in range(8):
            assert device.version() == 10 + read
            shown.add(device.flash._shown[0])
        assert len(shown) == 2  # it did come and go
    assert seen == set([1, 2])


def test_progress_that_becomes_readable_again_later_stays_dead():
    for seed in range(12):
        device = Device()
        device.flash._random = Random(seed)
        device.commit(1)
        device.journal.progress(device.state, 4096)
        device.flash.arm(device.flash.operations + 1, FLICKER, 256)
        raises(PowerCut, device.journal.progress, device.state, 8192)
        read = device.reset().state.durable
        assert read in (4096, 8192)
        device.commit(1)
        for _ in range(8):
            assert device.reset().state.durable == read


def test_a_torn_erase_of_the_next_bank_costs_nothing():
    for effect, amount in ((NOTHING, 0), (PREFIX, 3), (PREFIX, 128), (BITS, 12), (BITS, 128), (BITS, 250)):
        device = Device()
        for version in range(1, 6):  # the next bank holds an old record
            device.reset()
            device.commit(version)
        device.reset()
        device.flash.arm(1, effect, amount)
        raises(PowerCut, device.commit, 6)
        assert device.version() == 5
        device.commit(7)
        assert device.version() == 7


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


def test_wear_one_erase_a_session_and_one_for_each_full_bank():
    for sessions, commits in ((1, 1), (1, 9), (5, 1), (5, 9), (3, 40)):
        device = Device()
        for _ in range(sessions):
            device.reset()
            for version in range(commits):
                device.commit(version)
        assert device.flash.erases == sessions * ((commits + IN_A_BANK - 1) // IN_A_BANK)
