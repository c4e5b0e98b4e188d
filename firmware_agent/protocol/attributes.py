"""Attributes that hubs read: Basic 0x0000 (server side) and OTA Upgrade 0x0019 (client side).

Each cluster is a function ``read(device, attribute, out, at)`` that writes ``type, value`` and returns
the number of bytes, or 0 for UNSUPPORTED_ATTRIBUTE (ZCL r8, 3.2 and 11.10). ``device`` is the Endpoint.
IDS lists what each of them knows, in the order that discovery tells it.
"""

from firmware_agent.protocol import zcl
from firmware_agent.protocol.aps_frame import put16, put32, u16
from firmware_agent.protocol.ota_commands import IDENTITY_IMAGE_TYPE_AT
from firmware_agent.protocol.session import DOWNLOAD, FILE, NOTHING

BASIC = 0x0000
OTA = 0x0019

_ZCL_VERSION = 8
_CLUSTER_REVISION = 0xFFFD
_OTA_REVISION = 4  # with it MinimumBlockPeriod is in milliseconds
_STACK_VERSION_PRO = 0x0002
_MAX_STRING = 32
_DOWNLOADING = 1
_UNKNOWN_U16 = 0xFFFF
_UNKNOWN_U32 = 0xFFFFFFFF
_UNKNOWN_EUI64 = b"\xff" * 8


def _u8(out, at, kind, value):
    out[at] = kind
    out[at + 1] = value
    return 2


def _u16(out, at, value):
    out[at] = zcl.TYPE_U16
    put16(out, at + 1, value)
    return 3


def _u32(out, at, value):
    out[at] = zcl.TYPE_U32
    put32(out, at + 1, value)
    return 5


def _string(out, at, text):
    data = text.encode()[:_MAX_STRING]
    out[at] = zcl.TYPE_STRING
    out[at + 1] = len(data)
    out[at + 2 : at + 2 + len(data)] = data
    return 2 + len(data)


def dotted(file_version):
    """0x01020003 as "1.2.0.3": the four octets, most significant first (GB firmware version)."""
    return ".".join([str(file_version >> shift & 0xFF) for shift in (24, 16, 8, 0)])


def read_basic(device, attribute, out, at):
    """Basic cluster."""
    identity = device.identity
    if attribute == 0x0000:
        return _u8(out, at, zcl.TYPE_U8, _ZCL_VERSION)
    if attribute == 0x0001:
        return _u8(out, at, zcl.TYPE_U8, identity.file_version >> 24 & 0xFF)
    if attribute == 0x0002:
        return _u8(out, at, zcl.TYPE_U8, _STACK_VERSION_PRO)
    if attribute == 0x0003:
        return _u8(out, at, zcl.TYPE_U8, identity.hardware_version & 0xFF)
    if attribute == 0x0004:
        return _string(out, at, identity.manufacturer_name)
    if attribute == 0x0005:
        return _string(out, at, identity.model)
    if attribute == 0x0006:
        return _string(out, at, identity.date_code)
    if attribute == 0x0007:
        return _u8(out, at, zcl.TYPE_ENUM8, identity.power_source)
    if attribute == 0x4000:
        return _string(out, at, dotted(identity.file_version))
    if attribute == _CLUSTER_REVISION:
        return _u16(out, at, 3)
    return 0


def read_ota(device, attribute, out, at):
    """OTA Upgrade cluster, client attributes."""
    identity = device.identity
    client = device.client
    status = client.upgrade_status()
    if attribute == 0x0000:
        out[at] = zcl.TYPE_EUI64
        known = device.eui64_of == device.server_address
        out[at + 1 : at + 9] = device.server_eui64 if known else _UNKNOWN_EUI64
        return 9
    if attribute == 0x0001:
        downloading = status == _DOWNLOADING and client.base in (DOWNLOAD, FILE)
        return _u32(out, at, client.download.offset if downloading else _UNKNOWN_U32)
    if attribute == 0x0002:
        return _u32(out, at, identity.file_version)
    if attribute == 0x0003:
        return _u16(out, at, _STACK_VERSION_PRO)
    if attribute == 0x0004:
        return _u32(out, at, client.downloaded_file_version())
    if attribute == 0x0005:
        known = client.downloaded_file_version() != _UNKNOWN_U32
        return _u16(out, at, _STACK_VERSION_PRO if known else _UNKNOWN_U16)
    if attribute == 0x0006:
        return _u8(out, at, zcl.TYPE_ENUM8, status)
    if attribute == 0x0007:
        return _u16(out, at, identity.manufacturer_code)
    if attribute == 0x0008:
        known = client.base != NOTHING
        return _u16(out, at, u16(client.image, IDENTITY_IMAGE_TYPE_AT) if known else _UNKNOWN_U16)
    if attribute == 0x0009:
        return _u16(out, at, client.download.minimum_block_period)
    if attribute == 0x000A:
        return _u32(out, at, identity.image_stamp)
    if attribute == 0x000B:
        return _u8(out, at, zcl.TYPE_ENUM8, client.settings.upgrade_activation_policy)
    if attribute == 0x000C:
        return _u8(out, at, zcl.TYPE_ENUM8, client.settings.upgrade_timeout_policy)
    if attribute == _CLUSTER_REVISION:
        return _u16(out, at, _OTA_REVISION)
    return 0


READERS = {BASIC: read_basic, OTA: read_ota}
IDS = {
    BASIC: (0, 1, 2, 3, 4, 5, 6, 7, 0x4000, _CLUSTER_REVISION),
    OTA: (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, _CLUSTER_REVISION),
}
