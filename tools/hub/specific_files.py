"""Files for one device alone: what zigpy knows the commands of, and does not serve.

Query Device Specific File is answered from the files' own headers; block requests and Upgrade Ends about
their image types, 0xFFC0 to 0xFFFE, are answered here too, and zigpy does not see them.
"""

from pathlib import Path
from typing import Any

from zigpy.ota.image import OTAImageHeader
from zigpy.zcl import foundation
from zigpy.zcl.clusters.general import Ota

from firmware_agent.protocol.ota_commands import FIRST_SPECIFIC_TYPE, LAST_SPECIFIC_TYPE
from tools.hub.han_frame import HanFrame
from tools.hub.images import UnusableImage

_BLOCK = 50  # bytes, as many as zigpy sends
_FROM_SERVER = 0x19  # cluster-specific, server to client, no Default Response wanted
_TO_SERVER = foundation.Direction.Client_to_Server
_ASKS, _ANSWERS = Ota.ServerCommandDefs, Ota.ClientCommandDefs


class SpecificFiles:
    """``told``: the status of each Upgrade End that came, by image type.

    A block request does not name its device's EUI64: what was offered last to its short address is served.
    """

    def __init__(self, paths: tuple[Path, ...] = ()) -> None:
        self.told: dict[int, int] = {}
        self._offered: dict[int, tuple[OTAImageHeader, bytes] | None] = {}
        self._files: list[tuple[OTAImageHeader, bytes]] = [_read(path) for path in paths]

    def answer(self, frame: HanFrame) -> bytes | None:
        """The ZCL frame in answer to one that is about such a file; None to any other."""
        query = frame.ota_command(_ASKS.query_specific_file, _TO_SERVER)
        if query is not None:
            self._offered[frame.source] = found = self._find(query)
            return _answer(frame, _ANSWERS.query_specific_file_response, **_offer(found))
        block = frame.ota_command(_ASKS.image_block, _TO_SERVER)
        if block is not None and _is_specific(block.image_type):
            return _answer(
                frame, _ANSWERS.image_block_response, **self._block(block, self._offered.get(frame.source))
            )
        end = frame.ota_command(_ASKS.upgrade_end, _TO_SERVER)
        if end is not None and _is_specific(end.image_type):
            self.told[int(end.image_type)] = int(end.status)
            ids = {name: getattr(end, name) for name in ("manufacturer_code", "image_type", "file_version")}
            return _answer(frame, _ANSWERS.upgrade_end_response, **ids, current_time=0, upgrade_time=0)
        return None

    def _find(self, query: Any) -> tuple[OTAImageHeader, bytes] | None:
        """The newest file for who asks."""
        wanted = (query.request_node_addr, query.manufacturer_code, query.image_type)
        fits = [
            (header, data)
            for header, data in self._files
            if (header.upgrade_file_destination, header.manufacturer_id, header.image_type) == wanted
        ]
        return max(fits, key=lambda one: int(one[0].file_version), default=None)

    def _block(self, asked: Any, found: tuple[OTAImageHeader, bytes] | None) -> dict[str, Any]:
        named = (asked.manufacturer_code, asked.image_type, asked.file_version)
        if found is None or named != (found[0].manufacturer_id, found[0].image_type, found[0].file_version):
            return {"status": foundation.Status.ABORT}
        if asked.file_offset >= len(found[1]):
            return {"status": foundation.Status.ABORT}
        end = asked.file_offset + min(asked.maximum_data_size, _BLOCK)
        return {
            "status": foundation.Status.SUCCESS,
            "manufacturer_code": asked.manufacturer_code,
            "image_type": asked.image_type,
            "file_version": asked.file_version,
            "file_offset": asked.file_offset,
            "image_data": found[1][asked.file_offset : end],
        }


def _is_specific(image_type: int) -> bool:
    return FIRST_SPECIFIC_TYPE <= image_type <= LAST_SPECIFIC_TYPE


def _offer(found: tuple[OTAImageHeader, bytes] | None) -> dict[str, Any]:
    if found is None:
        return {"status": foundation.Status.NO_IMAGE_AVAILABLE}
    header, data = found
    return {
        "status": foundation.Status.SUCCESS,
        "manufacturer_code": header.manufacturer_id,
        "image_type": header.image_type,
        "file_version": header.file_version,
        "image_size": len(data),
    }


def _answer(frame: HanFrame, command: foundation.ZCLCommandDef, **fields: Any) -> bytes:
    return bytes((_FROM_SERVER, frame.payload[1], command.id)) + command.schema(**fields).serialize()


def _read(path: Path) -> tuple[OTAImageHeader, bytes]:
    """UnusableImage says why a file cannot be served to one device."""
    try:
        data = path.read_bytes()
        header, _ = OTAImageHeader.deserialize(data)
    except (OSError, ValueError) as error:
        raise UnusableImage(f"{path}: no OTA upgrade file that can be read ({error})") from error
    if not _is_specific(header.image_type) or header.upgrade_file_destination is None:
        raise UnusableImage(
            f"{path}: not for one device: its header needs a destination and a type from 0xFFC0"
        )
    if header.image_size != len(data):
        raise UnusableImage(f"{path}: its header says {header.image_size} bytes, it has {len(data)}")
    return header, data
