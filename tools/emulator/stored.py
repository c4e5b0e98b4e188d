"""What an emulated device has stored, read from outside."""

from boards.common import flash_map
from boards.common.store import open_store
from firmware_agent.reject import Rejected
from firmware_agent.store.facts import Device
from firmware_agent.store.firmware_store import FirmwareStore
from firmware_agent.trust.envelope import HEAD_LIMIT
from hal.sim.nor_flash import NorFlash
from tools.emulator.state_dir import StateDir
from tools.errors import Failed


def open_flash(state: StateDir) -> FirmwareStore:
    """The device's store over a copy of its flash: reading never disturbs a device that runs."""
    identity = state.identity()
    try:
        memory = bytearray(state.read_flash())
    except OSError as error:
        raise Failed(f"cannot read {state.flash}: {error}") from error
    if len(memory) != flash_map.FLASH_SIZE:
        raise Failed(f"{state.flash} has {len(memory)} bytes, the board's flash has {flash_map.FLASH_SIZE}")
    flash = NorFlash(memory, flash_map.ERASE_SIZE, flash_map.WRITE_SIZE)
    store = open_store(flash, memory, identity)
    if not store.load():
        raise Failed(f"the flash in {state.path} holds no journal")
    return store


def device_now(state: StateDir) -> Device:
    """What the device would compare the next image with, as it stands."""
    store = open_flash(state)
    device = store.device
    device.security_counter = store.state.security_counter
    device.slot_size = store.slots[store.secondary].size
    try:
        running = store.head_of(store.state.primary, bytearray(HEAD_LIMIT))
    except Rejected as refusal:
        raise Failed(f"{state.path}: the confirmed slot does not decode: {refusal.detail}") from None
    device.file_version = running.file_version
    return device
