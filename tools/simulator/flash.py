"""A strict NOR part that tells of each operation before it is done, and what a cut in it may leave.

What may be left is hal/flash.py's contract: an erase leaves any mixture of old and erased bits in its
unit, a program any subset of the bits that it was to clear. The shapes below are the ends and the
middles of that space; the shares of stray bits of an early and a late erase are near those measured
on a real part (4.5 % and 0.35 %). Cells may stay unsure (cells.py). A part that queues loses at a cut any
of what was done since the last sync, in any order; the operations on one unit keep theirs.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hal.flash import NOT_ERASED, FlashError
from hal.sim.nor_flash import NorFlash
from tools.simulator.cells import FLICKERING, UNSTABLE, Part, Unsure, mixed

ERASE = "erase"
PROGRAM = "program"
_SYNC = 3

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
    queued: bool = False

    @property
    def size(self) -> int:
        return (self.journal_units + 2 * self.slot_units) * self.erase_size

    def slot(self, index: int) -> slice:
        """Where a slot's bytes lie."""
        start = (self.journal_units + index * self.slot_units) * self.erase_size
        return slice(start, start + self.slot_units * self.erase_size)

    def __str__(self) -> str:
        extra = "" if self.program_once else "-twice"
        extra += "" if self.erased_value == 0xFF else f"-erased={self.erased_value:02x}"
        extra += "-queued" if self.queued else ""
        return f"{self.erase_size}/{self.write_size}x{self.slot_units}{extra}"


@dataclass(frozen=True)
class Operation:
    """One erase or program about to happen; ``index`` counts from the life's first; ``queued``: those before
    it that are not certain yet."""

    index: int
    kind: str
    start: int
    before: bytes
    after: bytes
    queued: tuple["Operation", ...] = ()


@dataclass(frozen=True)
class Left:
    """What a cut leaves: bytes at places, and cells that stay unsure."""

    name: str
    patches: tuple[tuple[int, bytes], ...]
    unsure: Unsure | None = None

    def apply(self, part: Part, erase_size: int) -> None:
        """Make it so."""
        for start, data in self.patches:
            if part[start : start + len(data)] != data and len(data) == erase_size:
                part.settle(start, start + len(data))
            part[start : start + len(data)] = data
        if self.unsure is not None:
            part.unsure.append(self.unsure)


class ObservedFlash(NorFlash):
    """``observer`` is called with each Operation before it takes effect; ``chance`` draws unsure cells."""

    def __init__(
        self,
        memory: Part,
        geometry: Geometry,
        observer: Callable[[Operation], None] | None = None,
        chance: random.Random | None = None,
    ):
        super().__init__(
            memory, geometry.erase_size, geometry.write_size, geometry.erased_value, geometry.program_once
        )
        self.observer = observer
        self.operations = 0
        self._part = memory
        self._chance = chance or random.Random(0)
        self._queues = geometry.queued
        self._queue: tuple[Operation, ...] = ()
        memory.power_on(self._chance)

    def readblocks(self, block, buf, offset=0):
        """Fill ``buf``; unstable cells are drawn at every read."""
        if self._part.unsure:
            start = block * self.erase_size + offset
            self._part.read(start, start + len(buf), self._chance)
        super().readblocks(block, buf, offset)

    def ioctl(self, op, arg):
        """As NorFlash; 3 makes certain what is queued."""
        if op == _SYNC:
            self._queue = ()
        return super().ioctl(op, arg)

    def _erase(self, block: int) -> None:
        start = block * self.erase_size
        self._observe(ERASE, start, bytes([self.erased_value]) * self.erase_size)
        self._part.settle(start, start + self.erase_size)
        super()._erase(block)

    def _program(self, start: int, buf) -> None:
        if self._part.is_unsure(start, start + len(buf)):
            raise FlashError(NOT_ERASED, start)
        self._observe(PROGRAM, start, bytes(buf))
        super()._program(start, buf)

    def _observe(self, kind: str, start: int, after: bytes) -> None:
        before = bytes(self.memory[start : start + len(after)])
        operation = Operation(self.operations, kind, start, before, after, self._queue)
        if self.observer is not None:
            self.observer(operation)
        self.operations += 1
        if self._queues:
            self._queue += (operation,)


def outcomes(operation: Operation, erase_size: int, chance: random.Random) -> Iterator[Left]:
    """Everything a cut in this operation may leave that is tried."""
    start, before, after = operation.start, operation.before, operation.after
    for name, data in torn(operation, chance):
        yield Left(name, ((start, data),))
    if before != after:
        for kind in (UNSTABLE, FLICKERING):
            yield Left(kind, ((start, before),), Unsure(kind, start, before, after))
    if operation.queued:
        queues = Counter(at.start // erase_size for at in operation.queued)
        everything = set(queues)
        unit = start // erase_size
        yield Left("lost", _undone(operation, erase_size, dict.fromkeys(everything, 0)))
        kept = {at: 0 for at in everything if at != unit}
        yield Left("overtaken", (*_undone(operation, erase_size, kept), (start, after)))
        kept = {at: queues[at] - 1 for at in everything if at != unit}
        yield Left("overtaken-by-one", (*_undone(operation, erase_size, kept), (start, after)))
        most = len(operation.queued)
        kept = {at: chance.randint(0, most) for at in sorted(everything)}
        yield Left("shuffled", _undone(operation, erase_size, kept))


def _undone(operation: Operation, erase_size: int, kept: dict[int, int]) -> tuple[tuple[int, bytes], ...]:
    """The patches that take back what was queued, but for the first ``kept[unit]`` operations of a unit."""
    done: dict[int, int] = {}
    lost = []
    for queued in operation.queued:
        unit = queued.start // erase_size
        done[unit] = done.get(unit, 0) + 1
        if unit in kept and done[unit] > kept[unit]:
            lost.append((queued.start, queued.before))
    return tuple(reversed(lost))


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
        some = mixed(before[inside : inside + 1], after[inside : inside + 1], 1, chance)
        yield "inside", after[:inside] + some + before[inside + 1 :]
        yield "bits", mixed(before, after, 1, chance)
        yield "late", mixed(before, after, _LAST_BITS, chance, most=True)
    else:
        middle = len(after) // 2
        yield "early", mixed(before, after, _EARLY, chance)
        yield "half", after[:middle] + before[middle:]
        yield "backwards", before[:middle] + after[middle:]
        yield "mixed", mixed(before, after, 1, chance)
        yield "late", mixed(before, after, _LATE, chance, most=True)
    yield "whole", after
