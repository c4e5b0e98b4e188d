"""What a P-256 verification costs a microcontroller: instructions, bytes and heap on the emulated Cortex-M3.

``tools.bench_crypto`` prints it. Each implementation has its own machine, with only what it needs loaded.
"""

import os
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from tools import emulated_cpu, layout, micro_ecc, native_modules, pinned_table, romfs

Triple = tuple[bytes, bytes, bytes]
SMALL_HEAP = 8192
# The search for the smallest heap ends there, in steps of:
HEAP_STEP = 256
_PACKAGES = (
    "firmware_agent/__init__.py",
    "firmware_agent/trust/__init__.py",
    "firmware_agent/trust/signature.py",
)
_P256 = "firmware_agent/trust/p256.py"
_PINNED = "firmware_agent/trust/p256_pinned.py"
_ARCHITECTURE = "armv7m"


@dataclass(frozen=True)
class Figures:
    """One implementation's; instructions are medians over the signatures."""

    name: str
    instructions: int
    longest_gap: int | None
    in_small_heap: int | None
    smallest_heap: int
    code: int
    table: int


# Leaves ``left`` bytes free, most of them in one piece, calls, and lets go.
_ON_DEVICE = """
def filled(left):
    kept = [None] * 512
    count = 0
    gc.collect()
    for size in (1024, 16):
        try:
            while gc.mem_free() > left + size + 32:
                kept[count] = bytearray(size)
                count += 1
        except MemoryError:
            # What is free lies in smaller pieces.
            pass
        gc.collect()
    return kept

def in_heap(left):
    kept = filled(left)
    free = gc.mem_free()
    try:
        verdict, count = instructions(verify, *triples[0])
    except MemoryError:
        verdict, count = None, 0
    kept = None
    gc.collect()
    return free, verdict, count

def gap():
    last = [now(), 0]
    def hook():
        passed = now() - last[0] & 0xffffffff
        last[1] = max(last[1], passed)
        last[0] = now()
    last[0] = now()
    verdict = verify(*triples[0], hook)
    hook()
    return last[1]
"""


def measure(triples: list[Triple]) -> Iterator[Figures]:
    """The figures of ours, then of micro-ecc's if its source is named; ``triples`` are good signatures."""
    sizes = _sizes()
    table = len(pinned_table.make(triples[0][0]))
    native = sizes["native"]
    yield _of("Python, any key", triples, "", sizes["p256"] - 1024, 1024)
    yield _of("Python, pinned key", triples, "table=TABLE", sizes["p256_pinned"], table)
    yield _of("native, any key", triples, "native", native, 0)
    yield _of("native, pinned key", triples, "native, TABLE", native, table)
    if os.environ.get(micro_ecc.VARIABLE):
        module = micro_ecc.build(_ARCHITECTURE)
        files = {micro_ecc.MODULE: module}
        code = f"from {Path(micro_ecc.MODULE).stem} import verify\n"
        yield _measured("micro-ecc, native", triples, files, code, False, len(module), 0)


def _sizes() -> dict[str, int]:
    files = _compiled(_P256, _PINNED)
    sizes = {Path(name).stem: len(data) for name, data in files.items()}
    return {**sizes, "native": native_modules.module(_ARCHITECTURE).stat().st_size}


def _compiled(*names: str) -> dict[str, bytes]:
    return romfs.compiled_all({name: (layout.ROOT / name).read_bytes() for name in names})


def _of(name: str, triples: list[Triple], choice: str, code: int, table: int) -> Figures:
    files, setup = prepared(triples[0][0], choice)
    if "TABLE" in choice:
        triples = [triple for triple in triples if triple[0] == triples[0][0]]
    return _measured(name, triples, files, setup, True, code, table)


def prepared(key: bytes, choice: str) -> tuple[dict[str, bytes], str]:
    """(what a machine needs at /rom, the code that makes ``verify``) for arguments of signature.choose():
    "", "native", "table=TABLE" or "native, TABLE"; TABLE is that of ``key``."""
    files = _compiled(*_PACKAGES, _P256, *([_PINNED] if "TABLE" in choice else []))
    # What is counted is a verification, not that its code is loaded.
    lines = ["from firmware_agent.trust import signature", "import firmware_agent.trust.p256"]
    if "native" in choice:
        files[native_modules.MODULE] = native_modules.module(_ARCHITECTURE).read_bytes()
        lines.append("import p256_native as native")
    if "TABLE" in choice:
        # As a board has it: a frozen module's bytes stay in flash.
        compiled = romfs.compiled("pinned_key.py", pinned_table.as_module(key).encode())
        files[compiled[0]] = compiled[1]
        lines.append("from pinned_key import TABLE")
    lines += [f"signature.choose({choice})", "verify = signature.verify", ""]
    return files, "\n".join(lines)


def _measured(
    name: str,
    triples: list[Triple],
    files: dict[str, bytes],
    setup: str,
    has_hook: bool,
    code: int,
    table: int,
) -> Figures:
    with emulated_cpu.Machine(emulated_cpu.CORTEX_M3, files) as machine:
        machine.run(f"{setup}triples = {triples!r}\n{_ON_DEVICE}")
        counts = []
        for place in range(len(triples)):
            verdict, count = eval(machine.run(f"print(instructions(verify, *triples[{place}]))"))
            assert verdict is True, name
            counts.append(count)
        gap = int(machine.run("print(gap())")) * emulated_cpu.CORTEX_M3.tick if has_hook else None
        _, verdict, small = _in_heap(machine, SMALL_HEAP)
        smallest = _smallest(machine)
    return Figures(
        name, int(statistics.median(counts)), gap, small if verdict else None, smallest, code, table
    )


def _in_heap(machine: emulated_cpu.Machine, left: int) -> tuple[int, bool | None, int]:
    free, verdict, count = eval(machine.run(f"print(in_heap({left}))"))
    assert verdict in (True, None)
    return free, verdict, count


def _smallest(machine: emulated_cpu.Machine) -> int:
    """The least that was free, in steps of HEAP_STEP, where the signature was still verified."""
    low, high, free = 0, 64, 0
    while low < high:
        middle = (low + high) // 2
        left, verdict, _ = _in_heap(machine, middle * HEAP_STEP)
        if verdict:
            high, free = middle, left
        else:
            low = middle + 1
    return free


def table_of(all_figures: list[Figures]) -> Table:
    table = Table(title="P-256 on an emulated Cortex-M3, 140 KB heap, in millions of instructions (M)")
    table.add_column("what", no_wrap=True)
    for column in ("M", f"{SMALL_HEAP // 1024} KB free, M", "gap, M", "least heap", "code", "table"):
        table.add_column(column, justify="right")
    for figures in all_figures:
        table.add_row(
            figures.name,
            _millions(figures.instructions),
            _millions(figures.in_small_heap),
            _millions(figures.longest_gap),
            f"{figures.smallest_heap:,}",
            f"{figures.code:,}",
            f"{figures.table:,}" if figures.table else "",
        )
    return table


def _millions(count: int | None) -> str:
    return "-" if count is None else f"{count / 1e6:.2f}"
