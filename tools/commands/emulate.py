"""``hanota emulate``: an emulated device."""

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import TextIO

import click

from boards.common import verifier as verifiers
from firmware_agent.trust.anchors import ANCHORS, FIRMWARE, Anchor, Anchors
from tools import keys
from tools.client_setting import ClientSetting
from tools.devices import IMAGE_TYPES
from tools.emulator.emulator import MACHINES, Emulator
from tools.emulator.factory import check_identity, make_device
from tools.emulator.machine import HEAPS, MICROPYTHON, OWN_FIRMWARE, PYTHON, Options
from tools.emulator.state_dir import HOST, StateDir
from tools.errors import Failed, UnusableArguments
from tools.firmware import built
from tools.host_port import HostPort
from tools.number import U16, Number
from tools.zigbee_time import Clock

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def _heap(ctx, param, value: str | None) -> str:
    if value is None:
        return ""
    text = value.lower()
    if (
        not text.rstrip("km").isdigit()
        or len(text.rstrip("km")) < len(text) - 1
        or int(text.rstrip("km")) == 0
    ):
        raise click.BadParameter(f"{value!r} is not a size; write 128k or 1m", ctx=ctx, param=param)
    return text


@click.command("emulate")
@click.option(
    "--state",
    "state_path",
    required=True,
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Holds the device: its flash, identity and lock.",
)
@click.option(
    "--factory", metavar="IMAGE.ota", type=_FILE, help="Slot A of a new device; unused if DIR holds one."
)
@click.option(
    "--trust",
    metavar="public.pem",
    type=_FILE,
    help="The key that signs its firmware; not needed once DIR holds a device.",
)
@click.option(
    "--board",
    type=click.Choice(list(MACHINES)),
    default=HOST,
    show_default=True,
    help="host: MicroPython as a process; qemu_mps2: firmware on an emulated Cortex-M3.",
)
@click.option(
    "--verifier",
    type=click.Choice(verifiers.CHOICES),
    help="What checks a new device's signatures (docs/signatures.md). "
    f"[default: {verifiers.PYTHON}, or what it was made with]",
)
@click.option("--device", type=click.Choice(list(IMAGE_TYPES)), default="ppmid", show_default=True)
@click.option("--manufacturer-code", type=U16, default="0x1234", show_default=True)
@click.option("--hardware-version", type=U16, default="1", show_default=True)
@click.option("--address", type=U16, default="0x1234", show_default=True, help="Short address on the HAN.")
@click.option("--endpoint", type=Number(240, 1), default="1", show_default=True)
@click.option(
    "--profile",
    type=U16,
    default="0x0104",
    show_default=True,
    help="For unsolicited frames, until a server was heard.",
)
@click.option(
    "--listen",
    type=HostPort(listens=True),
    help="Take one connection after another; a newer replaces the older. Port 0: any free one.",
)
@click.option("--connect", type=HostPort(), help="Connect there, again and again.")
@click.option("--pty", is_flag=True, help="A pseudo-terminal; the event `listening` has its path.")
@click.option(
    "--console-pty",
    is_flag=True,
    help="A pseudo-terminal for the console, too: DIR/console leads to it, DIR/han to that of --pty.",
)
@click.option("--stdio", is_flag=True, help="The link is standard input and output.")
@click.option(
    "--interpreter",
    type=click.Choice([MICROPYTHON, OWN_FIRMWARE, PYTHON]),
    default=MICROPYTHON,
    show_default=True,
    help=f"What runs the host board: stock MicroPython; {OWN_FIRMWARE}, which make firmware BOARD={HOST} "
    "builds with the boot files frozen; or CPython, for debugging.",
)
@click.option(
    "--max-data-size",
    type=Number(255, 1),
    default="63",
    show_default=True,
    help="Largest block asked for, bytes.",
)
@click.option(
    "--utc",
    type=Clock(),
    metavar="TIME",
    help="Give the board a clock that shows this at power-on, or this machine's time with `host`; "
    "without it the board does not know the time.",
)
@click.option(
    "--setting",
    "client_settings",
    type=ClientSetting(),
    multiple=True,
    metavar="NAME=VALUE",
    help="One of the upgrade client's timers and limits, by its name in docs/protocol.md.",
)
@click.option(
    "--heap",
    callback=_heap,
    help=f"MicroPython's heap.  [default: {', '.join(f'{size} on {name}' for name, size in HEAPS.items())}]",
)
@click.option(
    "--events",
    "events_path",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Append the events there, too.",
)
def command(
    state_path: Path,
    factory: Path | None,
    trust: Path | None,
    board: str,
    verifier: str | None,
    device: str,
    manufacturer_code: int,
    hardware_version: int,
    address: int,
    endpoint: int,
    profile: int,
    listen: tuple[str, int] | None,
    connect: tuple[str, int] | None,
    pty: bool,
    console_pty: bool,
    stdio: bool,
    interpreter: str,
    max_data_size: int,
    utc: int | None,
    client_settings: tuple[tuple[str, int | list[int]], ...],
    heap: str,
    events_path: Path | None,
) -> None:
    """Run a device: the firmware in DIR's slots on real MicroPython, its HAN link on a stream.

    Killing this process is a power cut, starting it again with the same DIR is power-on. It restarts the
    interpreter by itself when the device resets. Events are lines of JSON on standard output.

    \b
    Example, and then `hanota serve v2.ota --connect 127.0.0.1:7000`:
      hanota emulate --state device --factory v1.ota --trust public.pem --listen 127.0.0.1:7000
    """
    if (listen is not None) + (connect is not None) + pty + stdio != 1:
        raise UnusableArguments("say where the HAN link goes: one of --listen, --connect, --pty and --stdio")
    if board != HOST and interpreter != MICROPYTHON:
        raise UnusableArguments(f"--interpreter {interpreter} is for --board {HOST} alone")
    if interpreter == OWN_FIRMWARE:
        interpreter = str(built(HOST))
    anchor = None if trust is None else keys.load_public(trust)
    state = StateDir(state_path)
    if not state.holds_device and factory is None:
        raise UnusableArguments(
            f"{state_path} holds no device yet: give it a firmware with --factory IMAGE.ota"
        )
    if not state.holds_device and anchor is None:
        raise UnusableArguments("a new device needs a key to trust: give --trust public.pem")
    lock = state.acquire()
    if state.holds_device:
        check_identity(state, anchor, device, manufacturer_code, hardware_version, board, verifier)
    else:
        assert factory is not None and anchor is not None
        anchors = Anchors([Anchor(anchor, FIRMWARE | ANCHORS)])
        make_device(
            *(state, factory, anchors, device, manufacturer_code, hardware_version),
            board=board,
            verifier=verifier or verifiers.PYTHON,
        )
    options = Options(
        address, endpoint, profile, interpreter, heap, max_data_size, utc, dict(client_settings)
    )
    emit = _writer(events_path, stdio)
    asyncio.run(_run(Emulator(state, options, lock, emit), state, listen, connect, pty, console_pty))


def _writer(path: Path | None, stdio: bool):
    """Where events go: standard output, and FILE; with --stdio FILE alone, else standard error."""
    # The file first: who reads an event and then cuts the power finds it in the file.
    streams: list[TextIO] = []
    if path is not None:
        try:
            streams.append(path.open("a"))
        except OSError as error:
            raise UnusableArguments(f"cannot write events to {path}: {error.strerror}") from error
    elif stdio:
        streams.append(sys.stderr)
    if not stdio:
        streams.append(sys.stdout)

    def emit(event: dict) -> None:
        line = json.dumps(event) + "\n"
        for stream in streams:
            stream.write(line)
            stream.flush()

    return emit


async def _run(emulator: Emulator, state: StateDir, listen, connect, pty, console_pty) -> None:
    loop = asyncio.get_running_loop()
    consoles = []
    paths = {}
    state.forget_ports()
    if console_pty:
        paths["console"], serving = emulator.console_port.open_pty()
        _lead(state.console, paths["console"])
        consoles.append(asyncio.create_task(serving))
    power = asyncio.create_task(emulator.run())
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, power.cancel)
    port = emulator.port
    if listen is not None:
        try:
            listening = await port.listen(*listen)
        except OSError as error:
            power.cancel()
            raise Failed(f"cannot listen on {listen[0]}:{listen[1]}: {error.strerror}") from error
        emulator.emit("listening", host=listen[0], port=listening, **paths)
        link = None
    elif connect is not None:
        link = asyncio.create_task(port.connect(*connect))
    elif pty:
        path, serving = port.open_pty()
        _lead(state.han, path)
        emulator.emit("listening", path=path, **paths)
        link = asyncio.create_task(serving)
    else:
        link = asyncio.create_task(port.stdio())
    waiting = [task for task in (power, link, *consoles) if task is not None]
    try:
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            if not task.cancelled():
                task.result()
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        state.forget_ports()


def _lead(name: Path, to: str) -> None:
    """A link of this name, so that a bench finds the terminal under the same name at each power-on."""
    fresh = name.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(to)
    fresh.replace(name)
