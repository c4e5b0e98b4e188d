"""A download that goes on: from its durable offset, and only if it is the image of before."""

from firmware_agent import reject
from firmware_agent.store.firmware_store import COMPLETE, RESTART
from firmware_agent.trust.manifest import HEAD_LIMIT
from hal.sim.cut_flash import NOTHING, PowerCut
from tests.portable.bench import FILE_HEADER, Bench, Image, raises, refusal
from tests.portable.store_device import LONG, V2, V2_AGAIN, cut, running

HEAP = "1M"


# rule: resume
def test_a_download_goes_on_at_its_durable_offset():
    for erase_size in (256, 512, 1024):
        for until in range(0, len(LONG.data), 97):
            bench = running(erase_size=erase_size, slot_units=4096 // erase_size)
            bench.download(LONG, until)
            cut(bench)
            offset = bench.store.resume() - (FILE_HEADER if bench.store.image_known else 0)
            assert offset <= until
            assert until - offset < max(erase_size, 512), (erase_size, until)
            bench.fetched = 0
            assert bench.feed(LONG) == COMPLETE
            assert bench.fetched == len(LONG.data) - offset
            bench.verify()


def test_start_with_the_same_image_resumes_and_may_come_from_another_server():
    bench = running()
    bench.download(LONG, 2500)
    cut(bench)
    offer = LONG.offer()
    offer.server_address = 0x4321
    assert bench.store.start(offer) == FILE_HEADER + 2048 + 256
    assert bench.store.offer.server_address == 0x4321
    assert bench.feed(LONG) == COMPLETE
    bench.verify()
    cut(bench)
    assert bench.store.state.server_address == 0x4321


# rule: resume-identity
def test_another_image_under_the_accepted_identity_starts_again():
    for block in (50, 1000):  # also by one that goes on behind what is held of the head
        bench = cut_in_the_first_erase()  # accepted, and nothing of it is durable
        assert bench.store.resume() == FILE_HEADER
        assert bench.feed(V2_AGAIN, block=block) == RESTART
        assert not bench.store.state.accepted and not bench.store.image_known
        cut(bench)
        assert bench.store.resume() == 0
        assert bench.feed(V2_AGAIN) == COMPLETE
        bench.verify()
        assert bench.slot_bytes(1, len(V2_AGAIN.data)) == V2_AGAIN.data


def test_a_durable_offset_within_a_unit_is_refused():
    bench = running()
    bench.download(LONG, 2500)
    for durable in (2047, 2049, 2048 + 512):
        bench.store.state.durable = durable
        raises(ValueError, bench.store.resume)


def test_another_image_s_bytes_behind_what_is_durable_do_not_verify():
    again = Image("long")
    again.data = LONG.data[:2048] + bytes(len(LONG.data) - 2048)
    bench = running()
    bench.download(LONG, 2048)
    cut(bench)
    assert bench.store.resume() == FILE_HEADER + 2048
    assert bench.feed(again) == COMPLETE
    assert refusal(bench.verify) == reject.DIGEST_MISMATCH
    assert not bench.store.candidate


def test_a_slot_that_is_not_what_the_journal_says_starts_again():
    bench = running()
    bench.download(LONG, 2048)
    start = (bench.journal_units + bench.slot_units) * bench.erase_size
    bench.memory[start + 150] ^= 1
    bench.power_on()
    assert bench.store.resume() == 0
    assert bench.store.downloading and not bench.store.state.accepted
    assert bench.feed(LONG) == COMPLETE
    bench.verify()


def test_a_slot_whose_image_is_longer_than_what_was_accepted_starts_again():
    bench = running()
    bench.download(LONG, 2048)
    bench.store.state.image_length -= 1
    assert bench.store.resume() == 0
    assert bench.store.downloading and not bench.store.state.accepted


def test_a_head_is_judged_by_a_header_or_against_what_was_accepted():
    bench = running(erase_size=256, slot_units=16)
    bench.download(LONG, 450)
    cut(bench)
    bench.store.resume()
    bench.store.state.accepted = False
    raises(ValueError, bench.feed, LONG)
    assert bench.store.manifest is None


def test_without_a_download_there_is_nothing_to_resume():
    bench = running()
    raises(ValueError, bench.store.resume)
    bench.update(V2)
    raises(ValueError, bench.store.resume)


def cut_in_the_first_erase():
    """A bench that lost its power right after the acceptance of version 2."""
    bench = running()
    bench.store.start(V2.offer())
    bench.feed(V2, HEAD_LIMIT - 1)
    bench.flash.power_on()
    bench.flash.arm(2, NOTHING)
    raises(PowerCut, bench.feed, V2)
    cut(bench)
    return bench


def test_a_cut_in_the_first_erase_leaves_the_acceptance():
    bench = cut_in_the_first_erase()
    assert bench.store.state.accepted
    assert bench.store.resume() == FILE_HEADER
    assert bench.feed(V2) == COMPLETE


def test_proof_is_the_digest_that_names_the_image():
    image = Image("v2")
    bench = Bench().at_factory()
    bench.power_on()
    bench.store.start(image.offer())
    assert bench.store.proof is None
    for until in (5, 13):
        bench.feed(image, until)
        assert bench.store.proof is None, "too little of it came"
    bench.feed(image, 20)
    assert bench.store.proof == (FILE_HEADER + 13, image.data[13:20])
    bench.feed(image, 100)
    assert bench.store.proof == (FILE_HEADER + 13, image.data[13:45])
    bench.feed(image, len(image.data) - 1)
    assert bench.store.proof == (FILE_HEADER + 13, image.data[13:45]) and bench.store.manifest
    bench.power_on()
    bench.store.resume()
    if bench.store.position > FILE_HEADER + 45:
        assert bench.store.proof == (FILE_HEADER + 13, image.data[13:45])


# rule: resume-content
def test_accepted_image_has_its_proof_before_a_byte_of_it_is_on_flash():
    bench = cut_in_the_first_erase()
    assert bench.store.resume() == FILE_HEADER and bench.store.state.durable == 0
    assert bench.store.proof == (FILE_HEADER + 13, V2.data[13:45]), "the hub may have another one by now"
    bench.store.doubt()
    assert bench.store.proof is None


# rule: resume-content
def test_doubted_image_stays_until_the_other_one_is_accepted():
    image = Image("long")
    bench = Bench().at_factory()
    bench.power_on()
    bench.download(image, 2500)
    durable = bench.store.state.durable
    assert durable
    assert bench.store.doubt() == 0 and not bench.store.image_known
    bench.feed(image, 100)
    assert bench.store.state.accepted and bench.store.state.durable == durable
    bench.power_on()
    assert bench.store.resume() == FILE_HEADER + durable, "a promise took nothing away"
    bench.store.doubt()
    bench.feed(image, HEAD_LIMIT + 60)
    assert bench.store.state.durable == 256 and bench.store.downloading, "the other one took its place"
    assert bench.feed(image) == COMPLETE
    bench.verify()
    assert bench.store.candidate


def test_doubt_before_anything_is_accepted_begins_again():
    image = Image("v2")
    bench = Bench().at_factory()
    bench.power_on()
    bench.download(image, 100)
    assert bench.store.doubt() == 0
    assert bench.feed(image) == COMPLETE


def test_the_same_offer_again_goes_on_with_what_is_in_ram():
    for until in (100, 600, 2500):
        bench = running()
        bench.download(LONG, until)
        assert bench.store.start(LONG.offer()) == FILE_HEADER + until
        assert bench.feed(LONG) == COMPLETE
        assert bench.fetched == len(LONG.data)


def test_what_reaches_to_the_head_s_limit_proves_what_it_belongs_to():
    bench = running(erase_size=512, slot_units=8)
    bench.download(LONG, 600)
    cut(bench)
    assert bench.store.resume() == FILE_HEADER + 512
    assert bench.store.manifest.digest == bench.store.state.identity


def test_what_is_on_flash_of_a_head_stays_when_it_is_admitted_again():
    bench = running(erase_size=256, slot_units=16)
    bench.download(LONG, 450)
    assert bench.store.state.durable == 256
    cut(bench)
    assert bench.store.resume() == FILE_HEADER + 256
    bench.flash.log = []
    bench.feed(LONG, 500)
    assert bench.store.manifest and bench.store.state.durable == 256
    # No record and none of the first unit's bytes is written again.
    first = (bench.journal_units + bench.slot_units) * 256
    assert [at for _, at, _ in bench.flash.log if at < first + 256] == []


def test_a_head_that_is_refused_under_an_accepted_identity_starts_again():
    bench = running()
    bench.download(V2, 600)
    cut(bench)
    assert bench.store.resume() == FILE_HEADER + 256
    forged = Image("v2")
    forged.data = V2.data[:270] + bytes([V2.data[270] ^ 1]) + V2.data[271:]
    assert bench.feed(forged) == RESTART
    assert bench.store.downloading and not bench.store.state.accepted
