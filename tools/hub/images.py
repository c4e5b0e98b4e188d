"""OTA upgrade files as zigpy's own parser takes them."""

from pathlib import Path

from zigpy.ota import OtaImageWithMetadata
from zigpy.ota.image import parse_ota_image
from zigpy.ota.providers import LocalOtaImageMetadata


class UnusableImage(ValueError):
    """The file cannot be served: it cannot be read, or zigpy cannot parse it."""


def load_image(path: Path | str) -> OtaImageWithMetadata:
    """Read an OTA upgrade file for serving. UnusableImage says what is wrong with it and what to do."""
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UnusableImage(f"{path}: cannot be read: {error.strerror}") from error
    try:
        firmware, trailing = parse_ota_image(data)
        # The file the device gets is what zigpy writes back; it checks the size in the header, too.
        served = firmware.serialize()
    except (ValueError, AssertionError) as error:
        raise UnusableImage(
            f"{path}: zigpy does not take it as an OTA upgrade file ({error}); "
            "make one with: hanota sign --layout elements"
        ) from error
    if served != data[: len(data) - len(trailing)]:
        raise UnusableImage(f"{path}: zigpy would serve other bytes than the file holds")
    header = firmware.header
    metadata = LocalOtaImageMetadata(
        path=path,
        file_version=int(header.file_version),
        manufacturer_id=int(header.manufacturer_id),
        image_type=int(header.image_type),
        file_size=len(served),
        source=str(path),
    )
    return OtaImageWithMetadata(metadata=metadata, firmware=firmware)
