"""MicroPython's source tree: one pinned release, found in one place. Nothing of it is in this repository.

A directory that the user names (environment variable MICROPYTHON_SOURCE), or Debian's source package, fetched
by name with apt from the mirror that this machine is set up for, and kept under build/.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from tools import layout
from tools.errors import Failed, UnusableArguments

RELEASE = "1.26.1"
PACKAGE = "micropython"
PACKAGE_VERSION = f"{RELEASE}+ds-1"
# Debian 12 itself has an older one; a source package is not tied to the suite it is fetched from.
SUITES = ("forky", "sid")
CACHE = layout.ROOT / "build" / f"micropython-{RELEASE}"
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_BY_HAND = f"set MICROPYTHON_SOURCE to a directory with MicroPython {RELEASE}'s source"


def find() -> Path:
    """The tree's root, fetched if need be. UnusableArguments or Failed say what to do."""
    named = os.environ.get("MICROPYTHON_SOURCE")
    if named:
        return _checked(Path(named).expanduser().resolve())
    if not CACHE.is_dir():
        _fetch()
    return CACHE


def _checked(tree: Path) -> Path:
    header = tree / "py" / "mpconfig.h"
    if not header.is_file() or not (tree / "ports" / "qemu").is_dir():
        raise UnusableArguments(f"MICROPYTHON_SOURCE: {tree} is not MicroPython's source tree")
    found = dict(
        line.split()[1:3]
        for line in header.read_text().splitlines()
        if line.startswith("#define MICROPY_VERSION_M")
    )
    release = ".".join(found.get(f"MICROPY_VERSION_{part}", "?") for part in ("MAJOR", "MINOR", "MICRO"))
    if release != RELEASE:
        raise UnusableArguments(
            f"MICROPYTHON_SOURCE: {tree} is MicroPython {release}; boards are built from {RELEASE}"
        )
    return tree


def _fetch() -> None:
    for tool, package in (("apt-get", "apt"), ("dpkg-source", "dpkg-dev")):
        if shutil.which(tool) is None:
            raise Failed(
                f"no {tool} here to fetch MicroPython's source with (Debian: {package}); or {_BY_HAND}"
            )
    CACHE.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".micropython-", dir=CACHE.parent) as name:
        directory = Path(name)
        apt = _private_apt(directory)
        _run(["apt-get", *apt, "-qq", "update"], directory)
        _run(["apt-get", *apt, "-qq", "--download-only", "source", f"{PACKAGE}={PACKAGE_VERSION}"], directory)
        description = f"{PACKAGE}_{PACKAGE_VERSION}.dsc"
        _run(["dpkg-source", "--no-check", "-x", description, "tree"], directory)  # apt checked it
        os.rename(directory / "tree", CACHE)


def _private_apt(directory: Path) -> list[str]:
    """Options for an apt of our own: this machine's mirror, newer suites, nothing of the system's changed."""
    for part in ("lists/partial", "archives/partial"):
        (directory / part).mkdir(parents=True)
    signed = f"[signed-by={_KEYRING}] " if _KEYRING.is_file() else ""
    lines = [f"deb-src {signed}{_mirror()} {suite} main\n" for suite in SUITES]
    (directory / "sources.list").write_text("".join(lines))
    settings = {
        "Dir::Etc::SourceList": directory / "sources.list",
        "Dir::Etc::SourceParts": "-",
        "Dir::State::Lists": directory / "lists",
        "Dir::Cache": directory,
        "APT::Sandbox::User": "",
    }
    return [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]


def _mirror() -> str:
    """The Debian mirror in this machine's apt configuration."""
    command = ["apt-get", "--print-uris", "update"]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    for line in said.splitlines():
        base, found, _ = line.removeprefix("'").partition("/dists/")
        if found and base.endswith("/debian"):
            return base
    raise Failed(f"apt has no Debian mirror here to fetch MicroPython's source from; {_BY_HAND}")


def _run(command: list[str], directory: Path) -> None:
    result = subprocess.run(
        command, cwd=directory, capture_output=True, text=True, errors="replace", check=False
    )
    if result.returncode != 0:
        said = (result.stderr or result.stdout).strip()
        raise Failed(f"{command[0]} could not fetch {PACKAGE} {PACKAGE_VERSION}; or {_BY_HAND}\n{said}")
