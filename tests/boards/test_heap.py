"""What an update takes of the heap, and what is left of that at rest, on the Cortex-M3 and on 64 bits."""

import asyncio

from tests.boards import BOARD, check_firmware
from tools import bench, bench_board
from tools.emulator.machine import MICROPYTHON, OWN_FIRMWARE
from tools.emulator.state_dir import HOST

REST = 12 * 1024  # bytes, a goal: with an application that does nothing but tell
# KiB. The goal is 32, and `make bench-board` says that it is enough; here a step more, since garbage lies
# elsewhere in each run.
HEAP = 36
# KiB, a goal: with objects of twice the size, and the boot files frozen as they are on the Cortex-M3.
HEAP_64_BITS = 64


def updated(made, board, heap, interpreter, tell):
    """Bytes in use at rest; an update with ``heap`` KiB has come to its end."""
    check_firmware(board)
    idle, busy = asyncio.run(bench_board.update(made, board, heap, interpreter))
    tell(f"heap of {board}: {idle[-1]:,} bytes at rest, {max(busy):,} in an update, of {heap} KiB")
    assert idle[-1] < idle[0]
    assert idle[-1] < min(busy)
    return idle[-1]


def test_an_update_in_a_small_heap_and_less_than_12_kib_at_rest(tmp_path, tell):
    made = bench_board.make_images(tmp_path, sample=False)
    assert updated(made, BOARD, HEAP, MICROPYTHON, tell) < REST


def test_an_update_in_64_kib_on_64_bits(tmp_path, tell):
    updated(bench.make_images(tmp_path), HOST, HEAP_64_BITS, OWN_FIRMWARE, tell)
