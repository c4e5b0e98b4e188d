"""tshark as a second reader of what the device sent.

Each frame is wrapped as an unsecured 802.15.4 data frame with ZigBee NWK and APS headers, all frames go into
one capture file, and what tshark's dissectors found comes back as ``Dissected``. tshark ignores bytes behind
what it knows, so ``covered`` says which bytes of the payload any field took.
"""

import contextlib
import shutil
import struct
import subprocess
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from pathlib import Path

import zigpy.types as t
from zigpy.zcl import foundation
from zigpy.zcl.clusters.general import Ota
from zigpy.zdo.types import CLUSTERS, ZDOCmd, ZDOHeader

from tools.hub.han_frame import HanFrame

FIELD = "zbee_zcl_general.ota."  # the head of tshark's names of the OTA Upgrade cluster's fields
_LINK_TYPE = 230  # IEEE 802.15.4 without FCS
_DATA = 0x8841  # data frame, PAN id compressed, short addresses
_PAN = 0x1A62
_NWK_DATA = 0x0008  # protocol version 2
_BROADCAST = 0xFFFD
_PROTOCOLS = ("zbee_zcl", "zbee_zdp")
_SHOWN = "zbee_zcl zbee_zdp _ws.malformed"  # the fields of other layers are ours, and most of the output
# What tshark 4.0 passes over: first offset, and the last if it is not the end. zigpy reads those bytes.
_PASSED_OVER = {
    "Discover Attributes Response": (3, 3),
    "Discover Attribute Extended Response": (4, None),
    "Discover Commands Received Response": (4, None),
    "Discover Commands Generated Response": (4, None),
    "ZDO NWK_addr_rsp": (12, None),  # the number of children, if there are none
}


@dataclass
class Dissected:
    """``fields``: name to values, as tshark shows them; ``covered``: offsets of the payload that some
    field took; ``complaints``: what tshark's experts said, "malformed" among it."""

    frame: HanFrame
    fields: dict[str, list[int]] = field(default_factory=dict)
    protocols: set[str] = field(default_factory=set)
    covered: set[int] = field(default_factory=set)
    complaints: list[str] = field(default_factory=list)


def available() -> bool:
    """True if there is a tshark."""
    return shutil.which("tshark") is not None


def dissect(contents: list[bytes], directory: Path) -> list[Dissected]:
    """What tshark makes of link frames' contents, one by one."""
    frames = [HanFrame.from_contents(one) for one in contents]
    path = directory / "device.pcap"
    path.write_bytes(_capture(frames))
    command = ["tshark", "-r", str(path), "-T", "pdml", "-n", "-J", _SHOWN]
    result = subprocess.run(command, capture_output=True, check=True, cwd=directory)
    packets = ElementTree.fromstring(result.stdout).findall("packet")
    assert len(packets) == len(frames)
    return [_read(packet, frame) for packet, frame in zip(packets, frames, strict=True)]


def _capture(frames: list[HanFrame]) -> bytes:
    out = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 0xFFFF, _LINK_TYPE)
    for number, frame in enumerate(frames):
        packet = _wrap(frame, number)
        out += struct.pack("<IIII", number, 0, len(packet), len(packet)) + packet
    return out


def _wrap(frame: HanFrame, number: int) -> bytes:
    count = number & 0xFF
    to = _BROADCAST if frame.kind else frame.destination
    mac = struct.pack("<HBHHH", _DATA, count, _PAN, 0xFFFF if frame.kind else to, frame.source)
    nwk = struct.pack("<HHHBB", _NWK_DATA, to, frame.source, 30, count)
    control = 0x08 if frame.kind else 0x00
    ends = (
        control,
        frame.destination_endpoint,
        frame.cluster_id,
        frame.profile_id,
        frame.source_endpoint,
        count,
    )
    return mac + nwk + struct.pack("<BBHHBB", *ends) + frame.payload


def _read(packet: ElementTree.Element, frame: HanFrame) -> Dissected:
    found = Dissected(frame)
    first = len(_wrap(frame, 0)) - len(frame.payload)
    for proto in packet.findall("proto"):
        name = proto.get("name", "")
        found.protocols.add(name)
        if name == "_ws.malformed":
            found.complaints.append("malformed")
        for one in proto.iter("field"):
            if one.get("name") == "_ws.expert":
                found.complaints.append(one.get("showname", ""))
        if name.startswith(_PROTOCOLS):
            _collect(proto, first, found)
    return found


def _collect(node: ElementTree.Element, first: int, found: Dissected) -> None:
    """Named fields with a value; a group has no name, and takes no bytes by itself."""
    for one in node.findall("field"):
        name, value = one.get("name", ""), one.get("value")
        if name and value is not None and not name.startswith("_ws"):
            at = int(one.get("pos", "0")) - first
            found.covered.update(range(at, at + int(one.get("size", "0"))))
            with contextlib.suppress(ValueError):  # text is no number
                found.fields.setdefault(name, []).append(int(one.get("show", ""), 0))
        _collect(one, first, found)


def uncovered(one: Dissected) -> set[int]:
    """Offsets of the payload that no field of tshark's took, without those that it never takes."""
    size = len(one.frame.payload)
    first, last = _PASSED_OVER.get(one.frame.name(), (size, None))
    known = range(first, size if last is None else last + 1)
    return set(range(size)) - one.covered - set(known)


def expected(frame: HanFrame) -> dict[str, list[int]]:
    """tshark's fields of a frame as zigpy's codec reads them, for the frames that the device sends.

    AssertionError if zigpy leaves a byte over.
    """
    if frame.destination_endpoint == 0:
        return _expected_zdo(frame)
    header, rest = foundation.ZCLHeader.deserialize(frame.payload)
    control = header.frame_control
    fields = {
        "zbee_zcl.type": [int(control.frame_type)],
        "zbee_zcl.ms": [int(control.is_manufacturer_specific)],
        "zbee_zcl.dir": [int(control.direction)],
        "zbee_zcl.ddr": [int(control.disable_default_response)],
        "zbee_zcl.cmd.tsn": [header.tsn],
    }
    if control.is_general:
        return (
            fields
            | {"zbee_zcl.cmd.id": [header.command_id]}
            | _expected_general(frame, header.command_id, rest)
        )
    fields[FIELD + "cmd.srv_rx.id"] = [header.command_id]
    command, rest = Ota.server_commands[header.command_id].schema.deserialize(rest)
    assert not rest, frame
    for name, shown in _OTA_FIELDS.items():
        value = getattr(command, name, None)
        if value is not None:
            fields[FIELD + shown] = [int(value)]
    return fields


_OTA_FIELDS = {
    "manufacturer_code": "manufacturer_code",
    "image_type": "image.type",
    "current_file_version": "file.version",
    "file_version": "file.version",
    "hardware_version": "hw_ver",
    "file_offset": "file.offset",
    "maximum_data_size": "max_data_size",
    "page_size": "page.size",
    "response_spacing": "rsp_spacing",
    "minimum_block_period": "min_block_period",
    "status": "status",
    "current_zigbee_stack_version": "zb_stack.ver",
}
_ATTRIBUTE_FIELD = {0x0000: "zbee_zcl_general.basic.attr_id", Ota.cluster_id: "zbee_zcl_general.ota.attr_id"}


def _expected_general(frame: HanFrame, command_id: int, rest: bytes) -> dict[str, list[int]]:
    command, rest = foundation.GENERAL_COMMANDS[command_id].schema.deserialize(rest)
    assert not rest, frame
    if command_id == foundation.GeneralCommand.Default_Response:
        return {"zbee_zcl.cmd.id.rsp": [command.command_id], "zbee_zcl.attr.status": [int(command.status)]}
    if command_id != foundation.GeneralCommand.Read_Attributes_rsp:
        return {}
    records = command.status_records
    fields = {
        _ATTRIBUTE_FIELD[frame.cluster_id]: [record.attrid for record in records],
        "zbee_zcl.attr.status": [int(record.status) for record in records],
    }
    types = [int(record.value.type) for record in records if record.status == foundation.Status.SUCCESS]
    return fields | ({"zbee_zcl.attr.data.type": types} if types else {})


def _expected_zdo(frame: HanFrame) -> dict[str, list[int]]:
    header, rest = ZDOHeader.deserialize(t.uint16_t(frame.cluster_id), frame.payload)
    names, kinds = CLUSTERS[ZDOCmd(frame.cluster_id)]
    values, rest = t.deserialize(rest, kinds)
    assert not rest, frame
    named = dict(zip(names, values, strict=False))
    fields = {"zbee_zdp.seqno": [header.tsn]}
    if "Status" in named:
        fields["zbee_zdp.status"] = [int(named["Status"])]
    for name in ("NWKAddr", "NWKAddrOfInterest"):
        if named.get(name) is not None:
            fields["zbee_zdp.nwk_addr"] = [int(named[name])]
    if (descriptor := named.get("SimpleDescriptor")) is not None and descriptor.endpoint is not None:
        fields |= {
            "zbee_zdp.endpoint": [descriptor.endpoint],
            "zbee_zdp.profile": [descriptor.profile],
            "zbee_zdp.app.device": [descriptor.device_type],
            "zbee_zdp.in_cluster": list(descriptor.input_clusters),
            "zbee_zdp.out_cluster": list(descriptor.output_clusters),
        }
    if (node := named.get("NodeDescriptor")) is not None and named["Status"] == 0:
        fields |= {
            "zbee_zdp.node.manufacturer": [node.manufacturer_code],
            "zbee_zdp.node.max_buffer": [node.maximum_buffer_size],
        }
    return fields
