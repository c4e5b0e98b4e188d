"""Programs that are not Python packages: cross compilers and emulators."""

import shutil

from tools.errors import Failed

REMEDY = "`make toolchain` installs it on Debian (boards/debian-packages.txt)"


def require(program: str) -> None:
    """Failed if there is no such program."""
    if shutil.which(program) is None:
        raise Failed(f"no {program} here; {REMEDY}")
