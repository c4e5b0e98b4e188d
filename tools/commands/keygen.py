"""``hanota keygen``: a new key pair, never over an old one."""

from pathlib import Path

import click

from tools import keys, signing


@click.command("keygen")
@click.option(
    "--out",
    "directory",
    required=True,
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory for private.pem and public.pem; made if missing.",
)
@click.option(
    "--passphrase-file",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Protect private.pem with the passphrase in its first line.",
)
def command(directory: Path, passphrase_file: Path | None) -> None:
    """Make a P-256 key pair: DIR/private.pem signs (readable by you alone), DIR/public.pem goes to the
    devices. Keys that exist are never overwritten, and a private key is never printed.

    \b
    Example:
      hanota keygen --out keys
    """
    passphrase = None if passphrase_file is None else signing.read_passphrase(passphrase_file)
    private_path, public_path = keys.generate(directory, passphrase)
    key_id = keys.key_id(keys.load_public(public_path))
    click.echo(f"{private_path}  signs; keep it secret, and keep a copy")
    click.echo(f"{public_path}   the devices' trust anchor, key id {key_id.hex()}")
