"""A serial port that comes and goes: a board that loses its power takes its USB ports with it.

pyserial opens it, so a real port and a pseudo-terminal are the same here.
"""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import serial

from tools.errors import Failed

_RETRY = 0.02  # seconds between attempts to open
_READ = 4096
_TERMINALS = Path("/dev/pts")


def check_link(path: str) -> None:
    """OSError if ``path`` is a link that a killed device has left: the kernel has given the number of its
    pseudo-terminal to somebody else since, and a terminal that is newer than the link is not ours."""
    link = Path(path)
    if link.is_symlink() and _TERMINALS in Path(os.path.realpath(link)).parents:
        if link.lstat().st_mtime_ns < link.stat().st_ctime_ns:
            raise OSError(f"{path} leads to a terminal that is newer than itself: its device is gone")


class Port:
    """Keeps ``path`` open while started; ``on_data`` takes what comes, ``on_open`` is told of each opening.

    What is written while the port is away is lost, as on a wire that leads to a board without power.
    """

    def __init__(
        self,
        path: str,
        baud: int,
        on_data: Callable[[bytes], None],
        on_open: Callable[[], None] = lambda: None,
    ):
        self.path = path
        self.opened = asyncio.Event()
        self._baud = baud
        self._on_data = on_data
        self._on_open = on_open
        self._serial: serial.Serial | None = None
        self._task: asyncio.Task[None] | None = None
        self._lost = asyncio.Event()
        self._error = "nobody has tried yet"

    def start(self) -> None:
        """Open it, and again whenever it is back."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=f"port {self.path}")

    async def wait_open(self, timeout_s: float) -> None:
        """Return once it is open; Failed after timeout_s."""
        try:
            await asyncio.wait_for(self.opened.wait(), timeout_s)
        except TimeoutError:
            raise Failed(
                f"the port {self.path} does not open within {timeout_s:g} s: {self._error}"
            ) from None

    async def stop(self) -> None:
        """Close it, and leave it to others."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def write(self, data: bytes) -> bool:
        """False if it was lost."""
        if self._serial is None:
            return False
        try:
            self._serial.write(data)
        except (serial.SerialException, OSError):
            self._lost.set()
            return False
        return True

    async def _run(self) -> None:
        while True:
            try:
                check_link(self.path)
                # Exclusive: two programs on one port would each get half of what comes.
                self._serial = serial.Serial(
                    self.path, self._baud, timeout=0, write_timeout=1, exclusive=True
                )
            except (serial.SerialException, OSError) as error:
                self._error = str(error)
                await asyncio.sleep(_RETRY)
                continue
            self._lost.clear()
            loop = asyncio.get_running_loop()
            descriptor = self._serial.fileno()
            loop.add_reader(descriptor, self._read)
            try:
                self.opened.set()
                self._on_open()
                await self._lost.wait()
            finally:
                self.opened.clear()
                loop.remove_reader(descriptor)
                self._serial.close()
                self._serial = None

    def _read(self) -> None:
        assert self._serial is not None
        try:
            data = self._serial.read(_READ)
        except (serial.SerialException, OSError):
            data = b""
        if data:
            self._on_data(data)
        else:
            # Readable, and nothing there: the other end is gone.
            self._lost.set()
