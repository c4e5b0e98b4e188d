"""``make bench-board BOARD=...``: what the agent costs in a board's firmware. Prints figures only.

Heap figures come from the device itself: the sample application, with a callback that collects garbage once a
second and tells what is in use. The smallest heap is found by whole updates from a zigpy hub, by bisection.
"""

import asyncio
import logging
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from zigpy.zcl.foundation import Status

from firmware_agent.boot import CRASH, WATCHDOG
from tools import bench_start, firmware, keys, layout, romfs
from tools.demo import images as demo_images
from tools.demo.device import HOST, Device
from tools.demo.images import V1, V2, Images
from tools.emulator.machine import MICROPYTHON
from tools.errors import Failed
from tools.hub.images import load_image
from tools.hub.session import DeviceAway, HubSession
from tools.rig.sabotage import GOOD

STEP = 4  # KiB between the heaps that are tried
LARGEST = 128
_EVENT_S = 60.0
_UPDATE_S = 180.0
_SAMPLES = 15  # seconds: the agent rests ten seconds after the last frame
TELL = """

def _start_and_tell(device, start=start):
    start(device)
    device.every(1000, _tell_heap)


def _tell_heap(elapsed):
    import gc

    gc.collect()
    print('{"event": "heap", "used": %d, "free": %d}' % (gc.mem_alloc(), gc.mem_free()))


start = _start_and_tell
"""


def make_images(directory: Path, sample: bool, tell: str = TELL) -> Images:
    """Two releases that tell how much heap is in use: of the sample, or of an application that does nothing
    else."""
    made = Images(directory)
    keys.generate(directory)
    key = keys.load_private(made.private_key)
    package = directory / "application"
    if sample:
        shutil.copytree(demo_images.SAMPLE, package, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        package.mkdir()
        (package / "app.py").write_text(GOOD)
    with (package / "app.py").open("a") as file:
        file.write(tell)
    payload = romfs.build(package)
    for release, version in ((1, V1), (2, V2)):
        made.payload(release).write_bytes(payload)
        made.upgrade_file(release).write_bytes(demo_images.sign(payload, version, key))
    return made


class NotDone(Exception):
    """The update did not come to its end; the text says how far it came."""


async def update(
    made: Images, board: str, heap: int, interpreter: str = MICROPYTHON
) -> tuple[list[int], list[int]]:
    """One update with ``heap`` KiB: bytes in use before it, and during it. NotDone if that is too small."""
    with tempfile.TemporaryDirectory(prefix="hanota-") as name:
        options = ("--board", board, "--interpreter", interpreter, "--heap", f"{heap}k")
        device = Device(Path(name) / "device", made.public_key, made.upgrade_file(1), options)
        async with device:
            try:
                await device.power_on()
                await device.wait_for("boot", _EVENT_S)
                async with HubSession(HOST, device.port) as session:
                    await session.wait_for_device(_EVENT_S)
                    while len(_heaps(device)) < _SAMPLES:
                        await device.wait_for("heap", _EVENT_S, len(device.events))
                    before = len(device.events)
                    async with asyncio.timeout(_UPDATE_S):
                        status = await _served(session, made)
                    if status != Status.SUCCESS:
                        raise NotDone(f"the hub says {status!r}")
                    await device.wait_for("confirmed", _EVENT_S)
            except (Failed, DeviceAway, TimeoutError) as failure:
                said = device.said.splitlines()[-1:] or [str(failure) or "not done in time"]
                raise NotDone(said[0]) from None
            causes = [event.fields["cause"] for event in device.events if event.name == "boot"]
            if {CRASH, WATCHDOG} & set(causes):
                raise NotDone(f"boots: {', '.join(causes)}")
            end = next(i for i, event in enumerate(device.events) if event.name == "pending")
            return _heaps(device, 0, before), _heaps(device, before, end)


async def _served(session: HubSession, made: Images) -> Status:
    try:
        return await session.update(load_image(made.upgrade_file(2)))
    except DeviceAway as away:
        if away.took_image:
            return Status.SUCCESS
        raise


def _heaps(device: Device, start: int = 0, end: int | None = None) -> list[int]:
    return [event.fields["used"] for event in device.events[start:end] if event.name == "heap"]


async def smallest_heap(made: Images, board: str, console: Console, interpreter: str = MICROPYTHON) -> int:
    """KiB, a multiple of STEP."""
    low, high = 2, LARGEST // STEP  # ``high`` is known to do
    while high - low > 1:
        middle = (low + high) // 2
        try:
            await update(made, board, middle * STEP, interpreter)
            done = True
            console.print(f"a heap of {middle * STEP} KiB: enough")
        except NotDone as reason:
            done = False
            console.print(f"a heap of {middle * STEP} KiB: too small: {reason}")
        low, high = (low, middle) if done else (middle, high)
    return high * STEP


def frozen_sizes(board: str) -> tuple[int, int]:
    """Bytes of code and data: of the frozen modules, and of the whole firmware."""
    objects = firmware.BUILD / board / "objects"
    sizes = []
    for path in (objects / "frozen_content.o", firmware.firmware_of(board)):
        said = subprocess.run(
            ["arm-none-eabi-size", str(path)], capture_output=True, text=True, check=True
        ).stdout
        text, data = re.findall(r"\d+", said.splitlines()[1])[:2]
        sizes.append(int(text) + int(data))
    return sizes[0], sizes[1]


def agent_size() -> int:
    """Bytes of the agent's updatable half in a payload: what one without application weighs."""
    sources = {name: (layout.ROOT / name).read_bytes() for name in layout.updatable_files()}
    return len(romfs.write(romfs.compiled_all(sources)))


async def heap_rows(
    made: Images, board: str, console: Console, interpreter: str = MICROPYTHON
) -> list[tuple[str, str]]:
    """What an update and the time before it take of the heap."""
    try:
        idle, busy = await update(made, board, LARGEST, interpreter)
    except NotDone as reason:
        raise Failed(f"no update on {board} even with a heap of {LARGEST} KiB: {reason}") from None
    least = await smallest_heap(made, board, console, interpreter)
    return [
        ("heap in use at rest, after a collection", f"{idle[-1]:,} bytes"),
        ("most in use during an update, after a collection", f"{max(busy):,} bytes"),
        ("smallest heap in which an update succeeds", f"{least} KiB"),
    ]


async def measure(board: str, console: Console) -> Table:
    """All of it."""
    table = Table("figure", "value", title=board)
    for sample, application in ((True, "sample application"), (False, "application that does nothing")):
        with tempfile.TemporaryDirectory(prefix="hanota-") as name:
            made = make_images(Path(name), sample)
            rows = await heap_rows(made, board, console)
            payload = made.payload(1).stat().st_size
        for what, value in rows:
            table.add_row(f"{application}: {what}", value)
        if sample:
            sample_payload = payload
    table.add_section()
    frozen, whole = frozen_sizes(board)
    for what, value in (
        ("frozen modules: boot, store, verify, board", f"{frozen:,} bytes"),
        ("the whole firmware", f"{whole:,} bytes"),
        ("agent's updatable half, in a slot", f"{agent_size():,} bytes"),
        ("payload: that and the sample application", f"{sample_payload:,} bytes"),
    ):
        table.add_row(what, value)
    table.add_section()
    bench_start.add_rows(table, bench_start.measure())
    return table


@click.command()
@click.argument("board")
def main(board: str) -> None:
    """Print BOARD's figures."""
    logging.getLogger("zigpy").addHandler(logging.NullHandler())
    firmware.build(board)
    console = Console(file=sys.stdout)
    console.print(asyncio.run(measure(board, console)))


if __name__ == "__main__":
    main()
