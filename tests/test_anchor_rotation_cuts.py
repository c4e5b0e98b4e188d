"""A rotation of trust anchors with its power cut: every operation, every effect, and again in the recovery.

The portable tests cut every operation once, on both interpreters; this is the rest of it, on CPython.
"""

from firmware_agent import boot
from hal.sim.cut_flash import BITS, EFFECTS, FLICKER, NOTHING, UNSTABLE, WHOLE, PowerCut
from tests.portable.test_anchor_rotation import (
    NEW,
    SPARE,
    Rotation,
    bench_of,
    cut_everywhere,
    operations_of,
    seeded,
    trusted,
)

SMALL = (512, 16, 2, 3)


def test_every_effect_of_a_cut_in_every_operation():
    effects = (NOTHING, BITS, UNSTABLE, FLICKER, WHOLE)
    assert cut_everywhere(SMALL, effects) >= len(effects) * 25


def test_a_part_with_other_sizes():
    assert cut_everywhere((4096, 4, 1, 3), (BITS, FLICKER)) >= 2 * 14


def test_a_second_cut_while_it_recovers():
    cuts = 0
    for first in range(1, operations_of(SMALL) + 1, 2):
        for second in (1, 2, 3):
            bench = bench_of(seeded(first * 8 + second), SMALL)
            rotation = Rotation(bench)
            rotation.cut = (first, FLICKER)
            assert rotation.life()
            bench.flash.power_on()
            bench.flash.arm(second, FLICKER)
            recovery = Rotation(bench)
            try:
                recovery.check(bench.power_on(boot.POWER_ON))
            except PowerCut:
                cuts += 1
            recovery.run()
            assert trusted(bench) == [SPARE, NEW], (first, second, EFFECTS[FLICKER])
    assert cuts >= 10
