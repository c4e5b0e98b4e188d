"""P-256 on stock MicroPython on an emulated Cortex-M3: right on a slice of the vectors, and within its goals.

`make crypto-campaign` runs all vectors there, and on more processors; `make bench-crypto` prints the figures.
"""

import pytest

from tests import test_p256_vectors as vectors
from tests.crypto_campaign import on_processor
from tests.p256_support import CHOICES
from tools import bench_cortex_m3, bench_crypto, emulated_cpu

# Millions of instructions for one verification: what issue and README promise.
GOALS = {"": 45, "table=TABLE": 22, "native": 4.3, "native, TABLE": 2.3}


def slice_of_vectors():
    """NIST's, every 16th of Wycheproof's and all whose key shares x with the generator, crafted scalars."""
    chosen = list(vectors.published("nist"))
    for source in ("der", "raw"):
        for place, vector in enumerate(vectors.published(source)):
            if place % 16 == 0 or any(f"tcId {number} " in vector[0] for number in (221, 222, 223, 224)):
                chosen.append(vector)
    triples, wanted = vectors.crafted()
    return (
        [triple for _, triple, _ in chosen] + triples[::10],
        [valid for _, _, valid in chosen] + wanted[::10],
    )


@pytest.mark.parametrize("choice", CHOICES)
def test_a_slice_of_the_vectors(choice):
    triples, wanted = slice_of_vectors()
    assert len(triples) > 75 and 25 < sum(wanted) < len(triples) - 25
    assert on_processor(triples, emulated_cpu.CORTEX_M3, choice, "armv7m") == wanted


@pytest.mark.parametrize("choice", GOALS)
def test_a_verification_stays_within_its_goal(choice):
    """Instructions are counted, not timed: the same in every run."""
    triple = bench_crypto.make_triples()[0]
    files, setup = bench_cortex_m3.prepared(triple[0], choice)
    with emulated_cpu.Machine(emulated_cpu.CORTEX_M3, files) as machine:
        machine.run(f"{setup}triple = {triple!r}")
        verdict, count = eval(machine.run("print(instructions(verify, *triple))"))
    assert verdict is True
    assert GOALS[choice] / 2 < count / 1e6 <= GOALS[choice]
