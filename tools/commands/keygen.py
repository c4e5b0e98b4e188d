"""``hanota keygen``: a new key pair, never over an old one."""

from pathlib import Path

import click

from tools import keys


@click.command("keygen")
@click.option(
    "--out",
    "directory",
    required=True,
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory for private.pem and public.pem; made if missing.",
)
def command(directory: Path) -> None:
    """Make a P-256 key pair: DIR/private.pem signs (readable by you alone), DIR/public.pem goes to the
    devices. Keys that exist are never overwritten.

    \b
    Example:
      hanota keygen --out keys
    """
    private_path, public_path = keys.generate(directory)
    key_id = keys.load_private(private_path).key_id
    click.echo(f"{private_path}  signs; keep it secret, and keep a copy")
    click.echo(f"{public_path}   the devices' trust anchor, key id {key_id.hex()}")
