"""The same image as before? A few bytes of it are fetched again before a download goes on."""

from firmware_agent.protocol import session as ss
from firmware_agent.protocol import states
from tests.portable.scripted import BLOCK_REQUEST, IMAGE, NEW, QUERY, Rig, block, block_status, notify, offer

PROOF = (75, IMAGE[75:107])


def doubted(proof=PROOF, **settings):
    """A download goes on after an ABORT at byte 315; the server has to show that it has the same image."""
    rig = Rig(**settings).downloading(5)
    rig.take()
    rig.hear(block_status(0x95))
    rig.hear(notify())
    rig.take()
    rig.on_offer = None
    rig.proof = proof
    rig.hear(offer())
    return rig


# rule: resume-content
def test_image_is_proven_by_a_few_bytes_before_a_download_goes_on():
    rig = doubted()
    request = rig.take()
    assert (request.command, request.offset, request.size) == (BLOCK_REQUEST, 75, 32)
    rig.hear(block(75, IMAGE[75:107]))
    assert rig.answer().offset == 315
    while rig.asked:
        rig.answer()
    assert bytes(rig.file) == IMAGE


def test_proof_in_pieces():
    rig = doubted()
    asked = [(request.offset, request.size) for request in [rig.answer(largest=10) for _ in range(4)]]
    assert asked == [(75, 32), (85, 22), (95, 12), (105, 2)]
    assert rig.take().offset == 315 and len(rig.file) == 315


# rule: resume-content
def test_other_bytes_are_told_and_nothing_of_them_is_taken():
    for at in (0, 7, 31):
        rig = doubted()
        rig.take()
        other = bytearray(IMAGE[75:107])
        other[at] ^= 1
        rig.hear(block(75, bytes(other)))
        assert rig.actions[-1] == ss.CHANGED and rig.quiet() and len(rig.file) == 315
        rig.client.download.written(0, 0xFFFF)
        rig.send()
        request = rig.take()
        assert request.offset == 0 and request.size == 63


def test_changed_image_can_be_left_alone():
    rig = doubted(back_off=30000)
    rig.take()
    rig.hear(block(75, bytes(32)))
    rig.client.abandon()
    assert rig.state == states.IDLE and rig.client.base == ss.DOWNLOAD
    rig.pass_time(59999)
    assert rig.quiet(), "the second back-off"
    rig.pass_time(1)
    assert rig.take().command == QUERY


def test_lost_or_useless_proof_is_asked_for_again():
    rig = doubted()
    for frame in (block(315, IMAGE[315:347]), block(75, IMAGE[75:108]), block(75, b""), None):
        rig.take()
        if frame:
            rig.hear(frame)
        assert rig.quiet() and ss.CHANGED not in rig.actions
        rig.pass_time(rig.client.poll_timeout())
    assert rig.answer().offset == 75
    assert rig.take().offset == 315


def test_proof_after_a_reset():
    rig = Rig()
    rig.client.restore(0x1234, 0x0084, NEW)
    rig.client.start_download(500, 12, len(IMAGE), PROOF)
    rig.send()
    assert rig.answer().offset == 75
    request = rig.take()
    assert request.offset == 500 and request.size == 12


def test_proof_comes_before_a_page():
    rig = Rig(page_size=300)
    rig.client.restore(0x1234, 0x0084, NEW)
    rig.client.start_download(500, 0xFFFF, len(IMAGE), PROOF)
    rig.send()
    assert rig.answer().command == BLOCK_REQUEST
    assert rig.take().command == 4
