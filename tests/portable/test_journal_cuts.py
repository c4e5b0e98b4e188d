"""What a loss of power makes of the journal's records and banks."""

from firmware_agent.store.state import FULL_RECORD_SIZE, RECORD_SIZE
from hal.sim.cut_flash import BITS, FLICKER, NOTHING, PREFIX, PowerCut, Random
from tests.portable.bench import raises
from tests.portable.journal_device import FULL, PROGRESS, SIZE, Device

HEAP = "2M"  # erase units of 64 KiB


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
