"""Files in and out: errors that name the file, and output that is whole or not there."""

import os
import tempfile
from pathlib import Path

from tools.errors import Failed, UnusableArguments


def read(path: Path, most: int | None = None) -> bytes:
    """The file's bytes; at most ``most`` of them, so that an endless file ends."""
    try:
        with path.open("rb") as file:
            return file.read() if most is None else file.read(most)
    except OSError as error:
        raise UnusableArguments(f"cannot read {path}: {error.strerror}") from error


def write(path: Path, data: bytes, inputs: tuple[Path, ...] = ()) -> None:
    """Write the whole file, or leave what was there; never over one of ``inputs``."""
    if not path.parent.is_dir():
        raise UnusableArguments(f"cannot write {path}: there is no directory {path.parent}")
    if path.is_dir():
        raise UnusableArguments(f"cannot write {path}: it is a directory; name a file")
    for source in inputs:
        if path.exists() and path.samefile(source):
            raise UnusableArguments(f"{path} is an input: writing it would destroy it; give another -o")
    temporary = None
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), 0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError as error:
        if temporary is not None and os.path.exists(temporary):
            os.unlink(temporary)
        raise Failed(f"cannot write {path}: {error.strerror}") from error


def _umask() -> int:
    # It can only be read by setting it.
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
