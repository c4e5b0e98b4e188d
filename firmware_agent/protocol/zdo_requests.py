"""What the device says to the network by itself, the client's requests aside: that it is there, and questions
about the server. Loaded when there is something to say.

Each put function writes a whole frame to ``out`` and returns its length; ``device`` is the Endpoint.
"""

from firmware_agent.protocol import aps_frame as aps
from firmware_agent.protocol import zdo
from firmware_agent.protocol.aps_frame import put16, put_header, u16


def put_announce(device, out):
    """Device_annce, broadcast: TSN, short address, EUI64, capability."""
    at = _put_head(device, out, aps.BROADCAST, aps.BROADCAST_RX_ON, zdo.DEVICE_ANNOUNCE)
    put16(out, at, device.address)
    out[at + 2 : at + 10] = device.identity.eui64
    out[at + 10] = device.capability
    return at + 11


def put_eui64_question(device, out, address):
    """IEEE_addr_req to ``address``: TSN, the address whose EUI64 is wanted, one device, start index."""
    at = _put_head(device, out, aps.UNICAST, address, zdo.IEEE_ADDRESS_REQUEST)
    put16(out, at, address)
    put16(out, at + 2, 0)
    return at + 4


def put_match_question(device, out):
    """Match_Desc_req, broadcast: TSN, every receiver that is on, profile, one server cluster, OTA Upgrade, no
    client's."""
    at = _put_head(device, out, aps.BROADCAST, aps.BROADCAST_RX_ON, zdo.MATCH_DESCRIPTORS_REQUEST)
    put16(out, at, aps.BROADCAST_RX_ON)
    put16(out, at + 2, device.profile)
    out[at + 4] = 1
    put16(out, at + 5, zdo.CLIENT_CLUSTER)
    out[at + 7] = 0
    return at + 8


def first_match(buf, at, end, address):
    """The first endpoint that the match descriptors response in buf[at:end] names, if it is about
    ``address``; else 0."""
    if (
        end - at < 6
        or buf[at + 1] != zdo.SUCCESS
        or u16(buf, at + 2) != address
        or end - at < 5 + buf[at + 4]
    ):
        return 0
    return buf[at + 5] if buf[at + 4] and buf[at + 5] <= zdo.LAST_ENDPOINT else 0


def names(buf, at, end, address):
    """True if the IEEE address response in buf[at:end] tells the EUI64 of ``address``."""
    return end - at >= 12 and buf[at + 1] == zdo.SUCCESS and u16(buf, at + 10) == address


def _put_head(device, out, kind, address, cluster):
    """The head of a ZDO frame and a new sequence number, ``zdo_tsn``; returns their end."""
    device.zdo_tsn = (device.zdo_tsn + 1) & 0xFF
    at = put_header(out, kind, device.address, address, 0, 0, cluster, zdo.PROFILE)
    out[at] = device.zdo_tsn
    return at + 1
