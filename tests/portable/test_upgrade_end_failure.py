"""The end of an upgrade that failed: reported, and never applied."""

from firmware_agent.protocol import session as ss
from firmware_agent.protocol import states
from tests.portable.scripted import END, HOUR, Rig, default_response, end_response

INVALID_IMAGE = b"\x10\x04\x0b\x07\x96"


# rule: hub-end-failure
def test_never_applies_after_a_failure_even_if_told_apply_now():
    """zigpy answers an Upgrade End Request with status 0x96 by an Upgrade End Response, time 0."""
    rig = Rig().reporting(0x96)
    assert rig.take().status == 0x96
    rig.hear(end_response(0, 0))
    assert rig.state == states.IDLE and ss.REFUSED in rig.actions and rig.quiet()
    rig.hear(end_response(0, 0))
    assert rig.state == states.IDLE and rig.take_reply()[12:] == INVALID_IMAGE
    rig.pass_time(HOUR)
    assert rig.state == states.IDLE


# rule: hub-end-failure-told
def test_failure_is_reported_until_a_default_response_comes():
    """herdsman, and the standard."""
    for status in (0, 0x01):
        rig = Rig().reporting(0x95)
        assert rig.take().status == 0x95
        rig.hear(default_response(END, status))
        assert rig.state == states.IDLE and ss.REFUSED in rig.actions and rig.quiet()


def test_failure_that_nobody_wants_to_hear():
    rig = Rig(end_tries=3).reporting()
    rig.pass_time(14000)
    assert [request.status for request in rig.asked] == [0x96, 0x96, 0x96]
    assert rig.state == states.IDLE and rig.actions.count(ss.REFUSED) == 1


def test_refused_after_verification_reports_the_image():
    rig = Rig().verifying()
    rig.client.refused(0x96)
    rig.send()
    request = rig.take()
    assert request.command == END and request.status == 0x96
    assert rig.client.downloaded_file_version() == 0xFFFFFFFF


def test_success_after_an_earlier_failure_is_reported_as_success():
    rig = Rig().reporting(0x96)
    rig.offered_after_failure(0x00030000)
    while rig.asked:
        rig.answer(version=0x00030000)
    rig.client.verified(False)
    rig.send()
    assert rig.take().status == 0
