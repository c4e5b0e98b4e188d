"""What an update costs: bytes on the air, frames, heap. ``python -m tools.bench`` prints counts, no times.

On the air: tools/air.py says what is counted and what the bound is. The heap is that of real MicroPython (64
bits) on the host board, in whole updates from a zigpy hub, with an application that does nothing: the
smallest in which one succeeds, and what is in use at most after a collection. Once with the board's own
firmware, which has the boot files frozen as a device has, and once with stock MicroPython, where they are a
file system.
"""

import asyncio
import logging
import tempfile
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from tools import air, bench_board, firmware
from tools.demo.images import Images
from tools.emulator.machine import MICROPYTHON, OWN_FIRMWARE
from tools.emulator.state_dir import HOST

# As the agent's own events: on the host board, what is printed would go to the link.
_TELL = """

_emit = None


def _start_and_tell(device, start=start):
    global _emit
    _emit = device._board.emit
    start(device)
    device.every(1000, _tell_heap)


def _tell_heap(elapsed):
    import gc

    gc.collect()
    _emit("heap", {"used": gc.mem_alloc(), "free": gc.mem_free()})


start = _start_and_tell
"""
LOSS = 0.3
SEEDS = (1, 2, 3)


def air_table() -> Table:
    """Without loss, by block requests and by pages, at each size of a block."""
    names = ("asked by", "bytes a block", "frames", "bytes on air", "per image byte", "above the bound")
    table = Table(*names, title=f"an upgrade file of {air.update(63).size:,} bytes, nothing lost")
    for page in (0, air.PAGE):
        for block in air.SIZES:
            counts = air.update(block, page)
            how = f"pages of {page}" if page else "blocks"
            figures = (counts.frames, counts.air)
            shown = [f"{figure:,}" for figure in figures]
            table.add_row(how, str(block), *shown, f"{counts.per_byte:.3f}", f"{counts.above:.2f} %")
    return table


def loss_table() -> Table:
    """With frames lost on our own hub, once the session has started."""
    names = ("asked by", "seed", "frames", "lost", "per image byte", "bytes received twice")
    table = Table(*names, title=f"50 bytes a block, {LOSS:.0%} of requests and blocks lost")
    for page in (0, air.PAGE):
        for seed in SEEDS:
            counts = air.update(50, page, LOSS, seed)
            how = f"pages of {page}" if page else "blocks"
            table.add_row(
                how,
                str(seed),
                f"{counts.frames:,}",
                f"{counts.lost:,}",
                f"{counts.per_byte:.3f}",
                f"{counts.twice} ({100 * counts.twice / counts.size:.2f} %)",
            )
    return table


def make_images(directory: Path) -> Images:
    """Two releases of an application that does nothing but tell how much heap is in use."""
    return bench_board.make_images(directory, False, _TELL)


async def heap_table(console: Console) -> Table:
    """Of a whole update on real MicroPython."""
    table = Table("heap of 64-bit MicroPython, the agent as .mpy", "boot files frozen", "stock MicroPython")
    firmware.build(HOST)
    with tempfile.TemporaryDirectory(prefix="hanota-") as name:
        made = make_images(Path(name))
        columns = [
            await bench_board.heap_rows(made, HOST, console, interpreter)
            for interpreter in (OWN_FIRMWARE, MICROPYTHON)
        ]
    for (what, frozen), (_, stock) in zip(*columns, strict=True):
        table.add_row(what, frozen, stock)
    return table


@click.command()
@click.option("--heap/--no-heap", default=True, help="Measure the heap, too: several minutes.")
def main(heap: bool) -> None:
    """Print what an update costs."""
    logging.getLogger("zigpy").addHandler(logging.NullHandler())
    console = Console(width=100)
    console.print(air_table())
    console.print(loss_table())
    if heap:
        console.print(asyncio.run(heap_table(console)))


if __name__ == "__main__":
    main()
