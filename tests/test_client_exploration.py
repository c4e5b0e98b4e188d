"""The walk through every reachable (state, event) pair of the upgrade client; what it must find, it finds."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from firmware_agent.protocol import states
from tools import explore_client, layout, transitions
from tools.exploration import bugs, explorer

# The other configurations take as long again each: `make explore`.
QUICK = ["page requests", "block requests", "a file for this device", "a server that is silent"]
# Shown by the walk's end alone; see test_an_entry_that_was_not_taken_is_told.
WHOLE_WALK = {"an entry that nothing takes"}
HUNTED = [bug for bug in bugs.BUGS if bug.name not in WHOLE_WALK]


def test_nothing_breaks_whatever_a_server_sends_in_any_state():
    total = explorer.Tally()
    for name, tally in explore_client.walks(QUICK):
        print(f"{name}: {tally.line()}")
        assert tally.failures == [], name
        assert tally.states > 2000 and tally.pairs > 100 * tally.states // 4, name
        total.add(tally)
    table = transitions.entries()
    assert total.untaken() == set()
    assert total.moves <= table and not total.moves & set(explorer.UNREACHABLE)


def test_an_entry_that_was_not_taken_is_told():
    tally = explorer.Tally()
    tally.moves = transitions.entries()
    assert tally.untaken() == set()
    tally.moves.remove((states.VERIFYING, states.VERIFIED))
    assert tally.untaken() == {(states.VERIFYING, states.VERIFIED)}


@pytest.fixture(scope="module")
def hunts():
    """What came of each hunt; two go on at a time."""
    with ThreadPoolExecutor(2) as pool:
        yield {bug.name: pool.submit(bugs.hunt, bug) for bug in HUNTED}


@pytest.mark.parametrize("bug", HUNTED, ids=lambda bug: bug.name)
def test_a_seeded_bug_is_found(bug, hunts):
    assert hunts[bug.name].result()[1]


def test_each_seeded_bug_is_one():
    for bug in bugs.BUGS:
        assert (layout.ROOT / bug.path).read_text().count(bug.line) == 1, bug.name
