"""Image Page Requests: blocks in any order, holes filled by Image Block Requests."""

from binascii import unhexlify

from firmware_agent.protocol import session as ss
from firmware_agent.protocol import states
from tests.portable.page_server import blocks_of, rig_with_pages, send
from tests.portable.scripted import (
    BLOCK_REQUEST,
    IMAGE,
    NEW,
    OLD,
    PAGE_REQUEST,
    QUERY,
    SIZE,
    Rig,
    block,
    block_status,
    notify,
    offer,
)


def serve(rig, lost=()):
    """Answer whatever is asked, but lose each block at ``lost`` once; (offset, length) of what arrived."""
    lost = list(lost)
    served = []
    while rig.asked:
        request = rig.asked.pop()
        if request.command == PAGE_REQUEST:
            answers = blocks_of(request)
        else:
            answers = [(request.offset, IMAGE[request.offset : request.offset + request.size])]
        for offset, data in answers:
            if offset in lost:
                lost.remove(offset)
            else:
                served.append((offset, len(data)))
                send(rig, offset, data)
        if not rig.asked and rig.state == states.DOWNLOADING:
            rig.pass_time(rig.client.poll_timeout())
    return served


def test_whole_file_by_pages():
    rig = rig_with_pages()
    pages = 0
    while rig.asked:
        request = rig.take()
        assert request.command == PAGE_REQUEST
        pages += 1
        for offset, data in blocks_of(request):
            assert rig.quiet(), "one request a page"
            send(rig, offset, data)
    assert pages == 4 and bytes(rig.file) == IMAGE and rig.state == states.VERIFYING
    assert rig.client.ignored == 0


# rule: page-request
def test_request_layout():
    rig = Rig(page_size=0x0123, max_data_size=0x3F, response_spacing=0x0132).downloading()
    frame = rig.take().frame
    assert frame[12] == 0x01 and frame[14] == 0x04
    expected = "00" + "34128400" + "00000200" + "00000000" + "3f" + "2301" + "3201"
    assert frame[15:] == unhexlify(expected)
    rig = Rig(page_size=0x0123, max_data_size=0x3F, request_node_address=True).downloading()
    expected = "01" + "34128400" + "00000200" + "00000000" + "3f" + "2301" + "3200" + "0102030405060708"
    assert rig.take().payload == unhexlify(expected)


# rule: hub-page-clamped
def test_page_ends_where_the_file_ends():
    """herdsman sends zero-length blocks for ever to a page that goes on behind the file."""
    rig = rig_with_pages()
    asked = []
    while rig.asked:
        request = rig.take()
        asked.append((request.offset, request.page[0]))
        for offset, data in blocks_of(request):
            send(rig, offset, data)
    assert asked == [(0, 300), (300, 300), (600, 300), (900, 100)]


def test_page_ends_where_the_store_wants_blocks_to_end():
    rig = rig_with_pages()
    rig.limit = 120
    serve_one = blocks_of(rig.take())
    for offset, data in serve_one:
        send(rig, offset, data)
    assert rig.take().page[0] == 120


def test_rest_of_one_block_is_asked_for_by_a_block_request():
    rig = rig_with_pages(page_size=SIZE - 20)
    for offset, data in blocks_of(rig.take()):
        send(rig, offset, data)
    request = rig.take()
    assert request.command == BLOCK_REQUEST and request.offset == SIZE - 20 and request.size == 20


def test_no_pages_unless_the_board_wants_them():
    assert Rig().downloading().take().command == BLOCK_REQUEST


def test_any_block_size_of_the_server():
    for step in (1, 7, 40, 50):
        rig = rig_with_pages()
        while rig.asked:
            for offset, data in blocks_of(rig.take(), step):
                send(rig, offset, data)
        assert bytes(rig.file) == IMAGE


# rule: page-holes
def test_holes_are_filled_by_block_requests_and_nothing_comes_twice():
    for lost in ([0], [50], [250], [0, 50], [100, 200], [250, 300], [0, 100, 200, 250], [950], [900, 950]):
        rig = rig_with_pages()
        served = serve(rig, lost)
        assert bytes(rig.file) == IMAGE, lost
        assert sum([length for _, length in served]) == SIZE, "no byte was sent twice"


def test_hole_is_asked_for_as_soon_as_the_last_block_is_there():
    rig = rig_with_pages()
    for offset, data in blocks_of(rig.take()):
        if offset != 100:
            send(rig, offset, data)
    request = rig.take()
    assert request.command == BLOCK_REQUEST and request.offset == 100 and request.size == 50
    assert request.time == 0 + rig.now
    send(rig, 100, IMAGE[100:150])
    assert len(rig.file) == 300
    assert rig.take().offset == 300


def test_hole_larger_than_a_block_is_asked_for_in_blocks():
    rig = rig_with_pages(max_data_size=40)
    rig.take()
    send(rig, 0, IMAGE[:40])
    send(rig, 130, IMAGE[130:170])
    send(rig, 260, IMAGE[260:300])
    asked = []
    while len(rig.file) < 300:
        request = rig.answer()
        assert request.command == BLOCK_REQUEST
        asked.append((request.offset, request.size))
    assert asked == [(40, 40), (80, 40), (120, 10), (170, 40), (210, 40), (250, 10)]
    assert bytes(rig.file) == IMAGE[:300]


def test_silence_ends_a_page_after_a_time_out_and_the_spacing():
    rig = rig_with_pages(response_spacing=50, response_timeouts=(3000, 4500))
    rig.take()
    send(rig, 0, IMAGE[:50])
    rig.pass_time(2000)
    send(rig, 50, IMAGE[50:100])
    rig.pass_time(3049)
    assert rig.quiet()
    rig.pass_time(1)
    request = rig.take()
    assert request.command == BLOCK_REQUEST and request.offset == 100
    assert rig.client.poll_timeout() == 3000, "what came was progress"


# rule: hub-pages
def test_blocks_of_a_page_in_any_order():
    for order in ((5, 4, 3, 2, 1, 0), (1, 0, 3, 2, 5, 4), (0, 2, 1, 3, 5, 4), (3, 0, 4, 1, 5, 2)):
        rig = rig_with_pages()
        answers = blocks_of(rig.take())
        for number in order:
            send(rig, answers[number][0], answers[number][1])
        assert bytes(rig.file) == IMAGE[:300], order
        assert rig.client.ignored == 0


def test_late_blocks_of_a_page_save_block_requests():
    rig = rig_with_pages()
    rig.take()
    send(rig, 0, IMAGE[:50])
    send(rig, 250, IMAGE[250:300])
    assert rig.take().offset == 50
    send(rig, 150, IMAGE[150:200])
    send(rig, 50, IMAGE[50:100])
    request = rig.take()
    assert request.offset == 100 and request.size == 50
    send(rig, 100, IMAGE[100:150])
    request = rig.take()
    assert request.offset == 200 and request.size == 50
    send(rig, 200, IMAGE[200:250])
    assert bytes(rig.file) == IMAGE[:300]


def test_kept_blocks_are_not_fetched_again_after_an_abort():
    rig = rig_with_pages(back_off=30000)
    rig.take()
    send(rig, 0, IMAGE[:50])
    send(rig, 100, IMAGE[100:300])
    send(rig, 100, IMAGE[100:150])
    rig.hear(block_status(0x95))
    assert rig.state == states.IDLE
    rig.hear(notify())
    assert rig.take().command == QUERY
    rig.on_offer = "go on"
    rig.hear(offer())
    request = rig.take()
    assert request.command == BLOCK_REQUEST and request.offset == 50 and request.size == 50


def test_another_image_gets_nothing_of_an_old_page():
    rig = rig_with_pages()
    rig.take()
    send(rig, 50, IMAGE[50:100])
    rig.hear(block_status(0x95))
    rig.hear(notify())
    rig.take()
    rig.file[:] = b""
    rig.hear(offer(0x00030000))
    request = rig.take()
    assert request.command == PAGE_REQUEST
    other = bytes(SIZE)
    rig.hear(block(0, other[:50], version=0x00030000))
    assert bytes(rig.file) == other[:50]


def test_store_that_begins_again_gets_nothing_of_an_old_page():
    rig = rig_with_pages()
    rig.take()
    send(rig, 0, IMAGE[:50])
    send(rig, 100, IMAGE[100:150])
    rig.client.download.written(0, 0xFFFF)
    rig.file[:] = b""
    rig.send()
    assert rig.take().command == PAGE_REQUEST
    send(rig, 0, IMAGE[:50])
    send(rig, 50, IMAGE[50:100])
    assert bytes(rig.file) == IMAGE[:100]


def test_foreign_and_useless_blocks_are_ignored_and_do_not_prolong_the_wait():
    for frame in (
        block(300, IMAGE[300:350]),
        block(280, IMAGE[280:330]),
        block(275, IMAGE[275:305]),
        block(0, IMAGE[:51]),
        block(100, IMAGE[100:151]),
        block(50, IMAGE[50:100], version=OLD),
        block(50, IMAGE[50:100], version=NEW + 1),
        block(50, IMAGE[50:100], manufacturer=0x9999),
        block(50, b""),
        block(0, b""),
        block(0x01000032, IMAGE[:50]),
        block(0xFFFFFFF0, IMAGE[:50]),
        block(100, IMAGE[100:110], size=11),
    ):
        rig = rig_with_pages()
        rig.take()
        rig.pass_time(1000)
        rig.hear(frame)
        assert rig.client.ignored == 1 and rig.quiet() and not rig.file
        assert rig.client.poll_timeout() == 2000


def test_block_that_leaves_the_page_at_its_end_is_ignored():
    rig = rig_with_pages()
    for offset, data in blocks_of(rig.take(), 49):
        if offset < 294:
            send(rig, offset, data)
    send(rig, 294, IMAGE[294:301])
    assert rig.client.ignored == 1 and rig.quiet() and len(rig.file) == 294
    send(rig, 294, IMAGE[294:300])
    assert rig.take().offset == 300


def test_duplicates_in_a_page_are_ignored_and_counted():
    rig = rig_with_pages()
    request = rig.take()
    for offset, data in blocks_of(request):
        send(rig, offset, data)
        if offset < 250:
            send(rig, offset, data)
    assert rig.client.ignored == 5 and bytes(rig.file) == IMAGE[:300]
    rig = rig_with_pages()
    rig.take()
    send(rig, 100, IMAGE[100:150])
    send(rig, 100, bytes(50))
    assert rig.client.ignored == 1
    send(rig, 0, IMAGE[:50])
    send(rig, 50, IMAGE[50:100])
    assert bytes(rig.file) == IMAGE[:150], "the first one counts"


# rule: hub-zero-length
def test_zero_length_blocks_for_ever_end_in_block_requests():
    rig = rig_with_pages(block_tries=10)
    for _ in range(2000):
        rig.hear(block(0, b""))
        if rig.state != states.DOWNLOADING:
            break
        rig.pass_time(50)
    assert rig.state == states.IDLE and rig.client.base == ss.DOWNLOAD
    assert [request.command for request in rig.asked] == [PAGE_REQUEST] + 9 * [BLOCK_REQUEST]
