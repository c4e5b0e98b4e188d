"""The contents of one HAN serial link frame, version 1, as the hub's tools hold it."""

import struct
from typing import Any, NamedTuple

from zigpy.zcl import foundation
from zigpy.zcl.clusters.general import Ota
from zigpy.zdo.types import ZDOCmd

from firmware_agent.protocol.aps_frame import BROADCAST, HEADER_SIZE, LINK_VERSION, UNICAST

ZDO_ENDPOINT = 0
_ZDO_NAMES = {int(command): command.name for command in ZDOCmd}
_HEADER = struct.Struct("<BBHHBBHH")
assert _HEADER.size == HEADER_SIZE


class HanFrame(NamedTuple):
    """One APS data frame. ``payload`` is the ZCL frame, or TSN and ZDO payload on endpoint 0."""

    kind: int
    source: int
    destination: int
    source_endpoint: int
    destination_endpoint: int
    cluster_id: int
    profile_id: int
    payload: bytes

    def to_contents(self) -> bytes:
        """The frame's contents: 12 bytes of header, then the payload."""
        return _HEADER.pack(LINK_VERSION, *self[:-1]) + self.payload

    @classmethod
    def from_contents(cls, contents: bytes) -> "HanFrame":
        """Parse a frame's contents; ValueError for another link version, kind, or a short header."""
        if len(contents) < _HEADER.size:
            raise ValueError(f"{len(contents)} bytes are less than a HAN frame's header")
        version, *fields = _HEADER.unpack_from(contents)
        if version != LINK_VERSION:
            raise ValueError(f"link version {version}, not {LINK_VERSION}")
        if fields[0] not in (UNICAST, BROADCAST):
            raise ValueError(f"frame kind {fields[0]} is neither unicast nor broadcast")
        return cls._make([*fields, contents[_HEADER.size :]])

    def name(self) -> str:
        """What the frame is, for counting and tables: "Image Block Response", "ZDO Device_annce"."""
        if ZDO_ENDPOINT in (self.source_endpoint, self.destination_endpoint):
            return f"ZDO {_ZDO_NAMES.get(self.cluster_id, f'0x{self.cluster_id:04x}')}"
        try:
            header, _ = foundation.ZCLHeader.deserialize(self.payload)
        except ValueError:
            return "no ZCL frame"
        commands: dict[int, foundation.ZCLCommandDef]
        if header.frame_control.is_general:
            commands = {int(number): command for number, command in foundation.GENERAL_COMMANDS.items()}
        elif self.cluster_id != Ota.cluster_id:
            return f"command 0x{header.command_id:02x} of cluster 0x{self.cluster_id:04x}"
        elif header.direction == foundation.Direction.Server_to_Client:
            commands = Ota.client_commands
        else:
            commands = Ota.server_commands
        if header.command_id not in commands:
            return f"unknown command 0x{header.command_id:02x}"
        return commands[header.command_id].name.replace("_", " ").title().replace("Rsp", "Response")

    def ota_command(self, command: foundation.ZCLCommandDef, direction: foundation.Direction) -> Any:
        """The frame parsed as ``command`` of the OTA Upgrade cluster; None if it is anything else.

        The direction is asked for because zigpy's own command definitions carry the opposite one.
        """
        if self.cluster_id != Ota.cluster_id or self.source_endpoint == ZDO_ENDPOINT:
            return None
        try:
            header, payload = foundation.ZCLHeader.deserialize(self.payload)
            if header.direction != direction or header.command_id != command.id:
                return None
            return None if header.frame_control.is_general else command.schema.deserialize(payload)[0]
        except ValueError:
            return None
