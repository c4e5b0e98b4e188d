"""What a block costs a microcontroller, from the wire's bytes to the flash and the next request on the wire.

``python -m tools.bench_block``: instructions on the emulated Cortex-M3 with stock MicroPython, for a block of
63 bytes in the steady download, the mean over two erase units; the loops over bytes plain and in machine
code. The flash is a stub that takes what it is given. The whole way is the agent's own; the steps are its
calls, one by one.
"""

import sys
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from tools import emulated_cpu, layout, romfs

BLOCK = 63
_ARCHITECTURE = "armv7m"
_DRIVER = ["tools/on_device/__init__.py", "tools/on_device/block_path.py"]
_BOARD = ["boards/__init__.py", "boards/common/__init__.py", "boards/common/byte_loops_viper.py"]
# The file's last request is shorter: left out.
_ON_DEVICE = """
gc.threshold(-1)
if {viper}:
    from boards.common import byte_loops_viper
    from hal import byte_loops
    byte_loops.use(byte_loops_viper)
from tools.on_device.block_path import Path, STEPS
path = Path({size})
read = path.agent._read_link
_, empty = instructions(path.nothing)
whole = [0, 0]
parts = [0] * len(STEPS)
for n in range(2 * (4096 // {size} + 1)):
    size = path.serve()
    if size != {size}:
        read()
    else:
        whole[0] += instructions(read)[1] - empty
        whole[1] += 1
stepped = 0
for n in range(4096 // {size} + 1):
    size = path.serve()
    if size != {size}:
        read()
        continue
    stepped += 1
    for i in range(len(STEPS)):
        parts[i] += instructions(STEPS[i][1], path)[1] - empty
gc.disable()
allocated = before = 0
for n in range(4096 // {size}):
    path.serve()
    before = gc.mem_alloc()
    read()
    allocated += gc.mem_alloc() - before
print(whole[0] // whole[1])
print(allocated)
for i in range(len(STEPS)):
    print(STEPS[i][0], parts[i] // stepped)
"""


@dataclass(frozen=True)
class Cost:
    """Instructions for one block: of the whole way, and of its steps by name. allocated: bytes of heap, by
    all blocks of an erase unit; its erase and its record are among them."""

    whole: int
    allocated: int
    steps: dict[str, int]

    @property
    def to_flash(self) -> int:
        """From the wire's bytes to the flash: the first three steps."""
        return sum(list(self.steps.values())[:3])


def measure(viper: bool, size: int = BLOCK) -> Cost:
    """Failed if the tools for the emulated processor are not here."""
    names = [*layout.updatable_files(), *layout.fixed_files(), *_DRIVER, *_BOARD]
    sources = {
        name: (layout.ROOT / name).read_bytes() if (layout.ROOT / name).is_file() else b""
        for name in [*names, "tools/__init__.py"]
    }
    files = romfs.compiled_all(sources, _ARCHITECTURE)
    with emulated_cpu.Machine(emulated_cpu.CORTEX_M3, files) as machine:
        whole, allocated, *rest = machine.run(_ON_DEVICE.format(viper=viper, size=size)).split("\n")
    steps = (line.rpartition(" ") for line in rest if line)
    return Cost(int(whole), int(allocated), {name: int(count) for name, _, count in steps})


def table(plain: Cost, viper: Cost) -> Table:
    """Side by side."""
    shown = Table(
        "step", "plain Python", "loops in viper", title=f"instructions for a block of {BLOCK} bytes"
    )
    for name in plain.steps:
        shown.add_row(name, f"{plain.steps[name]:,}", f"{viper.steps[name]:,}")
    shown.add_section()
    shown.add_row("from frame to flash", f"{plain.to_flash:,}", f"{viper.to_flash:,}")
    shown.add_row(
        "from frame to flash to the next request, at one go", f"{plain.whole:,}", f"{viper.whole:,}"
    )
    shown.add_section()
    shown.add_row("bytes allocated in an erase unit", f"{plain.allocated:,}", f"{viper.allocated:,}")
    return shown


def main() -> None:
    """Print the table."""
    Console(file=sys.stdout).print(table(measure(False), measure(True)))


if __name__ == "__main__":
    main()
