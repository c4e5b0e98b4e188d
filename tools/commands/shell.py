"""``hanota shell``: a device's REPL, by mpremote."""

import os
import subprocess
import sys

import click

from tools.errors import Failed
from tools.rig.console import PORT
from tools.rig.on_device import restart


@click.command("shell", context_settings={"ignore_unknown_options": True})
@PORT
@click.option("--stay", is_flag=True, help="Leave the device in its REPL; otherwise it is reset in the end.")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[MPREMOTE COMMAND]...")
def command(port: str, stay: bool, arguments: tuple[str, ...]) -> None:
    """Stop the agent, and open MicroPython's REPL on the device's console; or run mpremote's commands there.

    Whoever has the console has the device. The watchdog is off meanwhile where the board can stop it.

    \b
    Example: hanota shell --port /dev/ttyACM0 exec "import gc; print(gc.mem_free())"
    """
    # mpremote knows a pseudo-terminal by its own name.
    path = os.path.realpath(port)
    if not os.path.exists(path):
        raise Failed(f"there is no port {port}")
    done = subprocess.run(
        [sys.executable, "-m", "mpremote", "connect", path, *(arguments or ("repl",))], check=False
    )
    if not stay:
        restart(port)
    if done.returncode:
        raise Failed(f"mpremote ended with status {done.returncode}")
