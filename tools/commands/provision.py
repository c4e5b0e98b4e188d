"""``hanota provision``: a device at the factory."""

import os
from pathlib import Path

import click

from boards.common import verifier as verifiers
from firmware_agent.trust.anchors import ACTIVATION, ANCHORS, FIRMWARE, Anchor, Anchors, usage_text
from tools import anchor_options, keys, verifier_modules
from tools.anchor_options import EUI64, AnchorAdded
from tools.devices import IMAGE_TYPES
from tools.emulator.state_dir import HOST
from tools.errors import UnusableArguments
from tools.number import U16

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("provision")
@click.option(
    "--state",
    "state_path",
    required=True,
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="The emulated device to make; there must be none yet.",
)
@click.option(
    "--factory", required=True, metavar="IMAGE.ota", type=_FILE, help="The firmware that it leaves with."
)
@click.option(
    "--manufacturer-key",
    required=True,
    metavar="public.pem",
    type=_FILE,
    help="The manufacturer's key: it signs firmware and changes trust anchors.",
)
@click.option(
    "--supplier-key",
    metavar="public.pem",
    type=_FILE,
    help="The supplier's key. With one, new firmware runs only by its activation command.",
)
@click.option(
    "--anchor",
    "others",
    multiple=True,
    type=AnchorAdded(),
    metavar="USAGES=public.pem",
    help=f"Another trust anchor and what it is for ({anchor_options.USAGES}); four in all at most.",
)
@click.option(
    "--board", type=click.Choice(list(verifier_modules.ARCHITECTURES)), default=HOST, show_default=True
)
@click.option(
    "--verifier",
    type=click.Choice(verifiers.CHOICES),
    default=verifiers.PYTHON,
    show_default=True,
    help="What checks signatures; the key that is pinned is the manufacturer's.",
)
@click.option("--device", type=click.Choice(list(IMAGE_TYPES)), default="ppmid", show_default=True)
@click.option("--manufacturer-code", type=U16, default="0x1234", show_default=True)
@click.option("--hardware-version", type=U16, default="1", show_default=True)
@click.option("--eui64", type=EUI64(), help="E.g. 02:11:22:33:44:55:66:77. [default: drawn at random]")
def command(
    state_path: Path,
    factory: Path,
    manufacturer_key: Path,
    supplier_key: Path | None,
    others: tuple[Anchor, ...],
    board: str,
    verifier: str,
    device: str,
    manufacturer_code: int,
    hardware_version: int,
    eui64: bytes | None,
) -> None:
    """Make a device as the factory does: its identity, its trust anchors and its first firmware, which its
    own rules have to accept. From then on only signed manifests change the trust anchors
    (`hanota sign --add-anchor`, `--revoke-anchor`).

    \b
    Example, and then `hanota emulate --state device --listen 127.0.0.1:7000`:
      hanota provision --state device --factory v1.ota \\
          --manufacturer-key keys/public.pem --supplier-key supplier/public.pem
    """
    entries = [Anchor(keys.load_public(manufacturer_key), FIRMWARE | ANCHORS)]
    if supplier_key is not None:
        entries.append(Anchor(keys.load_public(supplier_key), ACTIVATION))
    entries += others
    for anchor in entries:
        if anchor.for_test():
            raise UnusableArguments(
                f"{anchor.key_id.hex()} is a test key: this board is not built for test and never believes it"
            )
    try:
        anchors = Anchors(entries)
    except ValueError as error:
        raise UnusableArguments(f"a device cannot have these trust anchors: {error}") from error

    from tools.emulator.factory import make_device
    from tools.emulator.state_dir import StateDir

    state = StateDir(state_path)
    lock = state.acquire()
    try:
        if state.holds_device:
            raise UnusableArguments(f"{state_path} holds a device already; give another --state")
        made = make_device(
            *(state, factory, anchors, device, manufacturer_code, hardware_version, eui64),
            board=board,
            verifier=verifier,
        )
    finally:
        os.close(lock)
    click.echo(
        f"{state_path}  {made['model']} {bytes.fromhex(made['eui64'])[::-1].hex()}, "
        f"signatures checked by: {verifier}"
    )
    for anchor in entries:
        click.echo(f"  trust anchor {anchor.key_id.hex()}  {usage_text(anchor.usage)}")
