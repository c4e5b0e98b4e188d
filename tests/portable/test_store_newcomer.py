"""Another offer beside an accepted image: a promise takes no progress away, an acceptance takes the slot."""

from firmware_agent import reject
from firmware_agent.store.firmware_store import COMPLETE, WRITTEN
from firmware_agent.trust.manifest import HEAD_LIMIT
from tests.portable.bench import FILE_HEADER
from tests.portable.store_device import LONG, V3, cut, running, state

HEAP = "1M"


def test_a_promise_throws_no_progress_away():
    for whole in (False, True):
        for end in ("cut", "reject", "cancel"):
            bench = running()
            bench.download(LONG, None if whole else 2500)
            if whole:
                bench.verify()
            kept = state(bench)
            assert bench.store.start(V3.offer()) == 0
            bench.feed(V3, 100)
            assert state(bench) == kept and not bench.store.complete
            if end == "cut":
                cut(bench)
            elif end == "reject":
                bench.store.reject(reject.BAD_SIGNATURE)
                assert bench.store.rejected_before(V3.offer())
                assert not bench.store.rejected_before(LONG.offer())
            else:
                bench.store.cancel()
            assert state(bench) == kept
            assert bench.store.offer.same_image(LONG.offer())
            expected = len(LONG.data) if whole else 2048 + 256
            assert bench.store.resume() == FILE_HEADER + expected, end
            if not whole:
                assert bench.feed(LONG) == COMPLETE
            bench.verify()


def test_once_accepted_the_newcomer_takes_the_slot():
    bench = running()
    bench.download(LONG, 2500)
    bench.store.start(V3.offer())
    assert bench.feed(V3, HEAD_LIMIT - 1) == WRITTEN
    assert bench.store.state.file_version == LONG.file_version
    bench.feed(V3, HEAD_LIMIT)
    assert bench.store.state.file_version == V3.file_version and bench.store.state.durable == 256
    cut(bench)
    assert bench.store.resume() == FILE_HEADER + 256
    assert bench.feed(V3) == COMPLETE
    bench.verify()
    assert bench.slot_bytes(1, len(V3.data)) == V3.data


def test_an_offer_that_was_never_accepted_gives_way_at_once():
    bench = running()
    bench.download(LONG, 100)
    bench.store.start(V3.offer())
    cut(bench)
    assert bench.store.offer.same_image(V3.offer())


def test_resume_drops_the_newcomer():
    bench = running()
    bench.download(LONG, 2500)
    bench.store.start(V3.offer())
    bench.feed(V3, 100)
    assert bench.store.resume() == FILE_HEADER + 2048 + 256
    assert bench.feed(LONG) == COMPLETE and bench.store.complete
    bench.verify()


def test_a_newcomer_that_is_accepted_was_not_told_to_wait():
    bench = running()
    bench.download(LONG)
    bench.verify()
    bench.store.hold(True)
    bench.store.start(V3.offer())
    bench.feed(V3, 512)
    assert bench.store.state.file_version == V3.file_version and not bench.store.state.hold
