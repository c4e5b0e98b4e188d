"""docs/store.md says what the code does: bytes, tables and counts."""

import re

import pytest

from firmware_agent import boot
from firmware_agent.store import state as states
from firmware_agent.store.state import State
from tests import store_costs
from tools import layout

PAGE = (layout.ROOT / "docs/store.md").read_text()
HOST = store_costs.GEOMETRIES[0]


def test_the_table_of_costs_is_what_is_counted():
    assert store_costs.table() in PAGE


@pytest.mark.parametrize("size", [24 * 1024, 26_001, 28 * 1024, 32 * 1024])
def test_a_clean_update_is_six_records_and_two_for_each_unit(size):
    costs = store_costs.clean_update(HOST, size)
    assert costs.state_records == 6
    assert costs.slot_erases == costs.slot_units
    # The image may end within its last unit's first page.
    last = costs.image % HOST[0]
    assert costs.progress_records == 2 * costs.slot_units - (0 < last <= 256)
    assert costs.journal_erases == 1
    assert costs.amplification <= 1.05


def test_a_power_on_erases_one_bank_and_a_journal_lasts():
    assert store_costs.journal_erases_of_a_boot(HOST) == 1
    days = HOST[3] * store_costs.ENDURANCE * 10 / 86_400
    assert f"in {days:.0f} days" in PAGE
    assert f"last {int(store_costs.slot_years()):,} years" in PAGE
    assert store_costs.journal_years(HOST) > 1000


def test_the_fields_of_a_state_record_are_where_the_table_says():
    rows = re.findall(r"^\| (\d+) \| (\d+) \| `(\w+)` \|", PAGE, re.MULTILINE)
    blank = bytearray(states.FULL_RECORD_SIZE)
    State().pack_into(blank, False)
    named = set()
    for offset, size, name in ((int(row[0]), int(row[1]), row[2]) for row in rows):
        state = State()
        value = bytes(range(1, 33)) if name == "identity" else 1
        setattr(state, name, value)
        record = bytearray(states.FULL_RECORD_SIZE)
        state.pack_into(record, False)
        changed = [at for at in range(len(record)) if record[at] != blank[at]]
        assert changed[0] == offset and changed[-1] < offset + size, name
        named.add(name)
    assert named == set(State().__dict__) - {"accepted", "hold", "anchors"}


def test_the_flags_and_sizes_are_as_the_table_says():
    for name, flag in (("accepted", 1), ("hold", 2)):
        state = State()
        setattr(state, name, True)
        record = bytearray(states.FULL_RECORD_SIZE)
        state.pack_into(record, False)
        assert record[15] == flag
        state.pack_into(record, True)
        assert record[15] == flag | 4
    assert f"{states.RECORD_SIZE} bytes, or {states.FULL_RECORD_SIZE} with the trust anchors" in PAGE
    assert f"| … | {states.FULL_RECORD_SIZE - states.RECORD_SIZE} | `anchors` |" in PAGE


def test_the_states_are_numbered_as_in_the_table():
    rows = re.findall(r"^\| (\d) \| `(\w+)` \|", PAGE, re.MULTILINE)
    assert [(int(number), name) for number, name in rows] == list(enumerate(states.STATE_NAMES[:7]))


def test_the_boot_table_is_boot_s_own():
    own = re.findall(r"^\| .* \|$", boot.__doc__ or "", re.MULTILINE)[1:]
    page = [line for line in PAGE.splitlines() if line.startswith("|")]
    for line in own:
        line = line.replace("MAX_TRIAL_BOOTS", str(boot.MAX_TRIAL_BOOTS))
        line = line.replace("MAX_TRIAL_CRASHES", str(boot.MAX_TRIAL_CRASHES))
        line = line.replace("MAX_DOWNLOAD_CRASHES", str(boot.MAX_DOWNLOAD_CRASHES))
        for name in ("STAGED", "TRIAL", "FAILED", "WRITING", "CANDIDATE", "REJECTED"):
            line = line.replace(name, name.lower())
        assert line in page
    assert len(own) == 7
