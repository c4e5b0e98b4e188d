"""``make native``: builds firmware_agent/trust/native for every architecture, by MicroPython's own rules.

The results are kept in the repository, so that a board and the tests need no compiler. SHA256SUMS beside them
says which sources they were made of; a test holds it to the files.
"""

import hashlib
import importlib.util
import shutil
from pathlib import Path

import click

from tools import emulated_cpu, layout
from tools.errors import Failed

NATIVE = layout.ROOT / "firmware_agent" / "trust" / "native"
MODULE = "p256_native.mpy"
SOURCES = ("Makefile", "p256_generator.h", "p256_native.c")
COMPILERS = {
    "armv6m": "arm-none-eabi-gcc",
    "armv7m": "arm-none-eabi-gcc",
    "armv7emsp": "arm-none-eabi-gcc",
    "rv32imc": "riscv64-unknown-elf-gcc",
    "x64": "gcc",
}
_ARMV7M = 5  # in a .mpy's third byte, above its lowest two bits
SUMS = NATIVE / "SHA256SUMS"
_BUILD = layout.ROOT / "build" / "native"


def build(architecture: str) -> bytes:
    """The module for one architecture, compiled and linked anew. Failed says what is missing."""
    emulated_cpu.require("make", COMPILERS[architecture])
    if importlib.util.find_spec("elftools") is None or importlib.util.find_spec("ar") is None:
        raise Failed("MicroPython's linker needs pyelftools and ar: pip install -e '.[native]'")
    directory = _BUILD / architecture
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    for name in SOURCES:
        shutil.copy(NATIVE / name, directory)
    emulated_cpu.link_native_module(directory, architecture, _BUILD / f"{architecture}.log")
    return (directory / MODULE).read_bytes()


def module(architecture: str) -> Path:
    """Where the built module is kept."""
    return NATIVE / architecture / MODULE


def loadable(architecture: str, cpu: emulated_cpu.Cpu) -> bytes:
    """The kept module as ``cpu``'s firmware takes it.

    The Cortex-M4's firmware here is the Cortex-M3's and takes no armv7emsp: there it is called armv7m.
    """
    data = module(architecture).read_bytes()
    if cpu is emulated_cpu.CORTEX_M4:
        return data[:2] + bytes([_ARMV7M << 2 | data[2] & 3]) + data[3:]
    return data


def sums() -> str:
    """What SHA256SUMS must say: the sources, and what was built of them; ``sha256sum -c`` reads it."""
    names = [*SOURCES, *(f"{architecture}/{MODULE}" for architecture in COMPILERS)]
    return "".join(f"{hashlib.sha256((NATIVE / name).read_bytes()).hexdigest()}  {name}\n" for name in names)


@click.command()
def main() -> None:
    """Build the native module for every architecture."""
    for architecture in COMPILERS:
        data = build(architecture)
        path = module(architecture)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        click.echo(f"{path.relative_to(layout.ROOT)}: {len(data):,} bytes")
    SUMS.write_text(sums())


if __name__ == "__main__":
    main()
