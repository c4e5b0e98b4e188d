"""The factory of emulated devices: who a device is, whom it trusts, and its first firmware."""

import json
import os
from pathlib import Path

from boards.common import flash_map
from boards.common.store import open_store
from boards.common.verifier import PYTHON
from boards.qemu_mps2 import memory_map
from firmware_agent.protocol.upgrade_file import UpgradeFile
from firmware_agent.reject import MALFORMED_FILE, SIZE_MISMATCH, TOO_LARGE, Rejected, name
from firmware_agent.trust import acceptance
from firmware_agent.trust.anchors import Anchors, unpack
from firmware_agent.trust.envelope import key_id
from firmware_agent.trust.verifier import SlotVerifier
from hal.sim.nor_flash import NorFlash
from tools import boot_files, envelope, files, firmware, romfs, verifier_modules
from tools.devices import DEVICE_IDS, IMAGE_TYPES
from tools.emulator.state_dir import HOST, StateDir
from tools.emulator.stored import open_flash
from tools.errors import Failed, UnusableArguments


def check_identity(
    state: StateDir,
    anchor: bytes | None,
    device: str,
    manufacturer_code: int,
    hardware_version: int,
    board: str = HOST,
    verifier: str | None = None,
) -> None:
    """A device stays who it is: refuse a start that says otherwise. ``anchor``: a key that it trusts;
    ``verifier``: what checks its signatures, None: whatever does."""
    identity = state.identity()
    made_with = identity.get("verifier", PYTHON)
    if verifier not in (None, made_with):
        raise UnusableArguments(
            f"{state.path} holds a device made with --verifier {made_with}, this start says {verifier}: "
            "give the same, or another --state"
        )
    if state.board != board:
        raise UnusableArguments(
            f"{state.path} holds a device on {state.board}: give --board {state.board}, or another --state"
        )
    trusted = [one.public_key for one in unpack(open_flash(state).device.anchors).entries]
    known = anchor is None or anchor in trusted
    for what, has, says in (
        ("trust anchor", "" if known else _ids(trusted), "" if known or anchor is None else _ids([anchor])),
        ("image type", identity["image_type"], IMAGE_TYPES[device]),
        ("manufacturer code", identity["manufacturer_code"], manufacturer_code),
        ("hardware version", identity["hardware_version"], hardware_version),
    ):
        if has != says:
            shown = [value if isinstance(value, str) else f"0x{value:04x}" for value in (has, says)]
            raise UnusableArguments(
                f"{state.path} holds a device with {what} {shown[0]}, this start says {shown[1]}: "
                "give the same, or another --state"
            )


def _ids(public_keys: list[bytes]) -> str:
    return ", ".join(key_id(key).hex() for key in public_keys)


def make_device(
    state: StateDir,
    factory: Path,
    anchors: Anchors,
    device: str,
    manufacturer_code: int,
    hardware_version: int,
    eui64: bytes | None = None,
    board: str = HOST,
    verifier: str = PYTHON,
) -> dict:
    """Birth: identity, trust anchors, boot files, and the factory image proven and confirmed in slot A.
    Returns the identity, as in device.json.

    eui64: 8 bytes as on the air; by default drawn at random, locally administered.
    verifier: what checks its signatures, one of boards.common.verifier.CHOICES; the key that is pinned is the
    first anchor's, the manufacturer's.
    """
    vendor = envelope.vendor_id(manufacturer_code)
    identity = {
        "board": board,
        "verifier": verifier,
        "model": device.upper(),
        "device_id": DEVICE_IDS[device],
        "manufacturer_code": manufacturer_code,
        "image_type": IMAGE_TYPES[device],
        "hardware_version": hardware_version,
        "vendor_id": vendor.hex(),
        "class_id": envelope.class_id(manufacturer_code, IMAGE_TYPES[device]).hex(),
        # Locally administered, little-endian as on the air.
        "eui64": (eui64 or os.urandom(7) + b"\x02").hex(),
    }
    memory = bytearray(b"\xff" * flash_map.FLASH_SIZE)
    try:
        _program_factory_image(memory, identity, anchors, files.read(factory))
    except Rejected as refusal:
        raise Failed(
            f"{factory}: not a factory image for this device: {name(refusal.number)}: {refusal.detail}"
        ) from None
    modules = verifier_modules.modules(verifier, board, anchors.entries[0].public_key)
    files.write(state.screen, b" " * flash_map.SCREEN_SIZE)
    if board == HOST:
        files.write(state.rom, boot_files.build_rom(modules))
        files.write(state.main, boot_files.MAIN.read_bytes())
        files.write(state.flash, bytes(memory))
        files.write(state.registers, bytes(flash_map.REGISTERS_SIZE))
    else:
        _write_qemu_files(state, board, bytes(memory), identity, modules)
    files.write(state.device, json.dumps(identity, indent=1).encode())
    return identity


def _write_qemu_files(
    state: StateDir, board: str, flash: bytes, identity: dict, modules: dict[str, bytes]
) -> None:
    files.write(state.firmware, firmware.built(board).read_bytes())
    files.write(state.flash, flash)
    os.truncate(state.flash, memory_map.PSRAM_SIZE)
    known = json.dumps(identity).encode()
    with state.map(0, memory_map.PSRAM_SIZE) as psram:
        psram[memory_map.IDENTITY : memory_map.IDENTITY + len(known)] = known
        rom = romfs.write(modules) if modules else b""
        assert len(rom) <= memory_map.FACTORY_ROM_SIZE
        psram[memory_map.FACTORY_ROM : memory_map.FACTORY_ROM + len(rom)] = rom
        at = memory_map.WORLD + memory_map.REG_UNIQUE_ID
        psram[at : at + 8] = bytes.fromhex(identity["eui64"])


def _program_factory_image(memory: bytearray, identity: dict, anchors: Anchors, data: bytes) -> None:
    """Through the device's own store and rules: what they refuse, no factory can install."""
    file = UpgradeFile()
    file.feed(data, 0, len(data))
    if not file.ready:
        raise Rejected(MALFORMED_FILE, f"{len(data)} bytes end before the Manufacturer Image")
    if file.size != len(data):
        raise Rejected(SIZE_MISMATCH, f"{file.size} bytes in the header, the file has {len(data)}")
    image = data[file.image_offset :]
    store = open_store(
        NorFlash(memory, flash_map.ERASE_SIZE, flash_map.WRITE_SIZE), memory, identity, anchors
    )
    slot = store.slots[0]
    if len(image) > slot.size:
        raise Rejected(TOO_LARGE, f"{len(image)} bytes, a slot has {slot.size}")
    store.device.slot_size = slot.size
    manifest = acceptance.accept(image, len(image), file.image_length, file, store.device)
    padded = image + b"\xff" * (-len(image) % slot.write_size)
    slot.program(0, padded)
    verifier = SlotVerifier(slot.read, manifest)
    while not verifier.step():
        pass
    store.format(manifest.sequence_number)
