"""The rig cuts where the simulator cuts: the same update on both, operation for operation.

The emulated board's flash writes each operation down and loses its power inside the one that is armed
(boards/qemu_mps2/memory_map.py, TRACE). The simulator starts from the same bytes, with the same images and
the same hub. Both traces must be equal: kind, address and length of every erase and program, from power-on
to the confirmed update. Then both are cut at the same operations, with the same part of each done, and must
leave the same flash, recover by the same operations, and end in the same bytes.
"""

import copy
import random
import shutil
from dataclasses import dataclass, replace

from boards.common.store import open_store
from boards.qemu_mps2 import memory_map as mm
from firmware_agent import boot
from firmware_agent.trust.anchors import ANCHORS, FIRMWARE, Anchor, Anchors
from hal.sim.nor_flash import NorFlash
from tools import keys
from tools.emulator.factory import make_device
from tools.emulator.state_dir import StateDir
from tools.errors import Failed
from tools.rig import sabotage
from tools.rig.bench import GEOMETRY, Bench
from tools.rig.bench_file import EmulatedPower
from tools.rig.images import FACTORY, STEP, Image
from tools.rig.plan import Step
from tools.rig.power import ByProcess
from tools.rig.record import Record
from tools.simulator import world
from tools.simulator.cells import Part
from tools.simulator.explorer import remembered_signatures
from tools.simulator.flash import ERASE, PROGRAM, ObservedFlash, Operation
from tools.simulator.hub import SimHub

Entry = tuple[str, int, int]  # kind, address, length
BOARD = "qemu_mps2"
_MOST_LIVES = 10


class Skipped(Exception):
    """The bench cannot do this step."""


@dataclass(frozen=True)
class Cut:
    """In the operation of this number, from 1, after so many of its bytes."""

    operation: int
    done: int


@dataclass
class Outcome:
    """``at_cut``: the flash right after the cut; ``end``: when the update is confirmed."""

    trace: list[Entry]
    at_cut: bytes
    end: bytes


# The simulator


class _PowerCut(BaseException):
    """Ends a simulated life."""


class _Simulated:
    """One update from ``flash`` on, cut once if ``cut`` says so."""

    def __init__(self, flash: bytes, identity: dict, image: Image, cut: Cut | None):
        self._memory = Part(flash)
        copy = bytearray(flash)
        nor = NorFlash(copy, GEOMETRY.erase_size, GEOMETRY.write_size)
        self._rules = open_store(nor, copy, identity).device
        self._image = image
        self._cut = cut
        self._trace: list[Entry] = []
        self._at_cut = b""

    def run(self) -> Outcome:
        hub = SimHub()
        hub.offer(self._image.data)
        cause = boot.POWER_ON
        with remembered_signatures():
            for number in range(_MOST_LIVES):
                part = ObservedFlash(self._memory, GEOMETRY, self._observe)
                chance = random.Random(number)
                try:
                    life = world.live(
                        *(part, GEOMETRY, copy.copy(self._rules), hub, cause, {}),
                        *(lambda *booted: None, chance),
                    )
                except _PowerCut:
                    cause = boot.POWER_ON
                    continue
                if life.end == world.SETTLED and life.version == self._image.version:
                    return Outcome(self._trace, self._at_cut, bytes(self._memory))
                cause = life.end
        raise Failed(f"the simulated update is not confirmed after {_MOST_LIVES} boots")

    def _observe(self, operation: Operation) -> None:
        self._trace.append((operation.kind, operation.start, len(operation.after)))
        if self._cut is not None and len(self._trace) == self._cut.operation:
            end = operation.start + min(self._cut.done, len(operation.after))
            self._memory[operation.start : end] = operation.after[: end - operation.start]
            self._at_cut = bytes(self._memory)
            raise _PowerCut


# The board


class _Traced:
    """An emulated board of its own, put back to its first power-on before each run."""

    def __init__(self, bench: Bench, image: Image, timeout: float):
        assert bench.state is not None and isinstance(bench.power, ByProcess)
        self._bench = bench
        self._state = bench.state
        self._power = bench.power
        self._image = image
        self._timeout = timeout
        self._fresh = bench.state.path / "fresh.bin"

    def prepare(self) -> bytes:
        """Make the device, and keep its flash as it leaves the factory; what that is."""
        images = self._bench.images
        anchors = Anchors([Anchor(keys.load_public(images.trust), FIRMWARE | ANCHORS)])
        spec = self._bench.spec
        self._state.path.mkdir()
        make_device(
            *(self._state, images.make(FACTORY).path, anchors),
            *(spec.device, spec.manufacturer_code, spec.hardware_version),
            board=BOARD,
        )
        shutil.copyfile(self._state.flash, self._fresh)
        return self._read()

    async def run(self, cut: Cut | None) -> Outcome:
        """One update, cut once if ``cut`` says so."""
        shutil.copyfile(self._fresh, self._state.flash)
        _arm(self._state, cut)
        hub = SimHub()
        hub.offer(self._image.data)

        def hear(contents: bytes) -> None:
            for answer in hub.handle(contents):
                self._bench.wire.send(answer)

        self._bench.wire.listener = hear
        since = len(self._bench.events.events)
        at_cut = b""
        try:
            await self._bench.plug_in()
            if cut is not None:
                await self._power.ended()
                if b"armed" not in self._power.said:
                    raise Failed(
                        f"the board ended by itself: {self._power.said.decode(errors='replace').strip()}"
                    )
                self._bench.record.mark("cut", f"operation {cut.operation}")
                at_cut = self._read()
                await self._bench.plug_in()
            await self._bench.events.wait_for(
                "confirmed", self._timeout, since, file_version=self._image.version_text
            )
        finally:
            await self._bench.power_off()
            self._bench.wire.listener = None
        return Outcome(_trace(self._state), at_cut, self._read())

    def _read(self) -> bytes:
        return self._state.read_flash()[: GEOMETRY.size]


def _arm(state: StateDir, cut: Cut | None) -> None:
    words = (0, 0, 0) if cut is None else (0, cut.operation, cut.done)
    with state.map(mm.TRACE, mm.PAGE) as head:
        for number, word in enumerate(words):
            head[4 * number : 4 * number + 4] = word.to_bytes(4, "little")


def _trace(state: StateDir) -> list[Entry]:
    size = mm.TRACE_HEAD + 8 * mm.TRACE_CAPACITY
    with state.map(mm.TRACE, -(-size // mm.PAGE) * mm.PAGE) as memory:
        data = bytes(memory[:size])
    count = int.from_bytes(data[:4], "little")
    if count > mm.TRACE_CAPACITY:
        raise Failed(f"the board did {count} operations, its trace has room for {mm.TRACE_CAPACITY}")
    entries = []
    for at in range(mm.TRACE_HEAD, mm.TRACE_HEAD + 8 * count, 8):
        where = int.from_bytes(data[at : at + 4], "little")
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        kind = ERASE if where & mm.TRACE_ERASE else PROGRAM
        entries.append((kind, where & ~mm.TRACE_ERASE, length))
    return entries


# Both


async def run(bench: Bench, step: Step, chance: random.Random) -> dict[str, object]:
    """Compare a whole update, and so many that are cut."""
    if not bench.has_trace or not isinstance(bench.spec.power, EmulatedPower):
        raise Skipped("this board does not tell its flash operations")
    spec = replace(bench.spec, power=replace(bench.spec.power, state=None), key=None)
    directory = bench.directory / "trace"
    # An application that writes nothing itself, from the factory on: every operation is the agent's.
    package = directory / "application"
    package.mkdir(parents=True, exist_ok=True)
    (package / "app.py").write_text(sabotage.GOOD)
    spec = replace(spec, application=package, manufacturer_code=0x1234, hardware_version=1, device="ppmid")
    record = Record(bench.record.bench, bench.record.seed, 0.0)
    record.mark = bench.record.mark  # type: ignore[method-assign]
    async with Bench(spec, directory, record) as traced:
        image = traced.images.make(FACTORY + STEP)
        board = _Traced(traced, image, step["timeout"])
        fresh = board.prepare()
        assert traced.state is not None
        identity = traced.state.identity()
        whole = await board.run(None)
        _compare(whole, _Simulated(fresh, identity, image, None).run(), "the whole update")
        compared = len(whole.trace)
        count = step.count("cuts")
        numbers = sorted(chance.sample(range(1, len(whole.trace) + 1), min(count, len(whole.trace))))
        for done, number in enumerate(numbers):
            bench.record.progress = done / count
            length = whole.trace[number - 1][2]
            cut = Cut(number, chance.choice((0, length // 2, chance.randrange(length), length)))
            ours = await board.run(cut)
            what = f"a cut in operation {cut.operation} of {len(whole.trace)} after {cut.done} bytes"
            _compare(ours, _Simulated(fresh, identity, image, cut).run(), what)
            compared += len(ours.trace)
    erases = sum(kind == ERASE for kind, _, _ in whole.trace)
    return {
        "operations of an update": len(whole.trace),
        "erases among them": erases,
        "cuts at the same operation": len(numbers),
        "operations compared": compared,
    }


def _compare(board: Outcome, simulated: Outcome, what: str) -> None:
    for number, (ours, theirs) in enumerate(zip(board.trace, simulated.trace, strict=False), 1):
        if ours != theirs:
            raise Failed(
                f"{what}: operation {number} is {_shown(ours)} on the board, {_shown(theirs)} simulated"
            )
    if len(board.trace) != len(simulated.trace):
        raise Failed(f"{what}: {len(board.trace)} operations on the board, {len(simulated.trace)} simulated")
    for name, left, right in (
        ("at the cut", board.at_cut, simulated.at_cut),
        ("in the end", board.end, simulated.end),
    ):
        if left != right:
            at = next(at for at, (a, b) in enumerate(zip(left, right, strict=False)) if a != b)
            raise Failed(f"{what}: {name} the flash differs from byte 0x{at:x} on")


def _shown(entry: Entry) -> str:
    kind, address, length = entry
    return f"{kind} 0x{address:06x}+{length}"
