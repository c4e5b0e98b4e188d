"""A part's bytes, some of whose cells a cut left between two values: they read one way, then another.

Two kinds, both seen on real parts: cells that read differently at every read, and a whole operation that
reads done after one power-on and undone after the next. Only an erase of the unit ends it.
"""

import random
from dataclasses import dataclass

UNSTABLE = "unstable"  # each bit by itself, at every read
FLICKERING = "flickering"  # all bits together, from power-on to power-on


@dataclass(frozen=True)
class Unsure:
    """The bits in which ``before`` and ``after`` differ read as one or the other."""

    kind: str
    start: int
    before: bytes
    after: bytes

    def overlaps(self, start: int, end: int) -> bool:
        """Whether it has a byte in this range."""
        return self.start < end and start < self.start + len(self.before)


class Part(bytearray):
    """The bytes as they read now; ``unsure`` says which of them may read otherwise."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.unsure: list[Unsure] = []

    def copy(self) -> "Part":
        """The same part."""
        other = Part(self)
        other.unsure = list(self.unsure)
        return other

    def key(self) -> tuple:
        """What of it can make a difference later: not how unsure cells happen to read now."""
        if not self.unsure:
            return (bytes(self),)
        calm = bytearray(self)
        for cells in self.unsure:
            calm[cells.start : cells.start + len(cells.before)] = cells.before
        return bytes(calm), tuple(self.unsure)

    def is_unsure(self, start: int, end: int) -> bool:
        """Whether some cell of this range may read otherwise."""
        return any(cells.overlaps(start, end) for cells in self.unsure)

    def settle(self, start: int, end: int) -> None:
        """An erase: every cell of this range is certain again."""
        if self.unsure:
            self.unsure = [cells for cells in self.unsure if not cells.overlaps(start, end)]

    def power_on(self, chance: random.Random) -> None:
        """Draw how everything unsure reads."""
        for cells in self.unsure:
            if cells.kind == FLICKERING:
                self[cells.start : cells.start + len(cells.before)] = chance.choice(
                    (cells.before, cells.after)
                )
        self.read(0, len(self), chance)

    def read(self, start: int, end: int, chance: random.Random) -> None:
        """Draw again what reads differently at every read, where this range touches it."""
        for cells in self.unsure:
            if cells.kind == UNSTABLE and cells.overlaps(start, end):
                self[cells.start : cells.start + len(cells.before)] = mixed(
                    cells.before, cells.after, 1, chance
                )


def mixed(before: bytes, after: bytes, halvings: int, chance: random.Random, most: bool = False) -> bytes:
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
