"""The journal's records: what a state holds, and each one's bytes."""

from binascii import crc32

from firmware_agent.store import state as states
from firmware_agent.store.state import FULL_RECORD_SIZE, RECORD_SIZE, State
from hal.sim.cut_flash import PROGRAM
from tests.portable.journal_device import FULL, GEOMETRIES, SHORT, Device, fields

HEAP = "2M"  # erase units of 64 KiB


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


def test_a_record_without_trust_anchors_needs_one_before_it_in_its_bank():
    device = Device()
    device.commit(1)
    device.commit(2)
    # As if the first record of the bank could not be read any more.
    short = bytes(device.memory[FULL : FULL + SHORT])
    device.memory[:] = b"\xff" * len(device.memory)
    device.memory[:SHORT] = short
    assert device.version() is None
