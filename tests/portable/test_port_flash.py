"""The examples of boards/ports over models of their ports' devices: the seam fits, or it is refused."""

from firmware_agent import boot
from firmware_agent.store.app_settings import AppSettings
from firmware_agent.store.firmware_store import COMPLETE, FirmwareStore
from hal.flash import DEVICE, FlashArea
from tests.contracts import port_models as models
from tests.portable.bench import Bench, Image, raises
from tools.on_device import flash_contract as contract

HEAP = "8M"
SECTOR = models.SECTOR


def run(make, functions):
    for function in functions:
        function(make)


def rp2_areas(*units):
    with models.example("rp2_flash", "rp2", Flash=models.Rp2Flash) as rp2_flash:
        return rp2_flash.open_areas(0, *units)


def esp32_areas(encrypted, *units):
    models.Partition.table = {
        "area%d" % i: (bytearray(b"\xff" * (units[i] * SECTOR)), encrypted) for i in range(len(units))
    }
    with models.example("esp32_flash", "esp32", Partition=models.Partition) as esp32_flash:
        return [esp32_flash.open_area("area%d" % i) for i in range(len(units))]


def stm32_areas(*units, flash=models.PybFlash):
    with models.example("stm32_flash", "pyb", Flash=flash) as stm32_flash:
        return stm32_flash.open_areas(0, *units)


def test_rp2_flash_keeps_the_contract():
    def make():
        return contract.Part(rp2_areas(4)[0].device, 256)

    # It does not check the range: FlashArea does, and everybody goes through it.
    run(make, contract.RELIED_ON + (contract.write_without_an_offset_erases_its_blocks_first,))


def test_rp2_flash_runs_in_place():
    area = rp2_areas(1, 2)[1]
    area.program(256, b"\x5a" * 256)
    assert bytes(area.view(256, 256)) == b"\x5a" * 256


def test_esp32_partition_keeps_the_contract():
    def make():
        return contract.Part(esp32_areas(False, 4)[0].device, 16)

    run(make, contract.CONTRACT)


def test_esp32_partition_with_other_blocks_has_no_erase():
    models.Partition.table = {"small": (bytearray(b"\xff" * SECTOR), False)}
    area = FlashArea(models.Partition("small", 512), 0, 8, 16)
    assert contract.error_of(area.erase, 0).kind == DEVICE


def test_esp32_without_the_partition_says_so():
    models.Partition.table = {}
    with models.example("esp32_flash", "esp32", Partition=models.Partition) as esp32_flash:
        assert "slot_a" in str(raises(ValueError, esp32_flash.open_area, "slot_a"))


def test_stm32_spi_flash_keeps_the_contract():
    def make():
        return contract.Part(stm32_areas(4)[0].device, 1)

    # Without an offset it writes through its cache, and its end it does not check: nobody asks for either.
    run(make, contract.RELIED_ON)


def test_stm32_internal_flash_is_refused():
    error = raises(ValueError, lambda: stm32_areas(4, flash=models.InternalPybFlash))
    assert "SPI NOR" in str(error)


def test_stm32_internal_flash_would_break_the_contract():
    """Why: what it calls an erase leaves the bytes there."""

    def make():
        return contract.Part(models.InternalPybFlash(start=0, len=4 * 512), 16)

    raises(AssertionError, contract.erase_blanks_one_unit_and_no_other, make)


def test_a_whole_update_on_each_port():
    for areas, write_size in (
        (lambda *units: rp2_areas(*units), 256),
        (lambda *units: esp32_areas(False, *units), 16),
        (lambda *units: esp32_areas(True, *units), 16),
        (lambda *units: stm32_areas(*units), 1),
    ):
        bench = PortBench(areas(4, 1, 1, 4), write_size)
        bench.at_factory()
        bench.power_on()
        bench.download(Image("v2"), 700)
        bench.power_on()
        bench.store.resume()
        assert bench.feed(Image("v2")) == COMPLETE
        bench.verify()
        bench.store.install()
        assert bench.power_on(boot.RESET).trial
        bench.store.accept()
        assert bench.power_on().slot == 1
        settings = AppSettings(bench.areas[3])
        assert settings.save(1, b"kept") and AppSettings(bench.areas[3]).load(1) == b"kept"


class PortBench(Bench):
    """A bench whose journal, slots and settings are a port's areas."""

    def __init__(self, areas, write_size):
        self.areas = areas
        Bench.__init__(self, SECTOR, write_size, 1, 4)

    def open_store(self):
        store = Bench.open_store(self)
        return FirmwareStore(self.areas[0], self.areas[1:3], store.device)
