"""Trust anchors: what may change them, and that no change leaves a device without one."""

from firmware_agent import reject
from firmware_agent.reject import Rejected
from firmware_agent.trust import anchors as trust
from firmware_agent.trust.anchors import ACTIVATION, ANCHORS, FIRMWARE, MAXIMUM, TEST, Anchor, Anchors
from tests.portable import envelope_vectors as vectors

ROOT = FIRMWARE | ANCHORS


def key(number):
    """A public key's 65 bytes. No point of the curve: nothing here verifies with it."""
    return b"\x04" + bytes([number]) * 64


def anchor(number, usage=ROOT):
    return Anchor(key(number), usage)


class Change:
    """As much of a Manifest as a change of anchors needs."""

    def __init__(self, signer, sequence_number, new=None, revoked=None, digest=None):
        self.key_id = signer.key_id
        self.sequence_number = sequence_number
        self.new_anchor = new
        self.revoked = None if revoked is None else revoked.key_id
        self.digest = digest or bytes([sequence_number]) * 32


def keys_of(anchors):
    return [one.public_key[1] for one in anchors.entries]


def refusal(anchors, change, for_test=False):
    before = anchors.pack()
    try:
        anchors.change(change, for_test)
    except Rejected as error:
        assert anchors.pack() == before
        return error.number
    raise AssertionError("not refused")


def test_pack_and_unpack_keep_everything():
    full = Anchors([anchor(n, 1 + n) for n in range(MAXIMUM)], 0xFFFFFFFF, bytes(range(32)))
    for anchors in (Anchors([]), Anchors([anchor(9, ACTIVATION)], 7), full):
        packed = anchors.pack()
        assert len(packed) == trust.PACKED_SIZE
        again = trust.unpack(packed)
        assert (again.version, again.identity) == (anchors.version, anchors.identity)
        assert [(one.public_key, one.usage, one.key_id) for one in again.entries] == [
            (one.public_key, one.usage, one.key_id) for one in anchors.entries
        ]
        assert again.pack() == packed


def test_what_nobody_packed_is_not_unpacked():
    packed = Anchors([anchor(1), anchor(2)]).pack()
    for at, value in ((4, 5), (4, 255), (4, 3), (40 + 64, 0), (40 + 64, 16)):
        wrong = bytearray(packed)
        wrong[at] = value
        try:
            trust.unpack(wrong)
        except ValueError:
            continue
        raise AssertionError((at, value))


def test_an_anchor_is_a_key_with_a_usage():
    for public_key, usage in (
        (key(1)[:64], 1),
        (key(1) + b"\0", 1),
        (b"\x03" + key(1)[1:], 1),
        (key(1), 0),
        (key(1), 16),
    ):
        try:
            Anchor(public_key, usage)
        except ValueError:
            continue
        raise AssertionError((len(public_key), usage))
    assert trust.usage_text(FIRMWARE | ANCHORS) == "firmware, anchors"
    assert trust.usage_text(ACTIVATION | TEST) == "activation, test"


def test_there_are_few_and_each_is_another():
    for entries in ([anchor(n) for n in range(MAXIMUM + 1)], [anchor(1), anchor(1, ACTIVATION)]):
        try:
            Anchors(entries)
        except ValueError:
            continue
        raise AssertionError(len(entries))


def test_without_a_change_they_are_the_same():
    anchors = Anchors([anchor(1, FIRMWARE)])
    assert anchors.change(Change(anchor(1), 9)) is anchors


def test_a_rotation_takes_two_images():
    old, new = anchor(1), anchor(2)
    anchors = Anchors([old, anchor(3, ACTIVATION)])
    added = anchors.change(Change(old, 5, new=new))
    assert keys_of(added) == [1, 3, 2] and added.version == 5 and added.identity == bytes([5]) * 32
    rotated = added.change(Change(new, 6, revoked=old))
    assert keys_of(rotated) == [3, 2] and rotated.version == 6
    assert keys_of(anchors) == [1, 3] and keys_of(added) == [1, 3, 2]


def test_one_image_may_replace_another_key():
    anchors = Anchors([anchor(1), anchor(3, ACTIVATION)])
    changed = anchors.change(Change(anchor(1), 5, new=anchor(4, ACTIVATION), revoked=anchor(3)))
    assert keys_of(changed) == [1, 4]


def test_the_same_image_changes_nothing_twice():
    anchors = Anchors([anchor(1)]).change(Change(anchor(1), 5, new=anchor(2)))
    assert anchors.change(Change(anchor(1), 5, new=anchor(2))) is anchors


def test_an_old_change_is_never_played_again():
    old, new = anchor(1), anchor(2)
    anchors = Anchors([old]).change(Change(old, 5, new=new)).change(Change(new, 6, revoked=old))
    anchors = anchors.change(Change(new, 7, new=anchor(3)))
    # 3 is revoked again; then the image that added it, and others of its number, come back.
    anchors = anchors.change(Change(new, 8, revoked=anchor(3)))
    for sequence_number in (7, 8):
        replay = Change(new, sequence_number, new=anchor(3), digest=bytes(31) + b"\x01")
        assert refusal(anchors, replay) == reject.ANCHOR_CHANGE
    assert refusal(anchors, Change(old, 9, new=old)) == reject.WRONG_KEY_USAGE


def test_only_a_key_for_anchors_changes_them():
    anchors = Anchors([anchor(1), anchor(2, FIRMWARE), anchor(3, FIRMWARE | ACTIVATION)])
    for signer in (anchor(2), anchor(3), anchor(9)):
        assert refusal(anchors, Change(signer, 5, new=anchor(4))) == reject.WRONG_KEY_USAGE
        assert refusal(anchors, Change(signer, 5, revoked=anchor(1))) == reject.WRONG_KEY_USAGE


def test_no_image_revokes_its_own_key():
    anchors = Anchors([anchor(1), anchor(2)])
    assert refusal(anchors, Change(anchor(1), 5, revoked=anchor(1))) == reject.ANCHOR_CHANGE
    assert refusal(anchors, Change(anchor(1), 5, new=anchor(3), revoked=anchor(1))) == reject.ANCHOR_CHANGE


def test_no_image_changes_its_own_key_s_usage():
    anchors = Anchors([anchor(1), anchor(2)])
    for usage in (FIRMWARE, ANCHORS, ROOT | ACTIVATION):
        assert refusal(anchors, Change(anchor(1), 5, new=anchor(1, usage))) == reject.ANCHOR_CHANGE
    assert keys_of(anchors.change(Change(anchor(1), 5, new=anchor(1)))) == [2, 1]
    changed = anchors.change(Change(anchor(1), 5, new=anchor(2, ACTIVATION)))
    assert changed.find(anchor(2).key_id).usage == ACTIVATION


def test_no_image_adds_and_revokes_one_key():
    anchors = Anchors([anchor(1), anchor(2)])
    for number in (2, 3):
        change = Change(anchor(1), 5, new=anchor(number), revoked=anchor(number))
        assert refusal(anchors, change) == reject.ANCHOR_CHANGE, number


def test_there_is_no_room_for_a_fifth():
    anchors = Anchors([anchor(n) for n in range(MAXIMUM)])
    assert refusal(anchors, Change(anchor(1), 5, new=anchor(9))) == reject.ANCHOR_CHANGE
    changed = anchors.change(Change(anchor(1), 5, new=anchor(9), revoked=anchor(0)))
    assert keys_of(changed) == [1, 2, 3, 9]
    # One that is there already needs no room, and one that is not there is revoked by doing nothing.
    assert keys_of(anchors.change(Change(anchor(1), 5, new=anchor(2)))) == [0, 1, 3, 2]
    assert keys_of(anchors.change(Change(anchor(1), 5, revoked=anchor(9)))) == [0, 1, 2, 3]


def test_two_keys_never_share_a_key_id():
    anchors = Anchors([anchor(1), anchor(2)])
    impostor = anchor(3)
    impostor.key_id = anchor(2).key_id
    assert refusal(anchors, Change(anchor(1), 5, new=impostor)) == reject.ANCHOR_CHANGE


def test_a_test_key_comes_only_to_a_device_built_for_test():
    anchors = Anchors([anchor(1)])
    marked = anchor(2, FIRMWARE | TEST)
    known = Anchor(vectors.PUBLIC_KEY, FIRMWARE)
    assert not anchor(1).for_test()
    for new in (marked, known):
        assert new.for_test()
        assert refusal(anchors, Change(anchor(1), 5, new=new)) == reject.TEST_KEY
        assert len(anchors.change(Change(anchor(1), 5, new=new), True).entries) == 2


def test_no_sequence_of_changes_leaves_a_device_that_cannot_go_on():
    # Every change that any of the keys can ask for, four deep. What stays true: the signer of what was
    # confirmed last is still an anchor that signs firmware and changes anchors.
    people = [anchor(n) for n in (1, 2, 3)]
    wishes = [None] + people + [anchor(2, ACTIVATION)]
    states = {Anchors(people[:2]).pack()}
    seen = 0
    for depth in range(1, 5):
        following = set()
        for packed in states:
            for signer in people:
                for new in wishes:
                    for revoked in (None, people[0], people[1]):
                        anchors = trust.unpack(packed)
                        try:
                            after = anchors.change(Change(signer, depth, new, revoked))
                        except Rejected:
                            continue
                        seen += 1
                        if new is None and revoked is None:
                            continue
                        kept = after.find(signer.key_id)
                        assert kept is not None and kept.usage & ROOT == ROOT
                        assert len(after.entries) <= MAXIMUM
                        following.add(after.pack())
        states = following
    assert seen > 500 and len(states) > 10
