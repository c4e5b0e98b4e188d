"""No block goes further ahead of what is on record than an erase unit. That none is shorter at a unit's end,
the unit's first page is on record before the rest of it, and put back after a cut."""

from firmware_agent import reject
from firmware_agent.store.firmware_store import COMPLETE, WRITTEN
from firmware_agent.trust.manifest import HEAD_LIMIT
from hal.sim.cut_flash import BITS, ERASE, FLICKER, NOTHING, PROGRAM, WHOLE, PowerCut
from tests.portable.bench import FILE_HEADER, refusal
from tests.portable.store_device import LONG, V3, cut, running, slot_log

HEAP = "1M"
PAGE = 256
HEAD = 437  # bytes that the longest head has
LONGEST = 255  # bytes of a block


def begun(until=2500, **geometry):
    """A device whose download was cut behind the first page of a unit, and goes on."""
    bench = running(**geometry)
    bench.download(LONG, until)
    cut(bench)
    bench.store.resume()
    return bench


def at_unit(bench, at):
    """The byte ``at`` of the secondary slot, as an address of the flash."""
    return (bench.journal_units + bench.slot_units) * bench.erase_size + at


def test_a_block_ends_no_further_than_a_unit_behind_what_a_cut_leaves():
    for erase_size in (128, 256, 512, 1024, 2048):
        for block in (50, 63, LONGEST):
            bench = running(erase_size=erase_size, slot_units=4096 // erase_size, journal_units=16)
            for until in range(700, len(LONG.data), 97):
                bench.download(LONG, until, block)
                store = bench.store
                reach = store.position + store.until_boundary(store.position)
                cut(bench)
                assert reach == FILE_HEADER + bench.store.state.durable + erase_size
                bench.power_on()


def test_no_block_is_shorter_at_the_end_of_a_unit():
    for erase_size in (512, 1024, 2048):
        bench = running(erase_size=erase_size, slot_units=4096 // erase_size)
        bench.store.start(LONG.offer())
        # The head is on flash once it is whole.
        bench.feed(LONG, HEAD_LIMIT)
        assert bench.store.state.durable == PAGE
        result = WRITTEN
        while result == WRITTEN:
            position = bench.store.position
            assert bench.store.until_boundary(position) >= LONGEST, (erase_size, position)
            result = bench.feed(LONG, min(position - FILE_HEADER + LONGEST, len(LONG.data)), LONGEST)
        bench.verify()


def test_before_the_image_is_known_there_is_no_boundary():
    bench = running()
    assert bench.store.until_boundary(0) == HEAD
    bench.store.start(LONG.offer())
    assert bench.store.position == 0 and bench.store.until_boundary(0) == HEAD
    bench.store.describe(LONG, FILE_HEADER, len(LONG.data))
    assert bench.store.until_boundary(FILE_HEADER) == HEAD_LIMIT
    bench.store.doubt()
    assert bench.store.until_boundary(0) == HEAD


def test_in_units_of_one_page_blocks_end_where_the_unit_does():
    for erase_size in (128, 256):
        bench = running(erase_size=erase_size, slot_units=4096 // erase_size, journal_units=16)
        bench.store.start(LONG.offer())
        for at in range(1, len(LONG.data)):
            bench.feed(LONG, at)
            # Before that, where the head does: nothing of it is on flash, and nothing behind it is asked for.
            left = erase_size - at % erase_size if at >= HEAD_LIMIT else HEAD_LIMIT - at
            assert bench.store.until_boundary(bench.store.position) == left


def test_a_newcomer_s_boundary_is_its_own():
    bench = running()
    bench.download(LONG, 2500)
    bench.store.start(V3.offer())
    bench.feed(V3, 100)
    assert bench.store.until_boundary(bench.store.position) == HEAD_LIMIT - 100


def test_the_first_page_is_on_record_once_it_is_on_flash():
    bench = running()
    for until, durable in ((2047, 1024 + 256), (2048, 2048), (2048 + 255, 2048), (2048 + 256, 2048 + 256)):
        bench.download(LONG, until, 1)
        assert bench.store.state.durable == durable
    page = bench.slot_bytes(1, 2048 + 256)[2048:]
    assert page == LONG.data[2048 : 2048 + 256]
    cut(bench)
    assert bench.store.resume() == FILE_HEADER + 2048 + 256


def test_the_first_page_of_all_is_taken_back_into_the_head_and_put_back_once_that_is_accepted():
    bench = begun(600)
    store = bench.store
    assert store.position == FILE_HEADER + PAGE and store.manifest is None
    assert store.until_boundary(store.position) == HEAD_LIMIT - PAGE
    bench.flash.power_on()
    bench.feed(LONG, HEAD_LIMIT - 1)
    assert bench.flash.log == []
    bench.feed(LONG, HEAD_LIMIT)
    assert [kind for kind, _, _ in slot_log(bench)] == [ERASE, PROGRAM]
    assert store.manifest and store.state.durable == PAGE
    assert bench.feed(LONG) == COMPLETE
    bench.verify()


def test_nothing_is_erased_before_the_hub_sends_more():
    bench = begun()
    bench.flash.power_on()
    bench.power_on()
    bench.store.resume()
    assert bench.store.write(b"", 0, 0) == WRITTEN
    assert slot_log(bench) == []
    assert bench.store.state.durable == 2048 + 256


def test_a_page_is_put_back_with_the_next_block():
    bench = begun()
    bench.flash.log = []
    bench.feed(LONG, 2048 + 256 + 1)
    unit = at_unit(bench, 2048)
    journal = bench.journal_units * bench.erase_size
    log = [(kind, at) if at >= journal else "journal" for kind, at, _ in bench.flash.log]
    # The record of what a cut finds meanwhile comes first.
    assert log == ["journal", (ERASE, unit), (PROGRAM, unit), "journal"]
    assert bench.slot_bytes(1, 2048 + 256) == LONG.data[: 2048 + 256]
    assert bench.store.state.durable == 2048 + 256
    # Once.
    bench.flash.log = []
    bench.feed(LONG, 2048 + 511)
    assert bench.flash.log == []
    assert bench.feed(LONG) == COMPLETE
    bench.verify()


def test_a_page_is_synced_before_its_record():
    for until in (2048 + 255, 2500):
        bench = begun(until)
        # In front of the first page of a unit, and in front of one that is put back.
        bench.flash.log = log = []
        sync = bench.store.slots[1].sync

        def noting(log=log, sync=sync):
            sync()
            log.append(("sync", 0, 0))

        bench.store.slots[1].sync = noting
        bench.feed(LONG, 2048 + 257)
        kinds = [kind for kind, _, _ in log]
        assert kinds[-4:] == [ERASE, PROGRAM, "sync", PROGRAM]


def test_what_lies_behind_the_page_is_gone():
    bench = begun(2048 + 256)
    for at in range(256, 1024):
        bench.memory[at_unit(bench, 2048 + at)] = 0x5A
    assert bench.feed(LONG) == COMPLETE
    bench.verify()


def test_until_it_is_back_a_cut_may_cost_the_page_as_well():
    bench = begun()
    store = bench.store
    assert store.until_boundary(store.position) == 1024 - PAGE
    bench.feed(LONG, 2048 + 256 + 1)
    assert store.until_boundary(store.position) == 1024 - 1


def test_a_cut_while_a_page_is_put_back_costs_no_more_than_that_page():
    clean = begun()
    clean.flash.power_on()
    clean.feed(LONG, 2048 + 257)
    operations = clean.flash.operations
    assert operations == 4
    for operation in range(1, operations + 1):
        for effect, amount in ((NOTHING, 0), (BITS, 128), (FLICKER, 256), (WHOLE, 0)):
            bench = begun()
            bench.flash.power_on()
            bench.flash.arm(operation, effect, amount)
            try:
                bench.feed(LONG, 2048 + 257)
            except PowerCut:
                pass
            cut(bench)
            offset = bench.store.resume()
            assert offset in (FILE_HEADER + 2048, FILE_HEADER + 2048 + 256)
            bench.fetched = 0
            assert bench.feed(LONG) == COMPLETE
            assert bench.fetched == FILE_HEADER + len(LONG.data) - offset
            bench.verify()


def test_a_page_that_does_not_come_back_ends_in_no_candidate():
    """It was on record; should the part have lost it, the hash over the slot tells."""
    bench = begun()
    bench.memory[at_unit(bench, 2048 + 7)] ^= 1
    assert bench.feed(LONG) == COMPLETE
    assert refusal(bench.verify) == reject.DIGEST_MISMATCH
    assert not bench.store.candidate


def test_a_whole_image_has_no_page_to_put_back():
    bench = begun(None)
    assert bench.store.complete
    bench.flash.log = []
    assert bench.store.write(b"", 0, 0) == WRITTEN
    assert bench.flash.log == []
    bench.verify()
