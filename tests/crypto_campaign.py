"""``make crypto-campaign``: every implementation of P-256 against everything that there is to hold it to.

10,001 random and mutated signatures against two host libraries, on CPython and MicroPython unix; all
published vectors and crafted scalars on emulated processors too: the Python code, each native build.
``make test`` runs the first part's slice and the vectors on this machine.
"""

import io
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from tests import test_p256_vectors as vectors
from tests.p256_support import (
    CHOICES,
    VERDICTS,
    read_verdicts,
    verdicts_of_cpython,
    verdicts_of_micropython,
    write_triples,
)
from tools import emulated_cpu, layout, native_modules, romfs

ROUNDS = 3334
MODULES = ("__init__", "trust/__init__", "trust/signature", "trust/p256", "trust/p256_pinned")
EMULATED = [
    *((emulated_cpu.CORTEX_M3, choice, "armv7m") for choice in CHOICES),
    *((emulated_cpu.CORTEX_M3, choice, "armv6m") for choice in ("native", "native, pinned")),
    *((emulated_cpu.CORTEX_M4, choice, "armv7emsp") for choice in ("native", "native, pinned")),
    *((emulated_cpu.RV32, choice, "rv32imc") for choice in ("native", "native, pinned")),
]
console = Console(width=140)


def main() -> int:
    failures = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        triples = vectors.random_and_mutated(ROUNDS)
        wanted = [vectors.verdict_of_cryptography(*triple) for triple in triples]
        console.print(f"{len(triples):,} random and mutated signatures, of which {sum(wanted):,} are good")
        by_ecdsa = timed("python-ecdsa", lambda: [vectors.verdict_of_ecdsa(*triple) for triple in triples])
        failures += compare("python-ecdsa", triples, wanted, by_ecdsa)
        failures += on_this_machine(triples, wanted, folder)
        triples, wanted = everything_published()
        console.print(
            f"{len(triples):,} published vectors and crafted scalars, of which {sum(wanted):,} are good"
        )
        failures += on_this_machine(triples, wanted, folder)
    for cpu, choice, architecture in EMULATED:
        who = f"{choice}, {cpu.name}" + (f", {architecture}" if "native" in choice else "")
        verdicts = timed(who, lambda: on_processor(triples, cpu, choice, architecture))  # noqa: B023
        failures += compare(who, triples, wanted, verdicts)
    console.print("no verdict differs" if not failures else f"{failures} VERDICTS DIFFER")
    return 1 if failures else 0


def everything_published():
    published = [vector for source in ("der", "raw", "nist") for vector in vectors.published(source)]
    crafted, crafted_wanted = vectors.crafted()
    return [triple for _, triple, _ in published] + crafted, [
        wanted for _, _, wanted in published
    ] + crafted_wanted


def on_this_machine(triples, wanted, folder):
    failures = 0
    for choice, (native, _) in CHOICES.items():
        if not native:
            who = f"{choice}, CPython"
            failures += compare(
                who,
                triples,
                wanted,
                timed(who, lambda: verdicts_of_cpython(triples, choice)),  # noqa: B023
            )
        who = f"{choice}, MicroPython"
        verdicts = timed(
            who,
            lambda: verdicts_of_micropython(triples, folder, choice, "4m", timeout=1800),  # noqa: B023
        )
        failures += compare(who, triples, wanted, verdicts)
    return failures


def on_processor(triples, cpu, choice, architecture):
    native, pinned = CHOICES[choice]
    names = [f"firmware_agent/{name}.py" for name in MODULES]
    files = romfs.compiled_all({name: (layout.ROOT / name).read_bytes() for name in names})
    files[native_modules.MODULE] = native_modules.loadable(architecture, cpu)
    records = io.BytesIO()
    write_triples(records, triples, pinned)
    files["triples.bin"] = records.getvalue()
    code = VERDICTS.format(paths=[], triples="/rom/triples.bin", native=native, pinned=pinned)
    with emulated_cpu.Machine(cpu, files, counting=False) as machine:
        return read_verdicts(machine.run(code, timeout=1800), len(triples))


def timed(who, run):
    began = time.monotonic()
    result = run()
    console.print(f"  {who}: {time.monotonic() - began:.0f} s")
    return result


def compare(who, triples, wanted, verdicts):
    wrong = [place for place, verdict in enumerate(verdicts) if verdict is not wanted[place]]
    for place in wrong[:5]:
        console.print(f"  WRONG, {who}: not {wanted[place]}:", *(part.hex() for part in triples[place]))
    return len(wrong)


if __name__ == "__main__":
    sys.exit(main())
