"""What a start costs the board, in instructions and heap: counts that are the same on every host."""

from firmware_agent.protocol import endpoint
from tools import bench_heap, bench_start, layout

# Bytes of the client's that blocks need: what it is today and a little, so that nobody adds to it unseen.
MOST_CODE = 5_300
MOST_OBJECTS = 1_200


def test_what_a_start_costs(tell):
    start = bench_start.measure()
    in_place, copied, source = (start.imports[form] for form in (".mpy in place", ".mpy copied", ".py"))
    tell(
        f"boot: {start.boot:,} instructions, {start.hash_kib:,} a KiB hashed;"
        f" import in place keeps {in_place.heap:,} bytes, copied {copied.heap:,}, .py {source.heap:,}"
    )
    # The parts are the whole boot, but for the record of it, and for what the collector does another time.
    assert 0.9 * start.boot < start.signature + start.hash_image < 1.02 * start.boot
    assert start.hash_image > (start.image // 1024) * start.hash_kib * 0.9
    # What runs in place is not in the heap: that is why slots are ROMFS images.
    assert 1.8 * in_place.heap < min(copied.heap, source.heap)
    assert in_place.instructions < copied.instructions < source.instructions / 10


def test_what_holds_the_heap_at_rest():
    levels, loaded = bench_heap.measure()
    kept = {}
    before = 0
    for what, level in levels:
        kept[what] = level - before
        before = level
    assert len(kept) == len(levels) == 11
    # Each group's modules were not there before; a file system is mounted, not read.
    assert all(size > 0 for what, size in kept.items() if what != "slot's file system"), kept
    assert kept["protocol"] > kept["loop and link"]
    for name in bench_heap.ON_DEMAND:
        assert (layout.ROOT / (name.replace(".", "/") + ".py")).is_file(), name
    assert "firmware_agent.agent" in loaded and not loaded & set(bench_heap.ON_DEMAND)


def test_what_a_download_keeps_loaded():
    levels, loaded = bench_heap.measure_download()
    before, code, objects, downloading, interview, after = (level for _, level in levels)
    # Whatever else is imported in a download, by accident or for a frame, must not stay.
    assert loaded == set(endpoint.RESIDENT.split())
    assert code - before < MOST_CODE
    assert objects - code < MOST_OBJECTS
    # A query and an offer, an interview: of their code nothing is left but names.
    assert downloading - objects < 400 and interview - downloading > 1000 and after - downloading < 400
