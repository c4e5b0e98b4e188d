"""Servers without pages, and pages that a link loses."""

from firmware_agent.protocol import session as ss
from firmware_agent.protocol import states
from tests.portable.page_server import blocks_of, rig_with_pages, send
from tests.portable.scripted import BLOCK_REQUEST, IMAGE, PAGE_REQUEST, default_response, notify, offer


def test_refused_page_is_the_last_one():
    for status in (0x81, 0x80, 0x01, 0x7E):
        rig = rig_with_pages()
        rig.take()
        rig.hear(default_response(PAGE_REQUEST, status))
        while rig.asked:
            assert rig.answer().command == BLOCK_REQUEST
        assert bytes(rig.file) == IMAGE
        rig.client.refused(0x96)
        rig.send()
        rig.asked.clear()
        rig.hear(default_response(6, 0))
        rig.hear(notify())
        rig.take()
        rig.file[:] = b""
        rig.hear(offer(0x00030000))
        assert rig.take().command == BLOCK_REQUEST, "for good"


def test_default_response_that_says_success_is_no_refusal():
    rig = rig_with_pages()
    request = rig.take()
    rig.hear(default_response(PAGE_REQUEST, 0))
    rig.hear(default_response(BLOCK_REQUEST, 0x81))
    assert rig.client.ignored == 2 and rig.quiet()
    for offset, data in blocks_of(request):
        send(rig, offset, data)
    assert rig.take().command == PAGE_REQUEST


def test_blocks_after_a_refused_page_are_as_large_as_ever():
    rig = rig_with_pages(max_data_size=63)
    rig.take()
    rig.hear(default_response(PAGE_REQUEST, 0x81))
    assert [rig.answer().size for _ in range(15)] == 15 * [63]


def test_silence_to_the_first_page_gives_pages_up():
    rig = rig_with_pages(response_timeouts=(3000, 4500))
    rig.take()
    rig.pass_time(3000)
    while rig.asked:
        assert rig.answer().command == BLOCK_REQUEST
    assert bytes(rig.file) == IMAGE


def test_silence_to_a_later_page_is_a_lost_request():
    rig = rig_with_pages()
    for offset, data in blocks_of(rig.take()):
        send(rig, offset, data)
    assert rig.take().command == PAGE_REQUEST
    rig.pass_time(3000)
    for _ in range(6):
        assert rig.answer().command == BLOCK_REQUEST
    assert rig.take().command == PAGE_REQUEST


def test_page_that_was_cut_by_a_lost_link_is_gone_on_with():
    rig = rig_with_pages()
    rig.take()
    send(rig, 0, IMAGE[:50])
    send(rig, 100, IMAGE[100:150])
    rig.client.rejoined()
    rig.send()
    request = rig.take()
    assert request.command == BLOCK_REQUEST and request.offset == 50 and request.size == 50


def test_page_that_a_lost_link_swallowed_is_asked_for_again():
    rig = rig_with_pages()
    rig.take()
    for _ in range(3):
        rig.client.rejoined()
        rig.send()
        assert rig.take().command == PAGE_REQUEST
    rig.pass_time(3000)
    assert rig.take().command == BLOCK_REQUEST


def test_lost_block_requests_for_a_hole_end_in_back_off():
    for after_the_link in (False, True):
        rig = rig_with_pages(block_tries=4, response_timeouts=(3000,))
        rig.take()
        send(rig, 0, IMAGE[:50])
        if after_the_link:
            rig.client.rejoined()
            rig.send()
        else:
            send(rig, 250, IMAGE[250:300])
        rig.pass_time(4 * 3000 - 1)
        assert [request.offset for request in rig.asked] == 4 * [50]
        rig.pass_time(1)
        assert rig.state == states.IDLE and rig.client.base == ss.DOWNLOAD
