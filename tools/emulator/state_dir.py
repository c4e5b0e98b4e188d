"""What an emulated device is made of on disk, its lock, and its birth at the factory.

DIR/device.json   the provisioned identity
DIR/flash.bin     the NOR flash: journal (with the trust anchors) and slots
DIR/registers.bin watchdog, link and flash counters
DIR/screen.txt    what the display shows
DIR/rom.bin, main.py  the boot ROM, everything that no download replaces, and what mounts it
DIR/lock          held while the device has power
"""

import fcntl
import json
import mmap
import os
import time
from pathlib import Path

from boards.host import board, flash_map
from firmware_agent.protocol.upgrade_file import UpgradeFile
from firmware_agent.reject import MALFORMED_FILE, SIZE_MISMATCH, TOO_LARGE, Rejected, name
from firmware_agent.store.firmware_store import FirmwareStore
from firmware_agent.trust import acceptance
from firmware_agent.trust.anchors import Anchors
from firmware_agent.trust.envelope import key_id
from hal.sim.nor_flash import NorFlash
from tools import boot_files, envelope, files
from tools.devices import DEVICE_IDS, IMAGE_TYPES
from tools.errors import Failed, UnusableArguments

_LOCK_PATIENCE = 3.0  # seconds: a killed device's interpreter needs a moment to be gone


class StateDir:
    """Paths in ``path``."""

    def __init__(self, path: Path):
        self.path = path
        self.device = path / "device.json"
        self.flash = path / "flash.bin"
        self.registers = path / "registers.bin"
        self.screen = path / "screen.txt"
        self.rom = path / "rom.bin"
        self.main = path / "main.py"
        self.lock = path / "lock"

    @property
    def holds_device(self) -> bool:
        """device.json is written last, so a device is whole or not there."""
        return self.device.is_file()

    def identity(self) -> dict:
        """The provisioned identity."""
        if not self.holds_device:
            raise UnusableArguments(f"{self.path} holds no device; hanota emulate --factory makes one")
        try:
            return json.loads(self.device.read_text())
        except (OSError, ValueError) as error:
            raise Failed(f"cannot read {self.device}: {error}") from error

    def acquire(self) -> int:
        """Take the lock; returns its file descriptor, which the device's processes share."""
        self.path.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.lock, os.O_RDWR | os.O_CREAT, 0o644)
        deadline = time.monotonic() + _LOCK_PATIENCE
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return descriptor
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    os.close(descriptor)
                    raise Failed(
                        f"{self.path} is in use: a device is running from it; stop that one first"
                    ) from None
                time.sleep(0.02)

    def counters(self) -> dict[str, int]:
        """What the flash did so far."""
        data = self.registers.read_bytes()

        def u32(at: int) -> int:
            return int.from_bytes(data[at : at + 4], "little")

        return {
            "erases": u32(flash_map.REG_ERASES),
            "programs": u32(flash_map.REG_PROGRAMS),
            "programmed_bytes": u32(flash_map.REG_PROGRAMMED_BYTES),
        }


def open_flash(state: StateDir) -> FirmwareStore:
    """The device's store over a copy of its flash: reading never disturbs a device that runs."""
    identity = state.identity()
    try:
        with state.flash.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            memory = bytearray(mapped)
    except (OSError, ValueError) as error:
        raise Failed(f"cannot read {state.flash}: {error}") from error
    if len(memory) != flash_map.FLASH_SIZE:
        raise Failed(f"{state.flash} has {len(memory)} bytes, the board's flash has {flash_map.FLASH_SIZE}")
    flash = NorFlash(memory, flash_map.ERASE_SIZE, flash_map.WRITE_SIZE)
    store = board.open_store(flash, memory, identity)
    if not store.load():
        raise Failed(f"the flash in {state.path} holds no journal")
    return store


def check_identity(
    state: StateDir, anchor: bytes | None, device: str, manufacturer_code: int, hardware_version: int
) -> None:
    """A device stays who it is: refuse a start that says otherwise. ``anchor``: a key that it trusts."""
    identity = state.identity()
    trusted = [one.public_key for one in open_flash(state).device.anchors.entries]
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
) -> None:
    """Birth: identity, trust anchors, boot files, and the factory image proven and confirmed in slot A.

    eui64: 8 bytes as on the air; by default drawn at random, locally administered.
    """
    vendor = envelope.vendor_id(manufacturer_code)
    identity = {
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
    files.write(state.rom, boot_files.build_rom())
    files.write(state.main, boot_files.MAIN.read_bytes())
    files.write(state.flash, bytes(memory))
    files.write(state.registers, bytes(flash_map.REGISTERS_SIZE))
    files.write(state.screen, b" " * flash_map.SCREEN_SIZE)
    files.write(state.device, json.dumps(identity, indent=1).encode())


def _program_factory_image(memory: bytearray, identity: dict, anchors: Anchors, data: bytes) -> None:
    """Through the device's own store and rules: what they refuse, no factory can install."""
    file = UpgradeFile()
    file.feed(data, 0, len(data))
    if not file.ready:
        raise Rejected(MALFORMED_FILE, f"{len(data)} bytes end before the Manufacturer Image")
    if file.size != len(data):
        raise Rejected(SIZE_MISMATCH, f"{file.size} bytes in the header, the file has {len(data)}")
    image = data[file.image_offset :]
    store = board.open_store(
        NorFlash(memory, flash_map.ERASE_SIZE, flash_map.WRITE_SIZE), memory, identity, anchors
    )
    slot = store.slots[0]
    if len(image) > slot.size:
        raise Rejected(TOO_LARGE, f"{len(image)} bytes, a slot has {slot.size}")
    store.device.slot_size = slot.size
    manifest = acceptance.accept(image, len(image), file.image_length, file, store.device)
    padded = image + b"\xff" * (-len(image) % slot.write_size)
    slot.program(0, padded)
    verifier = store.verifier_of(0, manifest)
    while not verifier.step():
        pass
    store.format(manifest.sequence_number)
