"""Keys, two releases of the sample application, and three images that a device must refuse."""

import hashlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from firmware_agent.protocol.upgrade_file import UpgradeFile
from firmware_agent.reject import DIGEST_MISMATCH, ROLLBACK, UNKNOWN_KEY
from tools import envelope, files, inspection, keys, layout, romfs, upgrade_file
from tools.devices import IMAGE_TYPES
from tools.envelope import Identity
from tools.errors import Failed
from tools.keys import SigningKey

DEVICE = "ppmid"
MANUFACTURER_CODE = 0x1234
V1 = 0x00010000
V2 = 0x00020000
# What the attackers claim to have: zigpy offers nothing that is not newer.
V3 = 0x00030000
SAMPLE = layout.ROOT / "boards/applications/in_home_display"
SMALLEST = 24 * 1024
LARGEST = 56 * 1024


@dataclass(frozen=True)
class Images:
    """Where ``make`` put what it made."""

    directory: Path

    @property
    def private_key(self) -> Path:
        return self.directory / keys.PRIVATE_NAME

    @property
    def public_key(self) -> Path:
        return self.directory / keys.PUBLIC_NAME

    def payload(self, release: int) -> Path:
        return self.directory / f"v{release}.romfs"

    def upgrade_file(self, release: int) -> Path:
        return self.directory / f"v{release}.ota"


@dataclass(frozen=True)
class Attack:
    """``reason``: the reject number that it must earn; ``wholly_fetched``: only the payload is wrong, so
    the device must have all of it to know."""

    title: str
    story: str
    data: bytes
    reason: int
    wholly_fetched: bool = False


def identity(file_version: int) -> Identity:
    """The demo's device, at this version."""
    return Identity(MANUFACTURER_CODE, IMAGE_TYPES[DEVICE], file_version)


def make(directory: Path) -> Images:
    """Keys and both releases, built, signed and inspected, in ``directory``. Failed names what is wrong."""
    images = Images(directory)
    keys.generate(directory)
    key = keys.load_private(images.private_key)
    for release, version in ((1, V1), (2, V2)):
        payload = build(release)
        files.write(images.payload(release), payload)
        data = sign(payload, version, key)
        files.write(images.upgrade_file(release), data)
        report = inspection.examine(data, [key.public_key])
        if report.verdict != inspection.ACCEPTED:
            raise Failed(f"{images.upgrade_file(release)} would be refused: {report.reason}")
    return images


def build(release: int, sample: Path = SAMPLE) -> bytes:
    """The payload of a release: the sample application with a stamp. Built twice, in two places."""
    first, second = _build_once(release, sample), _build_once(release, sample)
    if first != second:
        digests = " and ".join(hashlib.sha256(payload).hexdigest()[:16] for payload in (first, second))
        raise Failed(f"building release {release} twice gave different bytes: SHA-256 {digests}")
    if not SMALLEST <= len(first) <= LARGEST:
        raise Failed(f"the payload of release {release} has {len(first)} bytes, not {SMALLEST} to {LARGEST}")
    return first


def _build_once(release: int, sample: Path) -> bytes:
    with tempfile.TemporaryDirectory(prefix="hanota-") as directory:
        package = Path(directory) / sample.name
        shutil.copytree(sample, package, ignore=shutil.ignore_patterns("__pycache__"))
        (package / "release.py").write_text(f'"""Stamped by the build."""\n\nNAME = "{release}.0"\n')
        return romfs.build(package)


def sign(payload: bytes, file_version: int, key: SigningKey) -> bytes:
    """An upgrade file as hubs take it; the sequence number is the file version."""
    conditions = envelope.Conditions(interface=romfs.interface_of(payload))
    image = envelope.build(payload, identity(file_version), file_version, key, conditions)
    return _in_upgrade_file(image, file_version)


def _in_upgrade_file(image: bytes, file_version: int) -> bytes:
    header_string = f"{DEVICE} 0x{file_version:08x}".encode()
    return upgrade_file.build(image, identity(file_version), header_string, elements=True)


def attacks(images: Images) -> list[Attack]:
    """What an attacker can do who has the hub, every release ever made, and no private key of ours."""
    payload = files.read(images.payload(2))
    good = sign(payload, V3, keys.load_private(images.private_key))
    with tempfile.TemporaryDirectory(prefix="hanota-") as directory:
        private_key, _ = keys.generate(Path(directory))
        own_key = keys.load_private(private_key)
    old = files.read(images.upgrade_file(1))
    head = UpgradeFile()
    head.feed(old, 0, len(old))
    return [
        Attack(
            "bit flipped",
            "one bit of the payload is flipped",
            _flip_bit(good, len(good) - len(payload) // 2),
            DIGEST_MISMATCH,
            wholly_fetched=True,
        ),
        Attack(
            "other key", "a valid image, signed with another key", sign(payload, V3, own_key), UNKNOWN_KEY
        ),
        Attack(
            "relabelled",
            "version 1 as it was signed, under a newer file version",
            _in_upgrade_file(old[head.image_offset :], V3),
            ROLLBACK,
        ),
    ]


def _flip_bit(data: bytes, at: int) -> bytes:
    flipped = bytearray(data)
    flipped[at] ^= 0x10
    return bytes(flipped)
