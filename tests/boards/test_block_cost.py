"""What a block costs on the emulated Cortex-M3, counted in instructions: the same on every host."""

from tools import bench_block

# Not a goal: what it costs today and a little, so that nobody doubles it unseen. `make bench-board` prints.
MOST_WITH_MACHINE_CODE = 69_000
MOST_PLAIN = 375_000
# That one is a goal.
MOST_TO_FLASH = 60_000


def test_a_block_costs_no_more_than_it_did(tell):
    plain, viper = bench_block.measure(False), bench_block.measure(True)
    tell(f"a block of {bench_block.BLOCK} bytes: {plain.whole:,} instructions, viper {viper.whole:,}")
    assert viper.whole < MOST_WITH_MACHINE_CODE
    assert plain.whole < MOST_PLAIN
    assert viper.to_flash < MOST_TO_FLASH
    assert plain.allocated == viper.allocated == 0
    # The steps are the whole way, but for the agent's own calls in between, and for what few blocks wait for.
    for cost in (plain, viper):
        steps = sum(count for step, count in cost.steps.items() if "only" not in step)
        assert 0.85 * cost.whole < steps < cost.whole
