"""The table is the law: every entry happens, and nothing happens that has no entry."""

from firmware_agent.protocol import states
from tests.portable.scripted import (
    FOREVER,
    HOUR,
    NO_IMAGE,
    NOW,
    Rig,
    block_status,
    default_response,
    end_response,
    notify,
    offer,
)


class RecordedRig(Rig):
    """Notes every transition that the client makes, into one set for all rigs of a test."""

    def __init__(self, seen, **settings):
        Rig.__init__(self, **settings)
        move = self.client.move

        def recorded(event):
            seen.add((self.client.state, event))
            move(event)

        self.client.move = recorded


def walk(seen):
    """Stories that together take every way there is."""

    def rig(**settings):
        return RecordedRig(seen, **settings)

    # A query that brings nothing; one that brings an offer that the store does not want.
    here = rig()
    here.query()
    here.hear(NO_IMAGE)
    here.hear(notify())
    here.on_offer = "decline"
    here.hear(offer())
    # A download that the server ends, that goes on, is given up, and goes on with blocks.
    here = rig(block_tries=1, query_tries=1).downloading(1)
    here.hear(block_status(0x95))
    here.pass_time(10 * HOUR)
    # Notify while downloading; a refusal; its report.
    here = rig().downloading(1)
    here.hear(notify())
    here.answer()
    here = rig().reporting()
    here.hear(default_response(6, 0))
    # A slot that does not prove itself.
    here = rig().verifying()
    here.client.refused(0x96)
    # A file of several.
    here = rig().verifying()
    here.client.require_more()
    # A candidate found at boot.
    here = rig()
    here.client.complete()
    here.client.verified(False)
    # A download found at boot.
    here = rig()
    here.client.start_download(0, 63, 1000)
    # Held: polled, notified, told again; the server's word while a query is out.
    here = rig().waiting()
    here.pass_time(HOUR)
    for upgrade in (FOREVER, 100, FOREVER, 0, 100, FOREVER, FOREVER, 0, 0, FOREVER, 100, 200, 0):
        here.hear(end_response(0, upgrade))
    for upgrade in (FOREVER, 100, 0):
        here = rig().waiting()
        here.hear(notify())
        here.hear(end_response(0, upgrade))
        here.pass_time(200000)
    for upgrade in (FOREVER, 100, 0):
        here = rig().ending()
        here.hear(end_response(0, upgrade))
    # A query in between that brings nothing, the same, or something unwanted.
    for held in (False, True):
        for answer in ("decline", "have it"):
            here = rig().ending()
            if held:
                here.hear(end_response(NOW, FOREVER))
            here.hear(notify())
            here.pass_time(3000)
            here.on_offer = answer
            here.hear(offer())
        here = rig().ending()
        if held:
            here.hear(end_response(NOW, FOREVER))
        here.hear(notify())
        here.pass_time(3000)
        here.hear(NO_IMAGE)


def entries():
    """(state, event, state that follows)"""
    return {
        (state, event, states.follows(state, event))
        for state in range(states.STATES)
        for event in range(states.EVENTS)
        if states.allows(state, event)
    }


def test_every_entry_of_the_table_is_reachable():
    seen = set()
    walk(seen)
    table = {entry[:2] for entry in entries()}
    assert table - seen == set(), "dead entries"
    assert seen - table == set()


def test_every_state_can_be_left_and_entered():
    assert {entry[0] for entry in entries()} == set(range(states.STATES))
    assert {entry[2] for entry in entries()} == set(range(states.STATES))
    assert len(states.UPGRADE_STATUS) == states.STATES


def test_table_has_a_cell_for_each_state_and_event():
    cells = states.TRANSITIONS.split()
    assert len(cells) == states.STATES * states.EVENTS
    for state in range(states.STATES):
        for event in range(states.EVENTS):
            cell = cells[state * states.EVENTS + event]
            assert states.follows(state, event) == (-2 if cell == b"." else int(cell))


def test_event_without_an_entry_is_refused():
    client = Rig().client
    assert states.allows(states.IDLE, states.QUERY) and not states.allows(states.IDLE, states.APPLY)
    try:
        client.move(states.APPLY)
    except KeyError:
        assert client.state == states.IDLE
        return
    raise AssertionError("moved")


def test_image_upgrade_status_of_every_state():
    """ZCL r8, 11.10.7: 0 normal, 1 in progress, 2 complete, 3 waiting, 4 count down, 5 wait for more, 6
    waiting for an event outside the cluster."""
    querying = Rig()
    querying.query()
    countdown, activating = Rig().waiting(), Rig().waiting()
    countdown.hear(end_response(0, 9))
    activating.hear(end_response(0, 0))
    for rig, state, status in (
        (Rig(), states.IDLE, 0),
        (querying, states.QUERYING, 0),
        (Rig().downloading(), states.DOWNLOADING, 1),
        (Rig().verifying(), states.VERIFYING, 1),
        (Rig().reporting(), states.REPORTING, 0),
        (Rig().ending(), states.ENDING, 2),
        (Rig().waiting(), states.WAITING, 3),
        (countdown, states.COUNTDOWN, 4),
        (activating, states.ACTIVATING, 4),
    ):
        assert rig.state == state and rig.client.upgrade_status() == status
    part = Rig().verifying()
    part.client.require_more()
    assert part.state == states.REPORTING and part.client.upgrade_status() == 5
    outside = Rig(upgrade_activation_policy=1).waiting()
    assert outside.state == states.WAITING and outside.client.upgrade_status() == 6
    outside.hear(notify())
    assert outside.state == states.QUERYING and outside.client.upgrade_status() == 6
