"""The pace of pages, and what comes between a page's blocks."""

from firmware_agent.protocol import session as ss
from firmware_agent.protocol import states
from tests.portable.page_server import PAGE, blocks_of, rig_with_pages, send
from tests.portable.scripted import (
    BLOCK_REQUEST,
    HOUR,
    IMAGE,
    PAGE_REQUEST,
    QUERY,
    block_status,
    notify,
    offer,
    wait_for_data,
)


def test_spacing_is_not_less_than_the_minimum_block_period():
    for period, spacing in ((0, 50), (49, 50), (51, 51), (0xFFFE, 0xFFFE)):
        rig = rig_with_pages(response_spacing=50, minimum_block_period=period)
        assert rig.take().page == (PAGE, spacing)


def test_next_page_waits_for_the_minimum_block_period():
    rig = rig_with_pages(minimum_block_period=700)
    for offset, data in blocks_of(rig.take()):
        rig.pass_time(700)
        send(rig, offset, data)
    rig.pass_time(699)
    assert rig.quiet()
    rig.pass_time(1)
    assert rig.take().command == PAGE_REQUEST


def test_wait_for_data_in_answer_to_a_page():
    rig = rig_with_pages()
    rig.take()
    rig.hear(wait_for_data(0, 60))
    rig.pass_time(59999)
    assert rig.quiet()
    rig.pass_time(1)
    request = rig.take()
    assert request.command == PAGE_REQUEST and request.offset == 0
    for offset, data in blocks_of(request):
        send(rig, offset, data)
    assert bytes(rig.file) == IMAGE[:300]


def test_wait_for_data_in_the_middle_of_a_page():
    rig = rig_with_pages()
    rig.take()
    send(rig, 0, IMAGE[:50])
    send(rig, 200, IMAGE[200:250])
    rig.hear(wait_for_data(0, 60, 1000))
    rig.pass_time(59999)
    assert rig.quiet()
    rig.pass_time(1)
    request = rig.take()
    assert request.command == BLOCK_REQUEST and request.offset == 50


def test_wait_for_data_shows_that_the_server_has_pages():
    rig = rig_with_pages()
    rig.take()
    rig.hear(wait_for_data(0, 60))
    rig.pass_time(60000 + 3000)
    rig.asked.clear()
    rig.hear(block_status(0x95))
    rig.pass_time(30000)
    rig.take()
    rig.hear(offer())
    assert rig.take().command == PAGE_REQUEST


def test_notify_in_a_page_leads_to_a_query_after_it():
    rig = rig_with_pages()
    answers = blocks_of(rig.take())
    send(rig, answers[0][0], answers[0][1])
    rig.hear(notify())
    for offset, data in answers[1:]:
        assert rig.quiet(), "never two requests outstanding"
        send(rig, offset, data)
    assert rig.take().command == QUERY
    rig.on_offer = "go on"
    rig.hear(offer())
    request = rig.take()
    assert request.command == PAGE_REQUEST and request.offset == 300


def test_abort_in_a_page_keeps_progress():
    rig = rig_with_pages()
    rig.take()
    send(rig, 0, IMAGE[:50])
    rig.hear(block_status(0x95))
    assert rig.state == states.IDLE and rig.client.base == ss.DOWNLOAD
    rig.pass_time(HOUR)
    assert bytes(rig.file) == IMAGE[:50]
