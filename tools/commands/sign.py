"""``hanota sign``: a payload in its signed envelope, in an upgrade file."""

from pathlib import Path

import click

from tools import envelope, files, keys, upgrade_file
from tools.devices import IMAGE_TYPES
from tools.errors import UnusableArguments
from tools.number import Number

ELEMENTS = "elements"
GBCS = "gbcs"
# From here on image types mean credentials, configuration, logs, pictures or any image.
_FIRST_SPECIAL_TYPE = 0xFFC0
_ANY_VERSION = 0xFFFFFFFF

U16 = Number(0xFFFF)
U32 = Number(0xFFFFFFFF)


@click.command("sign")
@click.argument("payload", metavar="PAYLOAD", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="OUT.ota",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The upgrade file to write.",
)
@click.option(
    "--key",
    "key_path",
    required=True,
    metavar="private.pem",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The private key of hanota keygen.",
)
@click.option("--device", type=click.Choice(list(IMAGE_TYPES)), help="Kind of device; gives the image type.")
@click.option("--manufacturer-code", required=True, type=U16, help="ZigBee manufacturer code, e.g. 0x1234.")
@click.option("--file-version", required=True, type=U32, help="ZigBee file version, e.g. 0x00020000.")
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
def command(
    payload: Path,
    output: Path,
    key_path: Path,
    device: str | None,
    manufacturer_code: int,
    file_version: int,
    image_type: int | None,
    hardware_min: int | None,
    hardware_max: int | None,
    sequence: int | None,
    layout: str,
) -> None:
    """Sign PAYLOAD (any bytes; usually the image of `hanota build`): wrap it in a SUIT envelope, whose
    manifest says what it is and for which devices, and put that into a ZigBee OTA upgrade file. The same
    input gives the same bytes.

    The gbcs layout always has hardware versions in its header, as the GB rules show it: 0 to 0xFFFF without a
    limit. The elements layout has them only with a limit.

    \b
    Example:
      hanota sign v2.romfs -o v2.ota --key keys/private.pem --device ppmid \\
          --manufacturer-code 0x1234 --file-version 0x00020000
    """
    identity = envelope.Identity(
        manufacturer_code,
        _image_type(device, image_type),
        file_version,
        _hardware(hardware_min, hardware_max, layout == GBCS),
    )
    if manufacturer_code == 0xFFFF:
        raise UnusableArguments("--manufacturer-code 0xffff means any manufacturer; give yours")
    if file_version == _ANY_VERSION:
        raise UnusableArguments("--file-version 0xffffffff means any version; give a lower one")
    key = keys.load_private(key_path)
    contents = files.read(payload)
    if not contents:
        raise UnusableArguments(f"{payload} is empty: there is nothing to sign")
    sequence_number = file_version if sequence is None else sequence
    image = envelope.build(contents, identity, sequence_number, key)
    header_string = f"{device or 'firmware'} 0x{file_version:08x}".encode()
    data = upgrade_file.build(image, identity, header_string, layout == ELEMENTS)
    files.write(output, data, inputs=(payload, key_path))
    click.echo(
        f"{output}  {len(data)} bytes: payload {len(contents)}, file version 0x{file_version:08x}, "
        f"sequence {sequence_number}, key id {key.key_id.hex()}"
    )


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
