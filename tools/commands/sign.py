"""``hanota sign``: a payload in its signed envelope, in an upgrade file."""

from pathlib import Path

import click

from firmware_agent.protocol.upgrade_file import UpgradeFile
from firmware_agent.reject import Rejected
from tools import anchor_options, envelope, files, keys, romfs, signing, upgrade_file
from tools.anchor_options import EUI64, AnchorAdded, AnchorRevoked
from tools.devices import IMAGE_TYPES
from tools.errors import UnusableArguments
from tools.number import U16, U32
from tools.zigbee_time import Moment

ELEMENTS = "elements"
GBCS = "gbcs"
# From here on image types mean credentials, configuration, logs, pictures or any image.
_FIRST_SPECIAL_TYPE = 0xFFC0
_ANY_VERSION = 0xFFFFFFFF

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("sign")
@click.argument("payload", metavar="PAYLOAD", type=_FILE)
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="OUT.ota",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The upgrade file to write.",
)
@click.option("--device", type=click.Choice(list(IMAGE_TYPES)), help="Kind of device; gives the image type.")
@click.option("--manufacturer-code", type=U16, help="ZigBee manufacturer code, e.g. 0x1234.")
@click.option("--file-version", type=U32, help="ZigBee file version, e.g. 0x00020000.")
@click.option("--image-type", type=U16, help="ZigBee image type, instead of the device's own.")
@click.option("--hardware-min", type=U16, help="Lowest hardware version that may run it (with a maximum: 0).")
@click.option("--hardware-max", type=U16, help="Highest hardware version (with a minimum: 0xFFFF).")
@click.option("--sequence", type=U32, help="Sequence number, against roll-back; by default the file version.")
@click.option(
    "--layout",
    type=click.Choice([GBCS, ELEMENTS]),
    default=GBCS,
    show_default=True,
    help="gbcs: the image right behind the header; elements: in an element of tag 0x0000, as zigpy and "
    "zigbee-herdsman expect.",
)
@click.option("--upgrade-from", type=U32, help="Lowest file version that it may replace.")
@click.option("--eui64", type=EUI64(), help="The one device that may take it, e.g. 02:11:22:33:44:55:66:77.")
@click.option("--expires", type=Moment(), help="Not to be installed from then on, e.g. 2027-01-31T18:00Z.")
@click.option(
    "--add-anchor",
    type=AnchorAdded(),
    metavar="USAGES=public.pem",
    help=f"A trust anchor that devices add, e.g. firmware,anchors=new.pem ({anchor_options.USAGES}).",
)
@click.option(
    "--revoke-anchor",
    type=AnchorRevoked(),
    metavar="public.pem|KEY-ID",
    help="A trust anchor that devices forget; never the key that signs this.",
)
@click.option(
    "--interface",
    type=U16,
    help="Interface of the boot files that PAYLOAD needs; by default what hanota build has written into it.",
)
@click.option(
    "--key", "key_path", metavar="private.pem", type=_FILE, help="Sign with the private key of hanota keygen."
)
@click.option(
    "--passphrase-file",
    metavar="FILE",
    type=_FILE,
    help="Its first line opens --key; by default it is asked for.",
)
@click.option(
    "--signer-command",
    metavar="COMMAND",
    help="Sign by a program, e.g. one that asks an HSM: it gets the SHA-256 digest in hexadecimal on "
    "standard input, and answers with r || s. With --public.",
)
@click.option("--prepare", is_flag=True, help="Leave the signature out, for another machine. With --public.")
@click.option(
    "--attach",
    metavar="SIGNATURE",
    type=_FILE,
    help="Put it into PAYLOAD, a file of --prepare. With --public, and no other option.",
)
@click.option(
    "--public", "public_path", metavar="public.pem", type=_FILE, help="The key that signs elsewhere."
)
@click.pass_context
def command(
    ctx: click.Context,
    payload: Path,
    output: Path,
    key_path: Path | None,
    passphrase_file: Path | None,
    signer_command: str | None,
    prepare: bool,
    attach: Path | None,
    public_path: Path | None,
    **described,
) -> None:
    """Sign PAYLOAD (any bytes; usually the image of `hanota build`): wrap it in a SUIT envelope, whose
    manifest says what it is and for which devices, and put that into a ZigBee OTA upgrade file. With a key in
    a file the same input gives the same bytes.

    The gbcs layout always has hardware versions in its header, as the GB rules show it: 0 to 0xFFFF without a
    limit. The elements layout has them only with a limit.

    The key need not be on this machine. Either a program signs (--signer-command), or it takes two steps:
    --prepare writes the file without its signature and prints the digest to be signed, and --attach puts the
    signature in. It may be r || s (64 bytes, or 128 hexadecimal digits) or DER.

    \b
    Example:
      hanota sign v2.romfs -o v2.ota --key keys/private.pem --device ppmid \\
          --manufacturer-code 0x1234 --file-version 0x00020000

    \b
    In two steps, the second machine having OpenSSL and the key:
      hanota sign v2.romfs -o v2.unsigned --prepare --public keys/public.pem \\
          --device ppmid --manufacturer-code 0x1234 --file-version 0x00020000
      echo DIGEST | xxd -r -p | openssl pkeyutl -sign -inkey private.pem > v2.sig
      hanota sign v2.unsigned -o v2.ota --attach v2.sig --public keys/public.pem
    """
    ways = {
        "--key": key_path is not None,
        "--signer-command": signer_command is not None,
        "--prepare": prepare,
        "--attach": attach is not None,
    }
    chosen = [name for name, given in ways.items() if given]
    if len(chosen) != 1:
        raise UnusableArguments(f"say where the signature comes from: one of {', '.join(ways)}")
    if key_path is None and public_path is None:
        raise UnusableArguments(f"{chosen[0]} needs --public public.pem, the key that signs")
    if key_path is not None and public_path is not None:
        raise UnusableArguments("--key has its public key with it: leave --public out")
    if passphrase_file is not None and key_path is None:
        raise UnusableArguments("--passphrase-file opens --key: there is none")
    inputs = tuple(
        path for path in (payload, key_path, passphrase_file, attach, public_path) if path is not None
    )
    if attach is not None:
        assert public_path is not None
        _refuse_options(ctx, described)
        data = _attach(payload, attach, keys.load_public(public_path))
        files.write(output, data, inputs=inputs)
        click.echo(f"{output}  {len(data)} bytes, signed")
        return
    signer: keys.Signer
    if key_path is not None:
        signer = keys.load_private(key_path, signing.passphrase_source(passphrase_file))
    else:
        assert public_path is not None
        public_key = keys.load_public(public_path)
        if signer_command is not None:
            signer = signing.CommandSigner(signer_command, public_key)
        else:
            signer = signing.LaterSigner(public_key)
    data, summary = _build(payload, signer, **described)
    files.write(output, data, inputs=inputs)
    click.echo(f"{output}  {len(data)} bytes: {summary}")
    if isinstance(signer, signing.LaterSigner):
        click.echo(f"sign this digest: {signer.digest}")


def _refuse_options(ctx: click.Context, described: dict) -> None:
    for name in described:
        if ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            option = "--" + name.replace("_", "-")
            raise UnusableArguments(
                f"{option} belongs to --prepare: what is prepared is not changed any more"
            )


def _build(
    payload: Path,
    signer: keys.Signer,
    device: str | None,
    manufacturer_code: int | None,
    file_version: int | None,
    image_type: int | None,
    hardware_min: int | None,
    hardware_max: int | None,
    sequence: int | None,
    layout: str,
    upgrade_from: int | None,
    eui64: bytes | None,
    expires: int | None,
    add_anchor,
    revoke_anchor: bytes | None,
    interface: int | None,
) -> tuple[bytes, str]:
    """The upgrade file, and what there is to say about it."""
    if manufacturer_code is None or file_version is None:
        raise UnusableArguments("give --manufacturer-code and --file-version")
    identity = envelope.Identity(
        manufacturer_code,
        _image_type(device, image_type),
        file_version,
        _hardware(hardware_min, hardware_max, layout == GBCS),
        eui64,
    )
    if manufacturer_code == 0xFFFF:
        raise UnusableArguments("--manufacturer-code 0xffff means any manufacturer; give yours")
    if file_version == _ANY_VERSION:
        raise UnusableArguments("--file-version 0xffffffff means any version; give a lower one")
    if upgrade_from is not None and upgrade_from > file_version:
        raise UnusableArguments(
            f"--upgrade-from 0x{upgrade_from:08x} is above --file-version: nothing could take it"
        )
    anchor_options.check_change(signer.key_id, add_anchor, revoke_anchor)
    contents = files.read(payload)
    if not contents:
        raise UnusableArguments(f"{payload} is empty: there is nothing to sign")
    sequence_number = file_version if sequence is None else sequence
    if interface is None:
        interface = romfs.interface_of(contents)
    conditions = envelope.Conditions(upgrade_from, expires, add_anchor, revoke_anchor, interface)
    image = envelope.build(contents, identity, sequence_number, signer, conditions)
    header_string = f"{device or 'firmware'} 0x{file_version:08x}".encode()
    data = upgrade_file.build(image, identity, header_string, layout == ELEMENTS)
    needs = "" if interface is None else f"interface {interface}, "
    return data, (
        f"payload {len(contents)}, file version 0x{file_version:08x}, sequence {sequence_number}, {needs}"
        f"key id {signer.key_id.hex()}"
    )


def _attach(prepared: Path, signature: Path, public_key: bytes) -> bytes:
    data = files.read(prepared)
    file = UpgradeFile()
    try:
        file.feed(data, 0, len(data))
        if not file.ready:
            raise UnusableArguments(f"{prepared} is no upgrade file; give what --prepare wrote")
        return signing.attach(data, file.image_offset, signing.read_signature(signature), public_key)
    except Rejected as refusal:
        raise UnusableArguments(f"{prepared} is no file of --prepare: {refusal.detail}") from refusal


def _image_type(device: str | None, image_type: int | None) -> int:
    if image_type is None:
        if device is None:
            raise UnusableArguments("give --device ppmid, ihd or hcalcs (or --image-type)")
        return IMAGE_TYPES[device]
    if image_type >= _FIRST_SPECIAL_TYPE:
        raise UnusableArguments(f"--image-type 0x{image_type:04x} is not firmware: give one below 0xffc0")
    return image_type


def _hardware(hardware_min: int | None, hardware_max: int | None, always: bool) -> tuple[int, int] | None:
    if hardware_min is None and hardware_max is None and not always:
        return None
    lowest = 0 if hardware_min is None else hardware_min
    highest = 0xFFFF if hardware_max is None else hardware_max
    if lowest > highest:
        raise UnusableArguments(f"--hardware-min {lowest} is above --hardware-max {highest}")
    return lowest, highest
