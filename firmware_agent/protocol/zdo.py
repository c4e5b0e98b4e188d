"""The ZigBee Device Object as far as hubs ask when they interview: endpoint 0, profile 0.

A request is ``TSN, payload`` in the cluster that names it; the answer is the cluster with bit 15 set
(ZigBee PRO specification, 2.4). Each function writes the answer's payload and returns its length.
"""

from firmware_agent.protocol.aps_frame import put16, u16

PROFILE = 0x0000
NWK_ADDRESS_REQUEST = 0x0000
IEEE_ADDRESS_REQUEST = 0x0001
NODE_DESCRIPTOR_REQUEST = 0x0002
POWER_DESCRIPTOR_REQUEST = 0x0003
SIMPLE_DESCRIPTOR_REQUEST = 0x0004
ACTIVE_ENDPOINTS_REQUEST = 0x0005
DEVICE_ANNOUNCE = 0x0013
RESPONSE = 0x8000

SUCCESS = 0x00
INVALID_REQUEST = 0x80
DEVICE_NOT_FOUND = 0x81
INVALID_ENDPOINT = 0x82
NOT_SUPPORTED = 0x84

_END_DEVICE = 2
_BAND_2400_MHZ = 0x40
CAPABILITY = 0x8C  # allocate address, receiver on when idle, mains powered
_MAX_BUFFER = 82
_MAX_TRANSFER = 512
_STACK_REVISION_22 = 22 << 9
_MAINS_ALWAYS = 0xC110  # receiver always on, mains available and in use, full


def device_announce(device, tsn, out, at):
    """TSN, short address, EUI64, capability: 12 bytes."""
    out[at] = tsn
    put16(out, at + 1, device.address)
    out[at + 3 : at + 11] = device.identity.eui64
    out[at + 11] = CAPABILITY
    return 12


def answer(device, cluster, buf, at, end, broadcast, out, start):
    """The answer to one request, TSN included; 0 if none is due: it is itself a response, a broadcast
    that is not about this device, or a search for another one."""
    if cluster & RESPONSE or cluster == DEVICE_ANNOUNCE or end - at < 1:
        return 0
    out[start] = buf[at]
    body = start + 1
    if cluster == NWK_ADDRESS_REQUEST:
        known = bytes(buf[at + 1 : end])[:8] == bytes(device.identity.eui64)
        return 1 + _addresses(device, out, body) if known else 0
    if cluster == IEEE_ADDRESS_REQUEST:
        known = end - at >= 3 and u16(buf, at + 1) == device.address
        return 1 + _addresses(device, out, body) if known else 0
    if end - at < 3:
        out[body] = INVALID_REQUEST
        return 0 if broadcast else 2
    put16(out, body + 1, u16(buf, at + 1))
    if u16(buf, at + 1) != device.address:
        out[body] = DEVICE_NOT_FOUND
        return 0 if broadcast else 4
    out[body] = SUCCESS
    if cluster == NODE_DESCRIPTOR_REQUEST:
        return 4 + _node_descriptor(device, out, body + 3)
    if cluster == POWER_DESCRIPTOR_REQUEST:
        put16(out, body + 3, _MAINS_ALWAYS)
        return 6
    if cluster == ACTIVE_ENDPOINTS_REQUEST:
        out[body + 3] = 1
        out[body + 4] = device.endpoint
        return 6
    if cluster == SIMPLE_DESCRIPTOR_REQUEST and end - at >= 4:
        if buf[at + 3] != device.endpoint:
            out[body] = INVALID_ENDPOINT
            out[body + 3] = 0
            return 5
        length = _simple_descriptor(device, out, body + 4)
        out[body + 3] = length
        return 5 + length
    out[body] = NOT_SUPPORTED
    return 0 if broadcast else 2


def _addresses(device, out, at):
    """Status, EUI64, short address."""
    out[at] = SUCCESS
    out[at + 1 : at + 9] = device.identity.eui64
    put16(out, at + 9, device.address)
    return 11


def _node_descriptor(device, out, at):
    out[at] = _END_DEVICE
    out[at + 1] = _BAND_2400_MHZ
    out[at + 2] = CAPABILITY
    put16(out, at + 3, device.identity.manufacturer_code)
    out[at + 5] = _MAX_BUFFER
    put16(out, at + 6, _MAX_TRANSFER)
    put16(out, at + 8, _STACK_REVISION_22)
    put16(out, at + 10, _MAX_TRANSFER)
    out[at + 12] = 0
    return 13


def _simple_descriptor(device, out, at):
    out[at] = device.endpoint
    put16(out, at + 1, device.profile)
    put16(out, at + 3, device.identity.device_id)
    out[at + 5] = 0
    out[at + 6] = 1
    put16(out, at + 7, 0x0000)  # server: Basic
    out[at + 9] = 1
    put16(out, at + 10, 0x0019)  # client: OTA Upgrade
    return 12
