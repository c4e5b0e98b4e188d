"""What a start costs the board, in instructions and heap: counts that are the same on every host."""

from tools import bench_start


def test_what_a_start_costs(capsys):
    start = bench_start.measure()
    in_place, copied, source = (start.imports[form] for form in (".mpy in place", ".mpy copied", ".py"))
    with capsys.disabled():
        print(
            f"\nboot: {start.boot:,} instructions, {start.hash_kib:,} a KiB hashed;"
            f" import in place keeps {in_place.heap:,} bytes, copied {copied.heap:,}, .py {source.heap:,}",
            end="",
        )
    # The parts are the whole boot, but for the record of it.
    assert 0.9 * start.boot < start.signature + start.hash_image < start.boot
    assert start.hash_image > (start.image // 1024) * start.hash_kib * 0.9
    # What runs in place is not in the heap: that is why slots are ROMFS images.
    assert 2 * in_place.heap < copied.heap <= source.heap
    assert in_place.instructions < copied.instructions < source.instructions / 10
