"""What lies in a slot against what was signed: read in small steps, refused for one wrong bit."""

from firmware_agent import reject
from firmware_agent.reject import Rejected
from firmware_agent.trust.manifest import decode
from firmware_agent.trust.verifier import STEP_SIZE, SlotVerifier
from tests.portable import envelope_vectors as vectors

PLAIN = vectors.GOOD["plain"]


class Slot:
    """A slot in RAM; ``reads`` are the (offset, size) that were asked for."""

    def __init__(self, image):
        self.image = bytearray(image)
        self.reads = []

    def read(self, offset, buf):
        self.reads.append((offset, len(buf)))
        buf[:] = self.image[offset : offset + len(buf)]


def steps_until_done(verifier):
    steps = 1
    while not verifier.step():
        steps += 1
        assert steps < 100
    return steps


def mismatch(slot, head=PLAIN):
    """Whether the slot is refused for its digest."""
    verifier = SlotVerifier(slot.read, decode(head, len(head)))
    try:
        steps_until_done(verifier)
    except Rejected as error:
        assert error.number == reject.DIGEST_MISMATCH, error
        return True
    return False


def test_slot_that_holds_the_image_is_proven_in_small_steps():
    slot = Slot(PLAIN + vectors.PAYLOAD)
    verifier = SlotVerifier(slot.read, decode(PLAIN, len(PLAIN)))
    assert steps_until_done(verifier) == 1 + 3  # the head, then 2510 bytes
    assert verifier.step()
    assert slot.reads[0] == (0, len(PLAIN))
    at = len(PLAIN)
    for offset, size in slot.reads[1:]:
        assert offset == at and 0 < size <= STEP_SIZE
        at += size
    assert at == len(slot.image)


def test_slot_with_one_wrong_bit_is_refused():
    for at in (0, 1023, 1024, 2048, len(vectors.PAYLOAD) - 1):
        slot = Slot(PLAIN + vectors.PAYLOAD)
        slot.image[len(PLAIN) + at] ^= 0x10
        assert mismatch(slot), at
    assert not mismatch(Slot(PLAIN + vectors.PAYLOAD))


def test_slot_with_another_head_is_refused():
    for at in range(len(PLAIN)):
        slot = Slot(PLAIN + vectors.PAYLOAD)
        slot.image[at] ^= 0x01
        assert mismatch(slot), at
    assert mismatch(Slot(bytes(len(PLAIN)) + vectors.PAYLOAD))


def test_slot_whose_digest_is_not_the_signed_one_is_refused():
    head = vectors.BREAKING_A_RULE["other-digest"]
    assert mismatch(Slot(head + vectors.PAYLOAD), head)


def test_slot_once_refused_stays_refused():
    slot = Slot(PLAIN + vectors.PAYLOAD)
    slot.image[-1] ^= 1
    verifier = SlotVerifier(slot.read, decode(PLAIN, len(PLAIN)))
    for _ in range(2):
        try:
            steps_until_done(verifier)
        except Rejected as error:
            assert error.number == reject.DIGEST_MISMATCH
        else:
            raise AssertionError("not refused")


def test_slot_that_changes_after_its_head_was_read_is_refused():
    slot = Slot(PLAIN + vectors.PAYLOAD)
    verifier = SlotVerifier(slot.read, decode(PLAIN, len(PLAIN)))
    assert not verifier.step()
    slot.image[len(PLAIN) + 5] ^= 1
    try:
        steps_until_done(verifier)
    except Rejected as error:
        assert error.number == reject.DIGEST_MISMATCH
        return
    raise AssertionError("not refused")
