"""What runs an emulated device: the seam between the emulator and each kind of board."""

import asyncio
import os
from dataclasses import dataclass, field

# What MicroPython is given for its heap. The host has objects of 64 bits, twice the size that they
# have on a microcontroller.
HEAPS = {"host": "192k", "qemu_mps2": "128k"}
# What runs the host board: stock MicroPython; MicroPython with the boot files frozen; CPython, for debugging.
MICROPYTHON = "micropython"
OWN_FIRMWARE = "firmware"
PYTHON = "python"


@dataclass
class Options:
    """How to run the device. interpreter: MICROPYTHON, PYTHON, or the path of the host board's firmware.
    heap: bytes with k or m, empty for the board's own."""

    address: int = 0x1234
    endpoint: int = 1
    profile: int = 0x0104
    interpreter: str = MICROPYTHON
    heap: str = ""
    max_data_size: int = 63
    # What the board's clock shows at power-on, seconds from 2000-01-01 UTC; None: it has none.
    utc: int | None = None
    client_settings: dict[str, int | list[int]] = field(default_factory=dict)

    def facts(self) -> dict:
        """What the device is told of this start."""
        return {
            "address": self.address,
            "endpoint": self.endpoint,
            "profile": self.profile,
            "max_data_size": self.max_data_size,
            "client_settings": self.client_settings,
        }


@dataclass
class Life:
    """A running process and its two lines: the console, and both ways of the HAN link."""

    process: asyncio.subprocess.Process
    console: asyncio.StreamReader
    from_device: asyncio.StreamReader
    to_device: asyncio.StreamWriter
    to_console: asyncio.StreamWriter | None = None  # None: the board's console only tells


class Machine:
    """One kind of emulated board."""

    # The emulator does what a board's own watchdog does where there is none.
    needs_watchdog = False
    # The process ends when the device crashes.
    ends_by_crash = False

    async def start(self, cause: str) -> Life:
        """Power on, or restart after ``cause``; the process dies with this one."""
        raise NotImplementedError

    def beat(self) -> None:
        """Called twice a second while the device has power."""


async def pipe_writer(descriptor: int) -> asyncio.StreamWriter:
    """Over a pipe's end."""
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.connect_write_pipe(
        lambda: asyncio.streams.FlowControlMixin(loop), os.fdopen(descriptor, "wb", buffering=0)
    )
    return asyncio.StreamWriter(transport, protocol, None, loop)
