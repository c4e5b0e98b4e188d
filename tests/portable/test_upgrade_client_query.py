"""The upgrade client: what makes it query, and what it makes of the offers."""

from firmware_agent.protocol import session as ss
from firmware_agent.protocol import states
from tests.portable.scripted import (
    BLOCK_REQUEST,
    END,
    HOUR,
    IMAGE,
    NO_IMAGE,
    NOW,
    OLD,
    QUERY,
    Rig,
    block,
    default_response,
    end_response,
    identity_bytes,
    notify,
    offer,
)

# Image Notify


# rule: no-image, hub-second-notify
def test_query_answered_0x98_is_followed_by_a_second_notify():
    """Both hubs: the first query is always answered with "no image", and Notify comes again."""
    rig = Rig()
    rig.query()
    rig.hear(NO_IMAGE)
    assert rig.state == states.IDLE
    rig.hear(notify())
    assert rig.take().command == QUERY
    rig.hear(NO_IMAGE)
    rig.pass_time(1000)
    rig.hear(notify(tsn=2))
    assert rig.take().command == QUERY
    rig.hear(offer())
    assert rig.take().command == BLOCK_REQUEST


# rule: notify-unicast-lenient, hub-notify-no-response
def test_no_default_response_to_a_notify():
    """It kills an update from herdsman, which sends Notify with and without the disable bit in its time."""
    for control in (0x19, 0x09):
        rig = Rig()
        rig.hear(notify(control=control))
        assert rig.take().command == QUERY and not rig.replies


# rule: notify-unicast, notify-unicast-lenient
def test_unicast_notify_leads_to_a_query_whatever_it_says():
    for frame in (
        notify(),
        notify(jitter=0),
        notify(jitter=255),
        notify(1, 1, b"\x99\x99"),
        notify(2, 1, b"\x99\x99\x01\x00"),
        notify(3, 1, b"\x34\x12\x84\x00\x00\x00\x01\x00"),
        notify(7, 100),
    ):
        rig = Rig()
        rig.dice = [99]
        rig.hear(frame)
        assert rig.take().command == QUERY and rig.client.unicast
        assert ss.NOTIFIED in rig.actions


# rule: notify-unicast-lenient
def test_notify_of_no_known_length_is_malformed():
    for rest in (b"\x01", b"\x01\x02\x03", bytes(20)):
        rig = Rig()
        rig.hear(notify(rest=rest))
        assert not rig.asked and rig.take_reply()[12:] == b"\x10\x01\x0b\x00\x80"


# rule: notify-manufacturer, notify-image-type
def test_broadcast_notify_that_concerns_the_device():
    mine, any_id = b"\x34\x12", b"\xff\xff"
    for rest in (
        b"",
        mine,
        any_id,
        mine + b"\x84\x00",
        any_id + any_id,
        mine + b"\x84\x00" + b"\x00\x00\x02\x00",
        mine + b"\x84\x00" + b"\xff\xff\xff\xff",
    ):
        kind = {0: 0, 2: 1, 4: 2, 8: 3}[len(rest)]
        rig = Rig()
        rig.hear(notify(kind, 100, rest), broadcast=True)
        assert rig.take().command == QUERY and not rig.replies and not rig.client.unicast


# rule: notify-broadcast-invalid, notify-manufacturer, notify-image-type, notify-version
def test_broadcast_notify_that_does_not_is_dropped_in_silence():
    mine = b"\x34\x12\x84\x00"
    for frame in (
        notify(0, 0),
        notify(0, 101),
        notify(0, 255),
        notify(4, 100),
        notify(0, 100, b"\x34\x12"),
        notify(1, 100),
        notify(3, 100, mine),
        notify(1, 100, b"\x35\x12"),
        notify(2, 100, b"\x34\x12\x85\x00"),
        notify(3, 100, mine + b"\x00\x00\x01\x00"),
        b"\x19\x01\x00",
        b"\x19\x01\x00\x00",
    ):
        rig = Rig()
        rig.hear(frame, broadcast=True)
        assert rig.quiet() and rig.client.ignored == 1 and rig.state == states.IDLE


# rule: notify-version
def test_broadcast_notify_about_what_is_being_fetched_is_dropped():
    rig = Rig().downloading()
    rig.take()
    rig.hear(notify(3, 100, identity_bytes()), broadcast=True)
    rig.hear(block(0, IMAGE[:63]))
    assert rig.take().command == BLOCK_REQUEST


# rule: notify-jitter
def test_query_jitter_decides_with_a_random_number():
    for jitter, dice, queries in (
        (1, 0, True),
        (1, 1, False),
        (50, 49, True),
        (50, 50, False),
        (100, 99, True),
    ):
        rig = Rig()
        rig.dice = [dice]
        rig.hear(notify(0, jitter), broadcast=True)
        assert bool(rig.asked) == queries


def test_notify_while_downloading_leads_to_a_query_after_the_outstanding_block():
    rig = Rig().downloading(2)
    request = rig.take()
    rig.hear(notify())
    assert rig.quiet() and rig.state == states.DOWNLOADING
    rig.hear(block(request.offset, IMAGE[126:189]))
    assert rig.take().command == QUERY and len(rig.file) == 189
    assert rig.client.upgrade_status() == 1
    rig.on_offer = "go on"
    rig.hear(offer())
    assert rig.take().offset == 189


def test_notify_while_downloading_leads_to_a_query_when_the_block_is_lost():
    rig = Rig().downloading(2)
    rig.take()
    rig.hear(notify())
    rig.pass_time(3000)
    assert rig.take().command == QUERY
    rig.on_offer = "go on"
    rig.hear(offer())
    assert rig.take().offset == 126


def test_notify_while_waiting_for_the_next_block_leads_to_a_query_at_once():
    rig = Rig(minimum_block_period=1000).downloading()
    rig.answer()
    assert rig.quiet()
    rig.hear(notify())
    assert rig.take().command == QUERY


def test_notify_while_querying_is_remembered_until_the_answer():
    """Never two requests outstanding; a hub that says no and has notified meanwhile is asked again."""
    rig = Rig()
    rig.query()
    rig.hear(notify())
    assert rig.quiet()
    rig.hear(NO_IMAGE)
    rig.pass_time(1)
    assert rig.take().command == QUERY
    rig.hear(notify())
    rig.hear(offer())
    while rig.asked:
        assert rig.answer().command == BLOCK_REQUEST
    assert bytes(rig.file) == IMAGE, "the offer was the answer: no further query"


def test_notify_while_verifying_leads_to_a_query_once_verified():
    rig = Rig().verifying()
    rig.hear(notify())
    assert rig.quiet() and rig.state == states.VERIFYING
    rig.client.verified(False)
    rig.send()
    assert rig.take().command == QUERY and rig.client.upgrade_status() == 2
    rig.on_offer = "have it"
    rig.hear(offer())
    assert rig.take().command == END
    assert rig.state == states.ENDING


def test_notify_while_verifying_leads_to_a_query_after_a_refusal():
    rig = Rig().verifying()
    rig.hear(notify())
    rig.client.refused(0x96)
    rig.send()
    assert rig.take().status == 0x96
    rig.hear(default_response(END, 0))
    rig.pass_time(1)
    assert rig.take().command == QUERY


def test_notify_while_reporting_leads_to_a_query_after_the_report():
    for answer in (default_response(END, 0), end_response(0, 0)):
        rig = Rig().reporting()
        rig.take()
        rig.hear(notify())
        assert rig.quiet() and rig.state == states.REPORTING
        rig.hear(answer)
        assert rig.state == states.IDLE and rig.client.poll_timeout() == 0
        rig.pass_time(1)
        assert rig.take().command == QUERY


def test_after_a_refusal_a_kept_download_goes_on_and_a_notify_is_not_forgotten():
    rig = Rig().reporting()
    rig.take()
    rig.hear(notify())
    rig.hear(default_response(END, 0))
    assert ss.REFUSED in rig.actions
    rig.client.restore(0x1234, 0x0084, 0x00030000)
    rig.client.start_download(400, 63, 800)
    rig.send()
    assert rig.take().command == QUERY
    rig.hear(NO_IMAGE)
    assert rig.client.base == ss.DOWNLOAD and rig.client.poll_timeout() == rig.settings.back_off


def test_notify_in_a_countdown_waits_for_the_next_word_of_the_server():
    rig = Rig().ending()
    rig.take()
    rig.hear(end_response(NOW, NOW + 100))
    rig.hear(notify())
    assert rig.quiet() and rig.state == states.COUNTDOWN
    rig.hear(end_response(NOW, 0xFFFFFFFF))
    assert rig.take().command == QUERY


def test_notify_leads_to_a_query_that_brings_nothing_and_the_hold_goes_on():
    for answer in (NO_IMAGE, offer(OLD), offer(manufacturer=0x9999), None):
        rig = Rig(hold_poll=HOUR, query_tries=3).waiting()
        began = rig.now
        rig.pass_time(1000)
        rig.hear(notify())
        assert rig.take().command == QUERY and rig.client.upgrade_status() == 3
        if answer is None:
            rig.pass_time(3000 + 4500 + 6500)
            rig.asked.clear()
        else:
            rig.hear(answer)
        assert rig.state == states.WAITING and not rig.asked
        rig.replies.clear()
        rig.pass_time(HOUR)
        request = rig.asked[0]
        assert request.command == END and request.time == began + HOUR, "the hour goes on meanwhile"


def test_declined_offer_while_held_goes_back_to_the_hold():
    rig = Rig().waiting()
    rig.hear(notify())
    rig.take()
    rig.on_offer = "decline"
    rig.hear(offer(0x00030000))
    assert rig.state == states.WAITING and rig.client.base == ss.CANDIDATE
    rig.hear(end_response(NOW, NOW))
    assert rig.state == states.ACTIVATING


# Offers


# rule: offer-identity, hub-plain-file
def test_offers_that_are_not_for_this_device():
    """herdsman with a plain file offers and serves any device's image: the device checks for itself."""
    for frame in (offer(manufacturer=0x9999), offer(image_type=2), offer(size=0)):
        rig = Rig()
        rig.query()
        rig.hear(frame)
        assert rig.state == states.IDLE and not rig.asked and not rig.actions[1:]
        assert rig.take_reply()[12:] == b"\x10\x02\x0b\x02\x85", "INVALID_FIELD"


# rule: offer-size
def test_offer_that_cannot_fit_is_told_so():
    for size, fits in ((5000, True), (5001, False), (0xFFFFFFFF, False)):
        rig = Rig()
        rig.client.space = 5000
        rig.query()
        rig.hear(offer(size=size))
        if fits:
            assert rig.take().command == BLOCK_REQUEST
        else:
            assert rig.state == states.IDLE and not rig.asked
            assert rig.take_reply()[12:] == b"\x10\x02\x0b\x02\x89", "INSUFFICIENT_SPACE"


# rule: offer-known-version
def test_offer_of_the_running_version_is_discarded_in_silence():
    rig = Rig()
    rig.query()
    rig.hear(offer(OLD))
    assert rig.state == states.IDLE and rig.quiet()


# rule: offer-lower-version
def test_offer_of_a_lower_version_is_the_servers_policy():
    rig = Rig()
    rig.query()
    rig.hear(offer(0x0000FFFF))
    assert rig.take().command == BLOCK_REQUEST


def test_short_offers_are_malformed_and_the_query_is_repeated():
    for length in range(3, 16):
        rig = Rig()
        rig.query()
        rig.hear(offer()[:length])
        assert rig.state == states.QUERYING
        assert rig.take_reply()[12:] == b"\x10\x02\x0b\x02\x80"
        rig.pass_time(3000)
        assert rig.take().command == QUERY


def test_offer_that_was_not_asked_for_is_ignored():
    rig = Rig()
    rig.hear(offer())
    assert rig.quiet() and rig.state == states.IDLE and rig.client.ignored == 1
    rig = Rig().downloading(1)
    rig.take()
    rig.hear(offer(0x00030000))
    assert rig.quiet() and rig.client.ignored == 1
    rig.hear(block(63, IMAGE[63:126]))
    assert bytes(rig.file) == IMAGE[:126]


# rule: not-authorized
def test_not_authorized_leaves_the_device_idle():
    rig = Rig()
    rig.query()
    rig.hear(b"\x19\x02\x02\x7e")
    assert rig.state == states.IDLE and rig.quiet()


# rule: resume-identity
def test_another_image_is_started_clean():
    rig = Rig().downloading(3)
    rig.hear(notify())
    rig.answer()
    rig.take()
    rig.file[:] = b""
    rig.hear(offer(0x00030000, size=77))
    request = rig.take()
    assert request.offset == 0 and request.payload[1:9] == identity_bytes(0x00030000)


# rule: resume-identity
def test_same_version_of_another_size_is_not_the_same_offer():
    rig = Rig().downloading(3)
    rig.hear(notify())
    rig.answer()
    rig.on_offer = "decline"
    rig.hear(offer(size=999))
    assert not rig.client.offers_the_same()
