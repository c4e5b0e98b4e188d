"""A strict NOR part that tells of each operation before it is done, and what a cut in it may leave.

What may be left is hal/flash.py's contract: an erase leaves any mixture of old and erased bits in its
unit, a program any subset of the bits that it was to clear. The shapes below are the ends and the
middles of that space; the shares of stray bits of an early and a late erase are near those measured
on a real part (4.5 % and 0.35 %).
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hal.sim.nor_flash import NorFlash

ERASE = "erase"
PROGRAM = "program"

# Of the bits: one in 2 ** n.
_EARLY = 4
_LATE = 8
_LAST_BITS = 6  # of a program: about one in a small record


@dataclass(frozen=True)
class Geometry:
    """Sizes in bytes; units count erase units."""

    erase_size: int
    write_size: int
    journal_units: int
    slot_units: int
    erased_value: int = 0xFF
    program_once: bool = True

    @property
    def size(self) -> int:
        return (self.journal_units + 2 * self.slot_units) * self.erase_size

    def slot(self, index: int) -> slice:
        """Where a slot's bytes lie."""
        start = (self.journal_units + index * self.slot_units) * self.erase_size
        return slice(start, start + self.slot_units * self.erase_size)

    def __str__(self) -> str:
        extra = "" if self.program_once else " twice"
        extra += "" if self.erased_value == 0xFF else f" erased={self.erased_value:02x}"
        return f"{self.erase_size}/{self.write_size}x{self.slot_units}{extra}"


@dataclass(frozen=True)
class Operation:
    """One erase or program about to happen; ``index`` counts from the life's first."""

    index: int
    kind: str
    start: int
    before: bytes
    after: bytes


class ObservedFlash(NorFlash):
    """``observer`` is called with each Operation before it takes effect."""

    def __init__(
        self, memory: bytearray, geometry: Geometry, observer: Callable[[Operation], None] | None = None
    ):
        super().__init__(
            memory, geometry.erase_size, geometry.write_size, geometry.erased_value, geometry.program_once
        )
        self.observer = observer
        self.operations = 0

    def _erase(self, block: int) -> None:
        if self.observer is not None:
            start = block * self.erase_size
            before = bytes(self.memory[start : start + self.erase_size])
            self.observer(
                Operation(self.operations, ERASE, start, before, bytes([self.erased_value]) * self.erase_size)
            )
        self.operations += 1
        super()._erase(block)

    def _program(self, start: int, buf) -> None:
        if self.observer is not None:
            data = bytes(buf)
            before = bytes(self.memory[start : start + len(data)])
            self.observer(Operation(self.operations, PROGRAM, start, before, data))
        self.operations += 1
        super()._program(start, buf)


def torn(operation: Operation, chance: random.Random) -> Iterator[tuple[str, bytes]]:
    """(name, bytes in place of ``before``) for each thing a cut in this operation may leave.

    "none" and "whole" are the cuts before the operation and after it, before the call returned.
    """
    before, after = operation.before, operation.after
    yield "none", before
    if operation.kind == PROGRAM:
        length = len(after)
        for name, cut in (("byte", 1), ("half", length // 2), ("almost", length - 1)):
            yield name, after[:cut] + before[cut:]
        inside = chance.randrange(length)
        mixed = _mixed(before[inside : inside + 1], after[inside : inside + 1], 1, chance)
        yield "inside", after[:inside] + mixed + before[inside + 1 :]
        yield "bits", _mixed(before, after, 1, chance)
        yield "late", _mixed(before, after, _LAST_BITS, chance, most=True)
    else:
        middle = len(after) // 2
        yield "early", _mixed(before, after, _EARLY, chance)
        yield "half", after[:middle] + before[middle:]
        yield "backwards", before[:middle] + after[middle:]
        yield "mixed", _mixed(before, after, 1, chance)
        yield "late", _mixed(before, after, _LATE, chance, most=True)
    yield "whole", after


def _mixed(before: bytes, after: bytes, halvings: int, chance: random.Random, most: bool = False) -> bytes:
    """Of the bits that differ, one in 2 ** halvings is as after; with ``most`` that many are not."""
    size = 8 * len(before)
    mask = chance.getrandbits(size)
    for _ in range(halvings - 1):
        mask &= chance.getrandbits(size)
    if most:
        mask ^= (1 << size) - 1
    old = int.from_bytes(before, "little")
    new = int.from_bytes(after, "little")
    return (old ^ ((old ^ new) & mask)).to_bytes(len(before), "little")
