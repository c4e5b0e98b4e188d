"""The table of checks over every flash part that is emulated or modelled here, on both interpreters."""

from boards.host.board import _Clock
from firmware_agent.store.app_settings import AppSettings
from hal.flash import FlashArea
from hal.sim.cut_flash import CutFlash
from hal.sim.nor_flash import NorFlash
from tests.contracts import implementations
from tests.portable.test_port_flash import PortBench, esp32_areas, rp2_areas, stm32_areas

HEAP = "8M"
SECTOR = 4096
UNITS = (4, 4, 4, 3)  # journal, slots, settings


class FlashBoard:
    """A factory-new device over a part's areas, with what the checks want beside it."""

    def __init__(self, areas, write_size):
        bench = PortBench(areas, write_size)
        bench.at_factory()
        bench.power_on()
        self.store = bench.store
        self.settings = AppSettings(areas[3])
        self.clock = _Clock()
        self.watchdog = self
        self.fed = 0

    def feed(self):
        self.fed += 1


def check(name, areas, write_size):
    """The implementation's seams, twice: what is there already must be there again, and does not disturb."""
    board = FlashBoard(areas, write_size)
    slot = board.store.slots[1]
    kept = bytes(range(1, 17)) * (write_size // 16 or 1)
    slot.program(slot.size - SECTOR, kept)
    assert board.settings.save(7, b"the application's own")
    for _ in range(2):
        implementations.hold(name, board)
        found = bytearray(len(kept))
        slot.read(slot.size - SECTOR, found)
        assert found == kept
        assert board.settings.load(7) == b"the application's own"
    assert board.fed > 10


def areas_of(kind, write_size):
    flash = kind(bytearray(b"\xff" * (sum(UNITS) * SECTOR)), SECTOR, write_size)
    areas = []
    first = 0
    for units in UNITS:
        areas.append(FlashArea(flash, first, units, write_size))
        first += units
    return areas


def test_emulated_parts():
    for name, kind in (("strict NOR", NorFlash), ("NOR that loses its power", CutFlash)):
        for write_size in (16, 256):
            check(name, areas_of(kind, write_size), write_size)


def test_models_of_the_ports():
    check("rp2.Flash", rp2_areas(*UNITS), 256)
    check("esp32.Partition", esp32_areas(False, *UNITS), 16)
    check("pyb.Flash", stm32_areas(*UNITS), 1)
