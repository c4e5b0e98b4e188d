"""What each build of the native module costs: its bytes, and instructions where a processor is emulated.

``tools.bench_crypto`` prints it beside the figures of the Cortex-M3.
"""

import statistics
from collections.abc import Iterator
from dataclasses import dataclass

from rich.table import Table

from tools import emulated_cpu, native_modules, pinned_table
from tools.errors import Failed

Triple = tuple[bytes, bytes, bytes]
# What each build runs on here; the x64 build runs in the tests, where instructions are not counted.
_PROCESSORS = {
    "armv6m": emulated_cpu.CORTEX_M3,
    "armv7m": emulated_cpu.CORTEX_M3,
    "armv7emsp": emulated_cpu.CORTEX_M4,
    "rv32imc": emulated_cpu.RV32,
    "x64": None,
}


@dataclass(frozen=True)
class Build:
    """Medians over the signatures, in instructions; None where nothing counts them, ``why`` if it could."""

    architecture: str
    size: int
    any_key: int | None
    pinned_key: int | None
    why: str = ""


def measure(triples: list[Triple]) -> Iterator[Build]:
    """Of every build; ``triples`` are good signatures."""
    for architecture, cpu in _PROCESSORS.items():
        counts: tuple[int | None, int | None] = (None, None)
        why = ""
        if cpu is not None:
            try:
                counts = _instructions(architecture, cpu, triples)
            except Failed as error:
                # One compiler that is not here must not cost the figures of the others.
                why = error.message
        yield Build(architecture, native_modules.module(architecture).stat().st_size, *counts, why)


def _instructions(architecture: str, cpu: emulated_cpu.Cpu, triples: list[Triple]) -> tuple[int, int]:
    files = {native_modules.MODULE: native_modules.loadable(architecture, cpu)}
    for number, (key, _, _) in enumerate(triples):
        files[f"table{number}.bin"] = pinned_table.make(key)
    with emulated_cpu.Machine(cpu, files) as machine:
        machine.run(f"from p256_native import verify\ntriples = {triples!r}\n")
        medians = []
        for table in ("None", "open('/rom/table%d.bin' % place, 'rb').read()"):
            counts = []
            for place in range(len(triples)):
                code = f"place = {place}\ntable = {table}\n"
                code += "print(instructions(verify, *triples[place], None, table))"
                verdict, count = eval(machine.run(code))
                assert verdict is True, architecture
                counts.append(count)
            medians.append(int(statistics.median(counts)))
    return medians[0], medians[1]


def table_of(builds: list[Build]) -> Table:
    table = Table(title="The native module, in millions of instructions (M)")
    table.add_column("build")
    for column in ("bytes", "any key, M", "pinned key, M"):
        table.add_column(column, justify="right")
    for build in builds:
        counts = [
            "-" if count is None else f"{count / 1e6:.2f}" for count in (build.any_key, build.pinned_key)
        ]
        if build.why:
            table.caption = f"{build.architecture}: {build.why}"
        table.add_row(build.architecture, f"{build.size:,}", *counts)
    return table
