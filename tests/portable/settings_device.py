"""A part that holds the application's settings, for their tests."""

from firmware_agent.store.app_settings import AppSettings
from hal.flash import FlashArea
from hal.sim.cut_flash import CutFlash

GEOMETRIES = ((4096, 16, 3), (1024, 16, 4), (1024, 256, 4), (256, 1, 12))


class Device:
    """A part that holds settings, and nothing else."""

    def __init__(self, erase_size=1024, write_size=16, units=4, seed=1):
        self.memory = bytearray(b"\xff" * (erase_size * units))
        self.flash = CutFlash(self.memory, erase_size, write_size, seed=seed)
        self.write_size = write_size
        self.units = units
        self.power_on()

    def power_on(self):
        self.flash.power_on()
        self.settings = AppSettings(FlashArea(self.flash, 0, self.units, self.write_size))
        return self.settings
