"""What a bench's board is offered: the sample application or a broken one, under ever higher versions."""

import functools
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tools import envelope, files, keys, romfs, upgrade_file
from tools.devices import IMAGE_TYPES
from tools.envelope import Identity
from tools.rig.bench_file import BenchSpec

FACTORY = 0x00010000
STEP = 0x00010000


@dataclass(frozen=True)
class Image:
    """``data``: the upgrade file, also at ``path``; ``signed``: the Manufacturer Image in it."""

    version: int
    path: Path
    data: bytes
    signed: bytes

    @property
    def version_text(self) -> str:
        """As in events."""
        return f"0x{self.version:08x}"


@functools.cache
def payload(application: Path) -> bytes:
    """The ROMFS image of the application in a directory."""
    return romfs.build(application)


@functools.cache
def payload_of_text(app: str) -> bytes:
    """The ROMFS image of an application whose app.py is this text."""
    with tempfile.TemporaryDirectory(prefix="hanota-") as name:
        package = Path(name) / "application"
        package.mkdir()
        (package / "app.py").write_text(app)
        return romfs.build(package)


class Images:
    """Signs for one bench; files go to ``directory``."""

    def __init__(self, spec: BenchSpec, directory: Path):
        self._spec = spec
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        private = spec.key
        if private is None:
            keys.generate(directory)
            private = directory / keys.PRIVATE_NAME
        self._key = keys.load_private(private)
        self.trust = directory / "trusted.pem"
        files.write(self.trust, keys.public_pem(self._key.public_key))

    def make(self, version: int, app: str | None = None) -> Image:
        """An upgrade file; ``app``: the text of an app.py in place of the bench's application."""
        data = payload(self._spec.application) if app is None else payload_of_text(app)
        identity = Identity(self._spec.manufacturer_code, IMAGE_TYPES[self._spec.device], version)
        conditions = envelope.Conditions(interface=romfs.interface_of(data))
        signed = envelope.build(data, identity, version, self._key, conditions)
        whole = upgrade_file.build(signed, identity, f"rig 0x{version:08x}".encode(), elements=True)
        path = self._directory / f"0x{version:08x}.ota"
        files.write(path, whole)
        return Image(version, path, whole, signed)
