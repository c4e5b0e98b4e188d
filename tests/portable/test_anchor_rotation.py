"""Trust anchors through the store: changed by what is confirmed, and by nothing that a power cut leaves."""

from firmware_agent import boot, reject
from firmware_agent.reject import Rejected
from firmware_agent.store.firmware_store import COMPLETE
from firmware_agent.trust.anchors import ANCHORS, FIRMWARE, Anchor, Anchors, unpack
from hal.sim.cut_flash import EFFECTS, PREFIX, CutFlash, PowerCut
from tests.portable import envelope_vectors as vectors
from tests.portable.bench import Bench, Image, raises, refusal

OLD = Anchor(vectors.PUBLIC_KEY, FIRMWARE | ANCHORS).key_id
NEW = Anchor(vectors.OTHER_PUBLIC_KEY, FIRMWARE | ANCHORS).key_id
SPARE = Anchor(b"\x04" + bytes(64), ANCHORS).key_id


def seeded(seed):
    """A CutFlash whose cuts are this seed's."""
    return lambda *part: CutFlash(*part, seed=seed)


def bench_of(make_flash=CutFlash, geometry=(1024, 16, 2, 4)):
    bench = Bench(geometry[0], geometry[1], geometry[2], geometry[3], make_flash)
    bench.anchors = Anchors(
        [Anchor(vectors.PUBLIC_KEY, FIRMWARE | ANCHORS), Anchor(b"\x04" + bytes(64), ANCHORS)]
    )
    bench.store = bench.open_store()
    bench.at_factory("v1")
    # What the factory put in is in the flash; the board brings none.
    bench.anchors = Anchors([])
    return bench


def trusted(bench):
    return [anchor.key_id for anchor in unpack(bench.store.device.anchors).entries]


def test_the_factory_s_anchors_are_in_the_flash():
    bench = bench_of()
    bench.power_on()
    assert trusted(bench) == [OLD, SPARE]
    assert [anchor.usage for anchor in unpack(bench.store.device.anchors).entries] == [
        FIRMWARE | ANCHORS,
        ANCHORS,
    ]


def test_a_rotation_ends_with_the_new_key_alone():
    bench = bench_of()
    bench.power_on()
    bench.update(Image("adds"))
    assert trusted(bench) == [OLD, SPARE, NEW]
    bench.power_on()
    assert trusted(bench) == [OLD, SPARE, NEW]
    bench.update(Image("revokes"))
    assert trusted(bench) == [SPARE, NEW]
    bench.power_on()
    assert trusted(bench) == [SPARE, NEW]
    # Trust in an old root is what CVE-2020-15163 (TUF) was about.
    assert refusal(bench.download, Image("old-root")) == reject.UNKNOWN_KEY
    bench.store.reject(reject.UNKNOWN_KEY)
    bench.update(Image("new-root"))
    assert bench.power_on().manifest.sequence_number == 10


def test_the_new_key_is_nobody_s_before_the_image_that_adds_it_is_confirmed():
    bench = bench_of()
    bench.power_on()
    assert refusal(bench.download, Image("revokes")) == reject.UNKNOWN_KEY
    bench.store.reject(reject.UNKNOWN_KEY)
    bench.stage(Image("adds"))
    assert trusted(bench) == [OLD, SPARE]
    assert bench.power_on(boot.RESET).trial
    assert trusted(bench) == [OLD, SPARE]
    bench.store.reject(reject.SELF_TEST_FAILED)
    assert not bench.power_on(boot.RESET).trial
    assert trusted(bench) == [OLD, SPARE]


def test_the_same_image_again_changes_nothing_and_another_of_its_number_is_refused():
    bench = bench_of()
    bench.power_on()
    bench.update(Image("adds"))
    before = bench.store.state.anchors
    bench.power_on()
    bench.update(Image("adds"))
    assert bench.store.state.anchors == before
    bench.power_on()
    assert refusal(bench.download, Image("adds-again")) == reject.ANCHOR_CHANGE


def test_an_image_of_a_key_that_is_revoked_meanwhile_never_boots():
    # Staged under the old key; then the flash holds the anchors of after the rotation.
    bench = bench_of()
    bench.power_on()
    bench.update(Image("adds"))
    bench.power_on()
    bench.stage(Image("old-root"))
    bench.store.state.anchors = Anchors([Anchor(vectors.OTHER_PUBLIC_KEY, FIRMWARE | ANCHORS)]).pack()
    bench.store.commit()
    failure = raises(boot.NothingBoots, bench.power_on, boot.RESET)
    assert failure.reasons == [reject.UNKNOWN_KEY, reject.UNKNOWN_KEY]


def test_what_boots_on_trial_is_the_image_that_was_accepted():
    # Another genuine image, newer and well signed, gets into the slot between the check and the boot.
    bench = bench_of()
    bench.power_on()
    bench.stage(Image("adds"))
    swapped = Image("old-root").data
    start = (bench.journal_units + bench.slot_units) * bench.erase_size
    bench.memory[start : start + len(swapped)] = swapped
    handover = bench.power_on(boot.RESET)
    assert handover.slot == 0 and not handover.trial
    assert handover.reverted == reject.DIGEST_MISMATCH


class Rotation:
    """Both images of a rotation, taken up again after each power cut until it is done."""

    def __init__(self, bench):
        self.bench = bench
        self.boots = 0

    def run(self):
        while self.life():
            assert self.boots < 12, "it never ends"

    def life(self):
        """From power-on to the next cut or the end; True if there is more to do."""
        bench = self.bench
        bench.flash.power_on()
        if self.boots == 0 and self.cut:
            bench.flash.arm(*self.cut)
        self.boots += 1
        try:
            while True:
                handover = bench.power_on(boot.POWER_ON)
                self.check(handover)
                if handover.trial:
                    bench.store.accept()
                    self.check(handover)
                    continue
                version = handover.manifest.sequence_number
                if version == 3:
                    return False
                self.go_on(Image("adds" if version == 1 else "revokes"))
        except PowerCut:
            return True

    def go_on(self, image):
        store = self.bench.store
        if not store.candidate:
            store.start(image.offer())
            assert store.complete or self.bench.feed(image) == COMPLETE
        self.bench.verify()
        store.install()

    def check(self, handover):
        """At every moment the anchors are those of what is confirmed: one of three sets, never none."""
        store = self.bench.store
        confirmed = store.head_of(store.state.primary, bytearray(437)).sequence_number
        expected = {1: [OLD, SPARE], 2: [OLD, SPARE, NEW], 3: [SPARE, NEW]}[confirmed]
        assert trusted(self.bench) == expected, (confirmed, handover.trial)
        assert store.state.security_counter == confirmed

    cut = None


def operations_of(geometry):
    rotation = Rotation(bench_of(geometry=geometry))
    rotation.bench.flash.power_on()
    rotation.run()
    assert trusted(rotation.bench) == [SPARE, NEW]
    return rotation.bench.flash.operations


def cut_everywhere(geometry, effects):
    """A rotation with a cut in each operation; the number of cuts that fell."""
    cuts = 0
    for operation in range(1, operations_of(geometry) + 1):
        for effect in effects:
            rotation = Rotation(bench_of(seeded(operation), geometry))
            rotation.cut = (operation, effect)
            rotation.run()
            assert rotation.boots == 2, (operation, EFFECTS[effect])
            assert trusted(rotation.bench) == [SPARE, NEW], (operation, EFFECTS[effect])
            assert refusal(rotation.bench.download, Image("old-root")) == reject.UNKNOWN_KEY
            cuts += 1
    return cuts


def test_a_cut_in_every_operation_of_a_rotation_leaves_a_device_that_ends_it():
    # tests/test_anchor_rotation_cuts.py has the other effects and geometries, and second cuts. On this
    # part a journal bank holds one state record: every commit erases, so there is more to cut.
    assert cut_everywhere((512, 16, 2, 3), (PREFIX,)) >= 25


def test_rejected_is_what_a_refusal_is():
    # The bench's refusal() counts only these: a PowerCut or a FlashError is none.
    assert issubclass(Rejected, Exception) and not issubclass(PowerCut, Exception)
