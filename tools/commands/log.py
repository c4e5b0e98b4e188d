"""``hanota log``: follow a device's console."""

import asyncio
import contextlib
import time

import click

from tools.device_event import parse
from tools.rig.console import BAUD, PORT, Listener


@click.command("log")
@PORT
@BAUD
@click.option("--seconds", type=click.FloatRange(0.1), help="End after so long. [default: at Ctrl-C]")
@click.option("--json", "as_json", is_flag=True, help="Only events, as the device tells them.")
def command(port: str, baud: int, seconds: float | None, as_json: bool) -> None:
    """Show what a device tells on its console, as it comes, over its resets and power cuts."""
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_follow(port, baud, seconds, as_json))


async def _follow(port: str, baud: int, seconds: float | None, as_json: bool) -> None:
    began = time.monotonic()

    def show(line: bytes) -> None:
        event = parse(line)
        text = line.decode(errors="replace")
        if as_json:
            if event is not None:
                click.echo(text)
        elif text:
            shown = text if event is None else str(event)
            click.echo(f"{time.monotonic() - began:9.2f}  {shown}")

    async with Listener(port, baud, show):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.get_running_loop().create_future()
