"""The flash contract over every implementation that we have: two emulated parts, and the host board's."""

import sys

from boards.common import flash_map
from boards.host import board
from hal.sim.cut_flash import CutFlash
from hal.sim.nor_flash import NorFlash
from tools.on_device import flash_contract as contract

HEAP = "8M"  # the host board's whole flash is copied and compared
# erase size, write size
GEOMETRIES = ((256, 1), (256, 16), (512, 4), (1024, 8), (4096, 16), (4096, 256), (2048, 32), (256, 256))


def run(make, functions):
    for function in functions:
        function(make)


def emulated(kind, erase_size, write_size, program_once=True, erased_value=0xFF):
    def make():
        memory = bytearray(bytes([erased_value]) * (4 * erase_size))
        device = kind(memory, erase_size, write_size, erased_value, program_once)

        def counts():
            return device.erases, device.programs, device.programmed_bytes

        return contract.Part(device, write_size, counts, erased_value)

    return make


def test_the_contract_on_the_strict_part():
    for erase_size, write_size in GEOMETRIES:
        run(emulated(NorFlash, erase_size, write_size), contract.CONTRACT + contract.STRICT)


def test_the_contract_on_a_part_that_erases_to_zero():
    # Its programs set bits; the patterns hold no byte that reads erased.
    run(emulated(NorFlash, 512, 8, erased_value=0x00), contract.CONTRACT + contract.STRICT)


def test_the_contract_on_a_part_that_may_be_programmed_twice():
    run(emulated(NorFlash, 512, 8, program_once=False), contract.CONTRACT + contract.STRICT)


def test_the_contract_on_the_part_that_loses_power():
    for erase_size, write_size in GEOMETRIES:
        run(emulated(CutFlash, erase_size, write_size), contract.CONTRACT + contract.STRICT)


def test_the_contract_on_the_host_board():
    run(make_host_part, contract.CONTRACT + contract.STRICT)


def make_host_part():
    """The board's own part over a mapped file, as its launcher makes it; MicroPython sees an address."""
    place, registers = memory(flash_map.FLASH_SIZE), bytearray(flash_map.REGISTERS_SIZE)
    device = board._CountedFlash(place, registers)

    def counts():
        return [
            int.from_bytes(registers[at : at + 4], "little")
            for at in (flash_map.REG_ERASES, flash_map.REG_PROGRAMS, flash_map.REG_PROGRAMMED_BYTES)
        ]

    return contract.Part(device, flash_map.WRITE_SIZE, counts)


_kept = None


def memory(size):
    global _kept
    if sys.implementation.name == "micropython":
        import uctypes

        # One buffer for all: the heap has no room for many.
        if _kept is None:
            _kept = bytearray(size)
        mapped = board._memory(uctypes.addressof(_kept), size)
    else:
        import mmap

        mapped = board._memory(mmap.mmap(-1, size), size)
    for at in range(0, size, 4096):
        mapped[at : at + 4096] = b"\xff" * 4096
    return mapped


def test_ports_fail_in_one_way():
    contract.ports_fail_in_one_way()
