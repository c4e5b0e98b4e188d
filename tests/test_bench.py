"""The counts that `make bench` prints are held; wall time never is."""

import pytest

from tools import air

# No block crosses an erase unit, so that a cut never costs more than one: where 4096 is not a multiple of a
# block's size, the short blocks at the units' ends show.
ABOVE = {(40, 0): 0.6, (50, 0): 0.3, (63, 0): 1.2, (223, 0): 1.4}


@pytest.mark.parametrize("page", [0, air.PAGE])
@pytest.mark.parametrize("block", air.SIZES)
def test_bytes_on_air_without_loss(block, page):
    counts = air.update(block, page)
    print(
        f"{block} bytes a block, pages of {page}: {counts.per_byte:.3f}, {counts.above:.2f} % above the bound"
    )
    assert counts.twice == counts.lost == 0
    assert 0 < counts.above < ABOVE.get((block, page), 0.2)
    # What the promise to lose no more than a unit forces is all of it; the session's own frames are the rest.
    assert 0 < counts.above_units < 0.2


def test_the_bound_by_hand():
    # 100 bytes in blocks of 63: two requests of 17 bytes, answers of 80 and 54, each in 51 bytes of layers.
    assert air.bound(100, 63, 0) == 2 * (51 + 17) + (51 + 80) + (51 + 54)
    # A page request has 21.
    assert air.bound(100, 63, 1024) == (51 + 21) + (51 + 80) + (51 + 54)
    # 162 bytes, of which 100 are in the first unit and 62 in the next, in three blocks.
    assert air.bound_of_units(162, 63, 0, 100, 62) == air.bound(100, 63, 0) + air.bound(62, 63, 0)
    # 240 bytes of ZCL go in three fragments.
    assert air.on_air(82) == 51 + 82 and air.on_air(240) == 3 * 53 + 240


@pytest.mark.parametrize("page", [0, air.PAGE])
@pytest.mark.parametrize("seed", range(4))
def test_at_30_per_cent_loss_an_update_completes_and_hardly_a_byte_comes_twice(seed, page):
    counts = air.update(50, page, 0.3, seed, image=40_000)
    assert counts.lost > counts.frames // 5
    assert counts.twice < counts.size // 100
