"""How much a block request asks for: what the link allows, less where a server or the way sends less."""

from binascii import unhexlify

from tests.portable.scripted import IMAGE, Rig, block, block_status, notify, offer, wait_for_data


def sizes(rig, given, blocks):
    """What is asked for while a server answers each of ``blocks`` requests with at most ``given`` bytes."""
    return [rig.answer(largest=given).size for _ in range(blocks)]


def lose(rig, tries):
    """No answer to so many requests; the sizes that they asked for."""
    asked = []
    for _ in range(tries):
        asked.append(rig.take().size)
        rig.pass_time(rig.client.poll_timeout())
    return asked


# Less than asked for


def test_server_with_a_cap_is_asked_for_what_it_sends():
    rig = Rig(max_data_size=223, least_data_size=40, size_tries=3).downloading()
    assert sizes(rig, 50, 6) == [223, 223, 223, 50, 50, 50]
    assert bytes(rig.file) == IMAGE[:300]


# rule: block-shorter
def test_what_the_server_sends_is_never_relied_on():
    rig = Rig(max_data_size=223).downloading()
    sizes(rig, 50, 4)
    assert rig.answer(largest=17).size == 50
    assert rig.take().offset == 217


def test_single_short_answers_change_nothing():
    rig = Rig(max_data_size=63, size_tries=3).downloading()
    for given in (50, 50, 63, 50, 50, 49, 50, 50):
        assert rig.answer(largest=given).size == 63
    assert rig.take().size == 63


def test_short_blocks_that_were_asked_for_short_say_nothing():
    rig = Rig(max_data_size=63, limit=41).downloading()
    sizes(rig, 255, 4)
    rig.limit = 0xFFFF
    rig.answer()
    assert rig.take().size == 63


def test_server_of_tiny_blocks_is_not_asked_for_those():
    rig = Rig(max_data_size=63, least_data_size=40).downloading()
    assert sizes(rig, 1, 10) == 3 * [63] + 7 * [40]
    rig = Rig(max_data_size=16, least_data_size=40).downloading()
    assert sizes(rig, 1, 10) == 10 * [16]


def test_next_download_begins_with_the_largest_size():
    rig = Rig(max_data_size=223).downloading()
    sizes(rig, 50, 4)
    rig.take()
    rig.hear(block_status(0x95))
    rig.hear(notify())
    rig.take()
    rig.on_offer = "go on"
    rig.hear(offer())
    assert sizes(rig, 50, 4) == [223, 223, 223, 50]
    rig.take()
    rig.hear(block_status(0x95))
    rig.hear(notify())
    rig.take()
    rig.on_offer = "start"
    rig.hear(offer(0x00030000))
    assert rig.take().size == 223


# Nothing of what was asked for


def test_size_that_never_gets_through_is_halved():
    rig = Rig(max_data_size=223, least_data_size=40, size_tries=3, block_tries=10).downloading()
    assert lose(rig, 9) == 3 * [223] + 3 * [111] + 3 * [55]
    assert rig.answer().size == 40
    assert bytes(rig.file) == IMAGE[:40]


def test_size_that_got_through_once_is_kept_over_losses():
    rig = Rig(max_data_size=223, size_tries=3).downloading()
    rig.answer()
    assert lose(rig, 9) == 9 * [223]


def test_late_answer_of_the_size_asked_before_is_taken():
    rig = Rig(max_data_size=223, size_tries=3).downloading()
    lose(rig, 3)
    assert rig.take().size == 111
    rig.hear(block(0, IMAGE[:223]))
    assert bytes(rig.file) == IMAGE[:223]


def test_larger_answer_than_ever_asked_is_ignored():
    rig = Rig(max_data_size=63).downloading(1)
    rig.take()
    rig.hear(block(63, IMAGE[63:127]))
    assert rig.client.ignored == 1 and bytes(rig.file) == IMAGE[:63]
    rig = Rig(max_data_size=63).downloading()
    rig.limit = 17
    rig.answer()
    assert rig.take().size == 17
    rig.hear(block(63, IMAGE[63:81]))
    assert rig.client.ignored == 1 and bytes(rig.file) == IMAGE[:63]


def test_size_asked_for_in_another_download_does_not_count():
    rig = Rig(max_data_size=200).downloading()
    rig.take()
    rig.hear(block_status(0x95))
    rig.hear(notify())
    rig.take()
    rig.limit = 40
    rig.hear(offer(0x00030000))
    assert rig.take().size == 40
    rig.hear(block(0, IMAGE[:41], version=0x00030000))
    assert rig.client.ignored == 1 and not rig.file


# Options of a request


def payload(**settings):
    return Rig(max_data_size=63, **settings).downloading().take().payload


# rule: hub-no-options
def test_options_of_a_block_request():
    plain = "34128400" + "00000200" + "00000000" + "3f"
    node = "0102030405060708"
    assert payload() == unhexlify("00" + plain)
    assert payload(request_node_address=True) == unhexlify("01" + plain + node)
    assert payload(request_block_period=True) == unhexlify("02" + plain + "0000")
    both = payload(request_node_address=True, request_block_period=True)
    assert both == unhexlify("03" + plain + node + "0000")


def test_period_in_a_request_is_the_one_that_the_server_set():
    rig = Rig(request_block_period=True, minimum_block_period=0x0102).downloading()
    assert rig.take().payload[14:] == b"\x02\x01"
    rig.hear(wait_for_data(0, 1, 0x0304))
    rig.pass_time(1000)
    assert rig.take().payload[14:] == b"\x04\x03"
