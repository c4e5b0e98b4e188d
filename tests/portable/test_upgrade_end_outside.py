"""Activation by an event outside the cluster: no server may say when."""

from firmware_agent.protocol import states
from tests.portable.scripted import ANY, ANY_VERSION, END, FOREVER, HOUR, NOW, Rig, end_response, gaps

NOT_AUTHORIZED = b"\x10\x04\x0b\x07\x7e"


def outside():
    return Rig(upgrade_activation_policy=1, end_tries=3)


# rule: end-outside-refused
def test_no_server_may_say_when_if_only_an_event_outside_may():
    for current, upgrade in ((0, 0), (0, 9), (NOW, NOW), (NOW, NOW + 9), (NOW, NOW - 1)):
        rig = outside().ending()
        rig.take()
        rig.hear(end_response(current, upgrade))
        assert rig.state == states.WAITING and rig.take_reply()[12:] == NOT_AUTHORIZED
        rig.hear(end_response(current, upgrade, ANY_VERSION, ANY, ANY), broadcast=True)
        assert rig.state == states.WAITING and rig.quiet(), "never to a broadcast"


# rule: end-outside
def test_hold_for_an_event_outside_is_what_the_server_may_say():
    """GBCS: all wildcards, wait for CS06."""
    rig = outside().ending()
    rig.take()
    rig.hear(end_response(FOREVER, FOREVER, ANY_VERSION, ANY, ANY))
    assert rig.state == states.WAITING and rig.quiet() and rig.client.upgrade_status() == 6
    rig.pass_time(HOUR)
    assert rig.take().command == END, "it is asked once an hour what it thinks"


# rule: end-outside
def test_event_outside_activates():
    for rig in (outside().waiting(), outside().ending()):
        rig.asked.clear()
        assert rig.client.activate()
        assert rig.state == states.ACTIVATING and rig.quiet()
        rig.hear(end_response(NOW, FOREVER))
        rig.hear(end_response(0, 100))
        assert rig.state == states.ACTIVATING, "no server takes it back"
        assert rig.take_reply()[12:] == NOT_AUTHORIZED


def test_event_outside_does_not_count_without_a_verified_image_or_by_the_other_policy():
    for rig in (
        outside(),
        outside().downloading(),
        outside().verifying(),
        outside().reporting(),
        Rig().waiting(),
    ):
        before = rig.state
        assert not rig.client.activate() and rig.state == before


# rule: end-outside-silence
def test_silence_never_activates_if_only_an_event_outside_may():
    rig = outside().ending()
    rig.pass_time(100 * HOUR)
    assert rig.state in (states.WAITING, states.ENDING)
    assert max(gaps([request.time for request in rig.asked[3:]])) <= HOUR + 14000
