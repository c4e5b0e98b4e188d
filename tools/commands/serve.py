"""``hanota serve``: a zigpy hub that updates one device over the HAN serial link."""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn
from zigpy.ota import OtaImageWithMetadata
from zigpy.zcl.foundation import Status

from tools.errors import Failed, UnusableArguments
from tools.host_port import HostPort
from tools.hub.images import UnusableImage, load_image
from tools.hub.radio import HOME_AUTOMATION, SMART_ENERGY
from tools.hub.session import DeviceAway, HubSession
from tools.hub.specific_files import SpecificFiles

# A session ends 30 s after the device's last block request, so this covers an absence of minutes.
SESSIONS_AN_IMAGE = 5
# The device gives its new firmware's self-test 150 s, then it may still have to start the old one.
REPORT_S = 180.0
CONTACT_S = 60.0
_READ_AGAIN_S = 1.0
_PROFILES = {f"0x{profile:04x}": profile for profile in (HOME_AUTOMATION, SMART_ENERGY)}


@click.command(name="serve")
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...", type=click.Path(path_type=Path))
@click.option("--connect", "place", required=True, type=HostPort(), help="Where the device listens.")
@click.option(
    "--profile",
    type=click.Choice(list(_PROFILES), case_sensitive=False),
    default=f"0x{HOME_AUTOMATION:04x}",
    show_default=True,
    help="The HAN's application profile: Home Automation or Smart Energy (0x0109).",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=600.0,
    show_default=True,
    help="Seconds after which to give up, all images together.",
)
@click.option(
    "--file-for-device",
    "files",
    multiple=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="A device-specific file, served when its device asks; may be repeated.",
)
def command(
    images: Sequence[Path], place: tuple[str, int], profile: str, timeout: float, files: tuple[Path, ...]
) -> None:
    """Update one device as a zigpy hub would: notify it, serve the blocks, read the version back.

    IMAGE is an OTA upgrade file from "hanota sign --layout elements". Several are offered one after the
    other in the order given, each until the device reports its file version. The device may fall off the
    HAN at any time; serving goes on when it is back.

    Exits 0 when the device reports the last image's file version, 1 if it refused an image or did not
    report in time, 2 if an argument or a file is unusable.
    """
    # The library's warnings are for who embeds it; what matters here is said below.
    logging.getLogger("zigpy").addHandler(logging.NullHandler())
    try:
        loaded = [load_image(path) for path in images]
        specific = SpecificFiles(files)
    except UnusableImage as error:
        raise UnusableArguments(str(error)) from error
    asyncio.run(_serve(loaded, place, _PROFILES[profile], timeout, specific))


async def _serve(
    images: Sequence[OtaImageWithMetadata],
    place: tuple[str, int],
    profile: int,
    timeout: float,
    specific: SpecificFiles,
) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    doing = "waiting for the device"
    try:
        async with asyncio.timeout(timeout):
            async with HubSession(*place, profile=profile, specific_files=specific) as session:
                await session.wait_for_device(min(CONTACT_S, timeout))
                click.echo(f"device 0x{session.device_address:04x} endpoint {session.device_endpoint} is on")
                for image in images:
                    doing = f"serving {image.metadata.source}"
                    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
                        status = await _serve_image(session, image, bar)
                    doing = f"reading the file version after {image.metadata.source}"
                    await _conclude(session, image, status)
    except DeviceAway as away:
        raise Failed(str(away)) from away
    except TimeoutError as error:
        raise Failed(f"not done within {timeout:g} s, while {doing}; --timeout allows more") from error


async def _serve_image(session: HubSession, image: OtaImageWithMetadata, bar: Progress) -> Status:
    """Offer one image in as many sessions as it takes; zigpy's status, SUCCESS if the device took it."""
    task = bar.add_task(f"0x{image.version:08x}", total=None)
    reached = 0

    def progress(offset: int, size: int) -> None:
        nonlocal reached
        reached = offset
        bar.update(task, completed=offset, total=size)

    for remaining in reversed(range(SESSIONS_AN_IMAGE)):
        try:
            return await session.update(image, progress)
        except DeviceAway as away:
            if away.took_image:
                return Status.SUCCESS
            if not remaining:
                raise Failed(f"{away}; gave up after {SESSIONS_AN_IMAGE} sessions") from away
            click.echo(f"{away}, {reached} bytes in; {remaining} more sessions will be tried")
    raise AssertionError("the loop returns or raises")


async def _conclude(session: HubSession, image: OtaImageWithMetadata, status: Status) -> None:
    """Turn the session's end and what the device then reports into the command's outcome."""
    source, wanted = image.metadata.source, f"0x{image.version:08x}"
    if status == Status.SUCCESS:
        await _wait_for_version(session, image)
        click.echo(f"device 0x{session.device_address:04x} reports file version {wanted}")
    elif status != Status.NO_IMAGE_AVAILABLE:
        raise Failed(f"the device refused {source}: status 0x{int(status):02x} ({status.name})")
    elif (version := await session.read_file_version()) == image.version:
        click.echo(f"device 0x{session.device_address:04x} runs file version {wanted} already")
    else:
        raise Failed(
            f"zigpy did not offer {source}: the device runs 0x{version:08x} and the image is {wanted}; zigpy "
            "offers only a higher version, for the manufacturer code, image type and hardware asked for"
        )


async def _wait_for_version(session: HubSession, image: OtaImageWithMetadata) -> None:
    """The device resets, tries the new firmware and may revert, so it is asked again for a while."""
    last = "nothing"
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(REPORT_S):
            while True:
                with contextlib.suppress(DeviceAway):
                    version = await session.read_file_version()
                    if version == image.version:
                        return
                    last = f"0x{version:08x}"
                await asyncio.sleep(_READ_AGAIN_S)
    raise Failed(
        f"the device took {image.metadata.source} but reports {last}, not 0x{image.version:08x}, "
        f"{REPORT_S:g} s later: it may have reverted to its old firmware"
    )
