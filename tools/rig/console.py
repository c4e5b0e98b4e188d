"""What `hanota status`, `log` and `shell` share: a device's console on a port."""

import click

from tools.rig.events import Events
from tools.rig.port import Port

PORT = click.option(
    "--port", required=True, metavar="PATH", help="The device's console: a serial port or a pseudo-terminal."
)
BAUD = click.option("--baud", type=click.IntRange(300), default=115200, show_default=True)
_OPEN_S = 5.0


class Listener:
    """``events``: what the console tells from now on. An async context manager; Failed if it does not
    open. on_line: takes each line instead."""

    def __init__(self, path: str, baud: int, on_line=None):
        self.events = Events()
        self.port = Port(path, baud, self._feed if on_line else self.events.feed)
        self._on_line = on_line
        self._started = b""

    async def __aenter__(self) -> "Listener":
        self.port.start()
        try:
            await self.port.wait_open(_OPEN_S)
        except BaseException:
            await self.port.stop()
            raise
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.port.stop()

    def _feed(self, data: bytes) -> None:
        *lines, self._started = (self._started + data).split(b"\n")
        for line in lines:
            self._on_line(line.strip())
