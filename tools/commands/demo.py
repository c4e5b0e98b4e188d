"""``hanota demo``: the main job, from keys to refused attacks."""

import asyncio
import logging
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console

from tools.demo import images, stage, table
from tools.demo.images import Images
from tools.demo.stage import Stage
from tools.emulator.emulator import MACHINES
from tools.emulator.state_dir import HOST
from tools.errors import UnusableArguments


@click.command("demo")
@click.option(
    "--keep",
    "kept",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="An empty or new directory for the keys, images and device, which otherwise are thrown away.",
)
@click.option(
    "--board",
    type=click.Choice(list(MACHINES)),
    default=HOST,
    show_default=True,
    help="As hanota emulate has it.",
)
@click.option("--images-only", is_flag=True, help="Stop once keys and images are in DIR.")
def command(kept: Path | None, board: str, images_only: bool) -> None:
    """Make keys and two firmware images, run an emulated PPMID on real MicroPython, update it from a zigpy
    hub, cut its power half-way, see it try and keep version 2, then attack it three times.

    Every claim is checked when it is made: the exit status is 0 only if all of them are true.

    \b
    Example, which leaves private.pem, public.pem, v1.romfs, v2.romfs, v1.ota, v2.ota and the device:
      hanota demo --keep story
    """
    if images_only and kept is None:
        raise UnusableArguments("--images-only needs --keep DIR: where the images are to stay")
    # The library's warnings are for who embeds it; what matters here is said by a claim.
    logging.getLogger("zigpy").addHandler(logging.NullHandler())
    console = Console()
    with _directory(kept) as directory, stage.on(console) as shown:
        made = _make_images(directory, shown)
        if images_only:
            return
        phases = asyncio.run(_tell(made, shown, board))
    console.print()
    console.print(table.table(phases))
    console.print("Every claim was checked and is true.")


@contextmanager
def _directory(kept: Path | None) -> Iterator[Path]:
    if kept is None:
        with tempfile.TemporaryDirectory(prefix="hanota-demo-") as temporary:
            yield Path(temporary)
        return
    try:
        kept.mkdir(parents=True, exist_ok=True)
        if any(kept.iterdir()):
            raise UnusableArguments(f"{kept} is not empty: --keep takes an empty or a new directory")
    except OSError as error:
        raise UnusableArguments(f"cannot use {kept}: {error.strerror}") from error
    yield kept


def _make_images(directory: Path, shown: Stage) -> Images:
    shown.step("1. Keys, and two releases of the sample firmware")
    made = images.make(directory)
    for release in (1, 2):
        payload, file = made.payload(release), made.upgrade_file(release)
        shown.claim(
            f"{payload.name} has {payload.stat().st_size} bytes, the same when built again; "
            f"{file.name}, signed, has {file.stat().st_size}"
        )
    return made


async def _tell(made: Images, shown: Stage, board: str):
    # zigpy takes a while to import; --help and --images-only need none of it.
    from tools.demo.story import Story

    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        return await Story(made, shown, board).tell()
    except asyncio.CancelledError:
        raise click.Abort from None
