"""``hanota status``: how a device is, asked on its console."""

import asyncio
import json

import click

from firmware_agent import reject
from tools.errors import Failed
from tools.rig.console import BAUD, PORT, Listener

_ASK_AGAIN_S = 1.0
_RECOVERY = "the recovery agent, from the boot files"
_FIRST = ("runs", "file_version", "security_counter")


@click.command("status")
@PORT
@BAUD
@click.option(
    "--timeout", type=click.FloatRange(0.1), default=10.0, show_default=True, help="Seconds to wait for it."
)
@click.option("--json", "as_json", is_flag=True, help="As one line of JSON.")
def command(port: str, baud: int, timeout: float, as_json: bool) -> None:
    """Ask a device on its console how it is: slots, versions, the download. It goes on meanwhile.

    Exits 1 if nothing answers.
    """
    found = asyncio.run(_status(port, baud, timeout))
    if as_json:
        click.echo(json.dumps(found))
        return
    slots = found.pop("slots", {})
    download = found.pop("download", None)
    rejected = found.pop("rejected", None)
    # The device's dictionaries have no order of their own.
    rows = {name: found.pop(name) for name in _FIRST if name in found}
    rows |= {f"slot {name}": slots[name] for name in sorted(slots)} | found
    for name, value in rows.items():
        click.echo(f"{name}: {_RECOVERY if value is None else value}")
    if download:
        click.echo("download: {file_version}, {durable} of {size} bytes are durable".format(**download))
    if rejected:
        click.echo(f"rejected: {rejected['file_version']}, {_reason(rejected['number'])}")


def _reason(number: int) -> str:
    """In words; a device may be newer than this table."""
    try:
        return f"{reject.name(number)} ({number}): {reject.text(number)}"
    except ValueError:
        return f"reason {number}"


async def _status(port: str, baud: int, timeout: float) -> dict:
    async with Listener(port, baud) as listener:
        try:
            async with asyncio.timeout(timeout):
                # What the port still held from before the question is no answer, except an older status.
                while not listener.events.since(0, "status"):
                    listener.port.write(b"?")
                    try:
                        await listener.events.wait_for("status", _ASK_AGAIN_S)
                    except Failed:
                        continue
        except TimeoutError:
            said = "\n".join(list(listener.events.said)[-5:]) or "it said nothing"
            raise Failed(
                f"no device on {port} tells its status within {timeout:g} s: is its agent running? "
                f"The last lines:\n{said}"
            ) from None
        return dict(listener.events.since(0, "status")[-1].fields)
