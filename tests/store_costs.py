"""What a clean update costs in flash operations, counted by the emulated part: the figures of docs/store.md.

python -m tests.store_costs
"""

from dataclasses import dataclass

from firmware_agent import boot
from hal.sim.cut_flash import ERASE, CutFlash
from tests.make_envelope_vectors import IDENTITY, KEY
from tests.portable.bench import Bench, Image
from tests.portable.payload import payload
from tools import envelope

_PROGRESS_KIND = 0x50
PAYLOAD = 28 * 1024  # about what the sample firmware has
ENDURANCE = 100_000  # erases that a NOR part is good for, each unit
UPDATES = 12  # a year
POWER_LOSSES = 365  # a year: somebody switches the display off every night
# The host board's map first.
GEOMETRIES = (
    (4096, 16, 64, 4),
    (4096, 1, 64, 4),
    (4096, 256, 64, 4),
    (2048, 8, 64, 4),
    (256, 16, 256, 32),
    (65536, 16, 4, 3),
)


@dataclass(frozen=True)
class Costs:
    """Of one clean update, from the offer to the confirmation, the reset between included."""

    image: int  # bytes
    state_records: int
    progress_records: int
    journal_erases: int
    slot_erases: int
    slot_units: int  # that the image covers
    programmed: int  # bytes

    @property
    def amplification(self) -> float:
        return self.programmed / self.image


class NotingFlash(CutFlash):
    """``firsts``: (address, first byte) of each program."""

    firsts: list

    def _program(self, start, buf):
        self.firsts.append((start, buf[0]))
        super()._program(start, buf)


def image_of(size: int) -> Image:
    """A signed image with a payload of ``size`` bytes, newer than v1."""
    contents = payload(9, size)
    identity = envelope.Identity(IDENTITY.manufacturer_code, IDENTITY.image_type, 0x00020000)
    image = Image("v2")
    image.data = envelope.wrap(envelope.build_manifest(identity, 2, contents), contents, KEY)
    return image


def bench_of(erase_size: int, write_size: int, slot_units: int, journal_units: int) -> Bench:
    """A device that runs v1."""
    NotingFlash.firsts = []
    bench = Bench(erase_size, write_size, slot_units, journal_units, NotingFlash).at_factory()
    bench.power_on()
    bench.flash.firsts = []
    return bench


def clean_update(geometry: tuple, size: int = PAYLOAD) -> Costs:
    """Count one on a flash of this geometry."""
    bench = bench_of(*geometry)
    erase_size, _, _, journal_units = geometry
    image = image_of(size)
    bench.flash.power_on()
    programmed = bench.flash.programmed_bytes
    bench.update(image)
    journal = [entry for entry in bench.flash.log if entry[1] < journal_units * erase_size]
    slot = [entry for entry in bench.flash.log if entry[1] >= journal_units * erase_size]
    records = [first for start, first in bench.flash.firsts if start < journal_units * erase_size]
    progress = records.count(_PROGRESS_KIND)
    return Costs(
        image=len(image.data),
        state_records=len(records) - progress,
        progress_records=progress,
        journal_erases=sum(kind == ERASE for kind, _, _ in journal),
        slot_erases=sum(kind == ERASE for kind, _, _ in slot),
        slot_units=-(-len(image.data) // erase_size),
        programmed=bench.flash.programmed_bytes - programmed,
    )


def journal_erases_of_a_boot(geometry: tuple) -> int:
    """Erases of journal units that a power-on costs."""
    bench = bench_of(*geometry)
    bench.flash.power_on()
    bench.power_on(boot.POWER_ON)
    return sum(kind == ERASE for kind, _, _ in bench.flash.log)


def journal_years(geometry: tuple, power_losses: int = POWER_LOSSES) -> float:
    """Until the journal's units have had ENDURANCE erases each: they take turns."""
    updates = UPDATES * clean_update(geometry).journal_erases
    return geometry[3] * ENDURANCE / (updates + power_losses * journal_erases_of_a_boot(geometry))


def slot_years() -> float:
    """Until a slot's units have: each slot takes every other update."""
    return 2 * ENDURANCE / UPDATES


def table() -> str:
    """The document's table of costs."""
    lines = [
        "| erase unit | write size | state records | progress records | journal erases | slot erases "
        "| bytes programmed for each byte | years |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for geometry in GEOMETRIES:
        costs = clean_update(geometry)
        lines.append(
            f"| {geometry[0]} | {geometry[1]} | {costs.state_records} | {costs.progress_records} "
            f"| {costs.journal_erases} | {costs.slot_erases} | {costs.amplification:.3f} "
            f"| {journal_years(geometry):.0f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
