"""The end of an upgrade: what the answer to Upgrade End says, whom it concerns, and none at all."""

from firmware_agent.protocol import session as ss
from firmware_agent.protocol import states
from tests.portable.scripted import (
    ANY,
    ANY_VERSION,
    END,
    FOREVER,
    HOUR,
    NEW,
    NO_IMAGE,
    NOW,
    QUERY,
    Rig,
    default_response,
    end_response,
    gaps,
    identity_bytes,
    notify,
    offer,
)

INVALID_IMAGE = b"\x10\x04\x0b\x07\x96"


def answered(frame, **where):
    """A rig whose Upgrade End Request was answered by ``frame``."""
    rig = Rig().ending()
    rig.take()
    rig.hear(frame, **where)
    return rig


# rule: end-now
def test_time_0_is_now():
    """zigpy: current and upgrade time both 0."""
    rig = answered(end_response(0, 0))
    assert rig.state == states.ACTIVATING and rig.quiet() and rig.client.poll_timeout() == -1


def test_the_current_time_is_now():
    assert answered(end_response(NOW, NOW)).state == states.ACTIVATING


# rule: end-offset
def test_current_0_makes_the_upgrade_time_an_offset():
    """herdsman: apply in 1 s."""
    rig = answered(end_response(0, 1))
    assert rig.state == states.COUNTDOWN and ss.COUNTING in rig.actions and rig.client.end.countdown == 1
    rig.pass_time(999)
    assert rig.state == states.COUNTDOWN
    rig.pass_time(1)
    assert rig.state == states.ACTIVATING and rig.quiet()


# rule: end-difference
def test_countdown_to_a_utc_time():
    rig = answered(end_response(NOW, NOW + 3 * 24 * 3600 + 7))
    due = (3 * 24 * 3600 + 7) * 1000
    rig.pass_time(due - 1)
    assert rig.state == states.COUNTDOWN and rig.quiet() and rig.client.upgrade_status() == 4
    rig.pass_time(1)
    assert rig.state == states.ACTIVATING


def test_countdown_deadlines_are_small_integers():
    rig = answered(end_response(0, 0x7FFFFFFF))
    assert rig.client.end.countdown == 0x7FFFFFFF
    assert 0 < rig.client.poll_timeout() < 1 << 30


# rule: end-passed
def test_upgrade_time_that_has_passed_holds():
    for current, upgrade in ((NOW, NOW - 1), (NOW, 0), (FOREVER, NOW)):
        rig = answered(end_response(current, upgrade))
        assert rig.state == states.WAITING and rig.client.poll_timeout() == HOUR


# rule: end-hold, end-poll
def test_hold_polls_every_hour_until_answered():
    rig = answered(end_response(NOW, FOREVER))
    assert rig.state == states.WAITING and ss.HELD in rig.actions and rig.client.upgrade_status() == 3
    times = [rig.now]
    for _ in range(20):
        rig.pass_time(HOUR)
        request = rig.take()
        assert request.command == END and request.status == 0
        times.append(request.time)
        rig.hear(end_response(NOW, FOREVER))
    assert gaps(times) == 20 * [HOUR]
    rig.hear(end_response(NOW, NOW + 5))
    assert rig.state == states.COUNTDOWN


# rule: end-retimed
def test_response_may_retime_a_countdown_and_a_pending_activation():
    rig = answered(end_response(0, 100))
    rig.pass_time(50000)
    rig.hear(end_response(0, 200))
    rig.pass_time(199999)
    assert rig.state == states.COUNTDOWN
    rig.pass_time(1)
    assert rig.state == states.ACTIVATING
    rig.hear(end_response(0, 10))
    assert rig.state == states.COUNTDOWN
    rig.hear(end_response(0, 0))
    rig.hear(end_response(0, 0))
    assert rig.state == states.ACTIVATING
    rig.hear(end_response(0, FOREVER))
    assert rig.state == states.WAITING
    rig.hear(end_response(0, 0))
    assert rig.state == states.ACTIVATING


def test_countdown_turned_into_a_hold_does_not_fall_due():
    rig = answered(end_response(0, 100))
    rig.hear(end_response(0, FOREVER))
    rig.pass_time(200000)
    assert rig.state == states.WAITING


# rule: end-ids
def test_wildcards_concern_this_image():
    for response in (
        end_response(0, 0, ANY_VERSION),
        end_response(0, 0, NEW, ANY),
        end_response(0, 0, NEW, 0x1234, ANY),
        end_response(0, 0, ANY_VERSION, ANY, ANY),
    ):
        assert answered(response).state == states.ACTIVATING


# rule: end-gb-wildcards
def test_response_of_wildcards_alone_holds():
    """A GB Communications Hub's: current time and upgrade time are 0xFFFFFFFF, too."""
    rig = answered(end_response(FOREVER, FOREVER, ANY_VERSION, ANY, ANY))
    assert rig.state == states.WAITING and rig.client.upgrade_status() == 3
    rig.pass_time(HOUR - 1)
    assert rig.quiet()


# rule: end-ids
def test_wrong_ids_are_ignored_and_the_request_is_repeated():
    for response in (
        end_response(0, 0, NEW + 1),
        end_response(0, 0, NEW, 0x1235),
        end_response(0, 0, NEW, 0x1234, 0x0085),
        end_response(0, 0, NEW + 1, ANY, ANY),
    ):
        rig = answered(response)
        assert rig.state == states.ENDING and rig.client.ignored == 1 and rig.quiet()
        rig.pass_time(3000)
        assert rig.take().command == END


# rule: end-broadcast
def test_broadcast_response_with_wildcards_ends_a_hold():
    rig = Rig().waiting()
    rig.hear(end_response(0, 0, ANY_VERSION, ANY, ANY), broadcast=True)
    assert rig.state == states.ACTIVATING and rig.quiet()


def test_short_responses_are_malformed():
    for length in range(3, 19):
        rig = answered(end_response(0, 0)[:length])
        assert rig.state == states.ENDING
        assert rig.take_reply()[12:] == b"\x10\x04\x0b\x07\x80"


# rule: end-unsolicited
def test_response_without_a_verified_image_is_answered_invalid_image():
    idle, querying = Rig(), Rig()
    querying.query()
    downloading, verifying = Rig().downloading(1), Rig().verifying()
    downloading.take()
    for rig in (idle, querying, downloading, verifying):
        before = rig.state
        rig.hear(end_response(0, 0))
        assert rig.state == before and rig.take_reply()[12:] == INVALID_IMAGE
        rig.hear(end_response(0, 0), broadcast=True)
        assert rig.state == before and rig.quiet(), "never to a broadcast"


# rule: end-between
def test_response_while_a_query_is_between_is_heard():
    for current, upgrade, state in (
        (0, 0, states.ACTIVATING),
        (0, 9, states.COUNTDOWN),
        (0, FOREVER, states.WAITING),
    ):
        rig = Rig().waiting()
        rig.hear(notify())
        assert rig.take().command == QUERY
        rig.hear(end_response(current, upgrade))
        assert rig.state == state and rig.quiet()


# rule: end-unanswered, hub-end-once
def test_unanswered_three_times_applies_by_policy_0():
    """Hubs answer Upgrade End once a session: what gets lost on the way is never said again."""
    rig = Rig(end_tries=3, upgrade_timeout_policy=0).ending()
    rig.pass_time(3000 + 4500 + 6499)
    assert [request.command for request in rig.asked] == [END, END, END] and rig.state == states.ENDING
    rig.pass_time(1)
    assert rig.state == states.ACTIVATING and len(rig.asked) == 3


# rule: end-unanswered
def test_unanswered_three_times_holds_by_policy_1():
    rig = Rig(end_tries=3, upgrade_timeout_policy=1).ending()
    rig.pass_time(14000)
    assert len(rig.asked) == 3 and rig.state == states.WAITING and ss.HELD in rig.actions
    rig.pass_time(100 * HOUR)
    assert rig.state in (states.WAITING, states.ENDING)
    assert max(gaps([request.time for request in rig.asked[3:]])) <= HOUR + 14000
    rig.hear(end_response(0, 0))
    assert rig.state == states.ACTIVATING


# rule: end-unanswered
def test_hold_unanswered_three_times_an_hour_apart_is_left_to_the_policy():
    for policy, state in ((0, states.ACTIVATING), (1, states.WAITING)):
        rig = Rig(end_tries=3, upgrade_timeout_policy=policy, hold_poll=HOUR).waiting()
        rig.pass_time(2 * HOUR + 10000)
        assert len(rig.asked) == 2 and rig.state == states.WAITING
        rig.pass_time(HOUR)
        assert len(rig.asked) == 3
        rig.pass_time(10000)
        assert rig.state == state


def test_answer_begins_the_count_of_tries_anew():
    rig = Rig(end_tries=3).waiting()
    for _ in range(10):
        rig.pass_time(2 * HOUR + 10000)
        assert len(rig.asked) == 2
        rig.asked.clear()
        rig.hear(end_response(NOW, FOREVER))
        assert rig.state == states.WAITING


# rule: end-hold-kept
def test_hold_survives_a_reset():
    rig = Rig(end_tries=3).verifying()
    rig.client.verified(True)
    rig.send()
    assert rig.take().command == END
    rig.pass_time(HOUR)
    assert rig.state == states.WAITING and rig.quiet(), "one try, then an hour's wait"


def test_silence_in_a_default_response_is_no_answer():
    rig = Rig().ending()
    rig.take()
    rig.hear(default_response(END, 0))
    rig.hear(default_response(END, 0x81))
    assert rig.state == states.ENDING and rig.client.ignored == 2


# rule: end-more
def test_file_of_several_asks_for_the_next_one():
    """REQUIRE_MORE_IMAGE: herdsman and the standard answer it by a Default Response, zigpy by "apply now"."""
    for answer in (default_response(END, 0), end_response(0, 0)):
        rig = Rig(first_query=2000).verifying()
        rig.dice = [1999]
        rig.client.require_more()
        rig.send()
        request = rig.take()
        assert request.status == 0x99 and request.payload[1:9] == identity_bytes()
        rig.hear(answer)
        assert rig.state == states.IDLE and ss.REFUSED not in rig.actions
        assert rig.client.upgrade_status() == 5 and rig.client.downloaded_file_version() == NEW
        rig.pass_time(1999)
        assert rig.quiet()
        rig.pass_time(1)
        assert rig.take().command == QUERY and rig.client.upgrade_status() == 5
        rig.hear(NO_IMAGE)
        assert rig.state == states.IDLE and rig.client.upgrade_status() == 5
        assert rig.client.poll_timeout() >= 24 * HOUR
        rig.hear(notify())
        rig.take()
        rig.file[:] = b""
        rig.hear(offer(0x00030000))
        assert rig.take().offset == 0 and rig.client.upgrade_status() == 1


# rule: end-more
def test_nothing_applies_a_file_of_several():
    rig = Rig().verifying()
    rig.client.require_more()
    rig.send()
    rig.pass_time(HOUR)
    assert [request.command for request in rig.asked[:4]] == [END, END, END, QUERY]
    rig.asked.clear()
    rig.hear(end_response(0, 0))
    assert rig.take_reply()[12:] == INVALID_IMAGE and rig.state != states.ACTIVATING


def test_notify_while_ending_leads_to_a_query_once_answered_or_timed_out():
    rig = Rig().ending()
    rig.take()
    rig.hear(notify())
    assert rig.quiet(), "never two requests outstanding"
    rig.hear(end_response(NOW, FOREVER))
    assert rig.take().command == QUERY

    rig = Rig().ending()
    rig.take()
    rig.hear(notify())
    rig.pass_time(3000)
    assert rig.take().command == QUERY
    rig.hear(NO_IMAGE)
    assert rig.take().command == END and rig.state == states.ENDING


# rule: offer-known-version
def test_same_offer_again_is_answered_by_upgrade_end():
    rig = Rig().waiting()
    rig.hear(notify())
    rig.take()
    rig.on_offer = "have it"
    rig.hear(offer())
    assert not rig.client.offers_the_same(), "there is nothing to go on with"
    request = rig.take()
    assert request.command == END and request.status == 0
    rig.hear(end_response(0, 0))
    assert rig.state == states.ACTIVATING


def test_same_offer_again_begins_the_count_of_tries_anew():
    rig = Rig(end_tries=3).waiting()
    rig.pass_time(2 * HOUR + 10000)
    rig.asked.clear()
    rig.hear(notify())
    rig.take()
    rig.on_offer = "have it"
    rig.hear(offer())
    rig.take()
    rig.pass_time(10000)
    assert rig.state == states.WAITING and rig.quiet()


def test_other_offer_while_held_is_fetched_at_once():
    rig = Rig().waiting()
    rig.hear(notify())
    rig.take()
    rig.file[:] = b""
    rig.hear(offer(0x00030000))
    assert rig.take().offset == 0
    rig.hear(end_response(0, 0, ANY_VERSION, ANY, ANY))
    assert rig.take_reply()[12:] == INVALID_IMAGE and rig.state == states.DOWNLOADING
