"""The ZigBee Device Object as far as hubs ask when they interview: endpoint 0, profile 0. zdo_requests.py has
what the device itself asks and announces.

A request is ``TSN, payload`` in the cluster that names it; the answer is the cluster with bit 15 set
(ZigBee PRO specification, 2.4). Each function writes the answer's payload and returns its length.
"""

from firmware_agent.protocol import aps_frame as aps
from firmware_agent.protocol.aps_frame import put16, u16

PROFILE = 0x0000
NWK_ADDRESS_REQUEST = 0x0000
IEEE_ADDRESS_REQUEST = 0x0001
NODE_DESCRIPTOR_REQUEST = 0x0002
POWER_DESCRIPTOR_REQUEST = 0x0003
SIMPLE_DESCRIPTOR_REQUEST = 0x0004
ACTIVE_ENDPOINTS_REQUEST = 0x0005
MATCH_DESCRIPTORS_REQUEST = 0x0006
DEVICE_ANNOUNCE = 0x0013
LEAVE_REQUEST = 0x0034
RESPONSE = 0x8000

SUCCESS = 0x00
INVALID_REQUEST = 0x80
DEVICE_NOT_FOUND = 0x81
INVALID_ENDPOINT = 0x82
NOT_ACTIVE = 0x83
NOT_SUPPORTED = 0x84
NOT_AUTHORIZED = 0x8D
UNKNOWN_DEVICE = 0xC8

# What a leave request asks of the device.
STAY = 0
LEAVE = 1
LEAVE_AND_REJOIN = 2

_END_DEVICE = 2
_BAND_2400_MHZ = 0x40
CAPABILITY = 0x8C  # allocate address, receiver on when idle, mains powered
SLEEPY = 0x84  # the same with the receiver off when idle
_MAX_BUFFER = 82
_MAX_TRANSFER = 512
_STACK_REVISION_22 = 22 << 9
_EXTENDED = 1  # request type of an address request: 0 one device, 1 with its children
_NO_ADDRESS = 0xFFFF
_NO_EUI64 = b"\xff" * 8
_FIRST_BROADCAST = 0xFFF8
_ANY_PROFILE = 0xFFFF
LAST_ENDPOINT = 0xF0
_THIS_DEVICE = bytes(8)
_REJOIN = 0x80  # leave's flags; removing children means nothing to a device that has none
_SERVER_CLUSTER = 0x0000  # Basic
CLIENT_CLUSTER = 0x0019  # OTA Upgrade
_MAINS_ALWAYS = 0xC110  # receiver always on, mains available and in use, full


def answer(device, cluster, buf, at, end, broadcast, out, start):
    """The answer to one request, TSN included; 0 if none is due: it is itself a response, or a broadcast
    that is not about this device.

    A request too short for its fields is refused with the device's own address in place of what is missing.
    """
    if cluster & RESPONSE or cluster == DEVICE_ANNOUNCE or end - at < 1:
        return 0
    out[start] = buf[at]
    body = start + 1
    at += 1
    if cluster == NWK_ADDRESS_REQUEST or cluster == IEEE_ADDRESS_REQUEST:
        size = _addresses(device, cluster, buf, at, end, out, body)
    elif cluster == LEAVE_REQUEST:
        size = _leave(device, buf, at, end, out, body)
    elif cluster == MATCH_DESCRIPTORS_REQUEST:
        size = _match(device, buf, at, end, broadcast, out, body)
    elif NODE_DESCRIPTOR_REQUEST <= cluster <= ACTIVE_ENDPOINTS_REQUEST:
        size = _describe(device, cluster, buf, at, end, out, body)
    else:
        out[body] = NOT_SUPPORTED
        size = 1
    if broadcast and out[body] != SUCCESS:
        return 0
    return 1 + size if size else 0


# Each of these writes the answer's payload to out[n:] and returns its length.


def _addresses(device, cluster, buf, at, end, out, n):
    """NWK and IEEE address: status, EUI64, short address; extended, also the number of children."""
    mine = device.identity.eui64
    kind_at = at + (8 if cluster == NWK_ADDRESS_REQUEST else 2)
    out[n] = SUCCESS
    out[n + 1 : n + 9] = mine
    put16(out, n + 9, device.address)
    if end <= kind_at:
        out[n] = INVALID_REQUEST
    elif cluster == NWK_ADDRESS_REQUEST and bytes(buf[at : at + 8]) != bytes(mine):
        out[n] = DEVICE_NOT_FOUND
        out[n + 1 : n + 9] = buf[at : at + 8]
        put16(out, n + 9, _NO_ADDRESS)
    elif cluster == IEEE_ADDRESS_REQUEST and u16(buf, at) != device.address:
        out[n] = DEVICE_NOT_FOUND
        out[n + 1 : n + 9] = _NO_EUI64
        put16(out, n + 9, u16(buf, at))
    elif buf[kind_at] > _EXTENDED:
        out[n] = INVALID_REQUEST
    elif buf[kind_at] == _EXTENDED:
        out[n + 11] = 0  # an end device has no children
        return 12
    return 11


def _describe(device, cluster, buf, at, end, out, n):
    """Descriptors and active endpoints: status, address of interest, what was asked for."""
    out[n] = SUCCESS
    put16(out, n + 1, device.address)
    # Simple descriptor and active endpoints say in any case how long what follows is.
    counted = cluster == SIMPLE_DESCRIPTOR_REQUEST or cluster == ACTIVE_ENDPOINTS_REQUEST
    if end - at < (3 if cluster == SIMPLE_DESCRIPTOR_REQUEST else 2):
        out[n] = INVALID_REQUEST
    elif u16(buf, at) != device.address:
        # A router would look for it among its children; an end device has none to speak for.
        out[n] = INVALID_REQUEST
        put16(out, n + 1, u16(buf, at))
    elif cluster == SIMPLE_DESCRIPTOR_REQUEST:
        endpoint = buf[at + 2]
        if endpoint == 0 or endpoint > LAST_ENDPOINT:
            out[n] = INVALID_ENDPOINT
        elif endpoint != device.endpoint:
            out[n] = NOT_ACTIVE
    if out[n] != SUCCESS:
        out[n + 3] = 0
        return 4 if counted else 3
    if cluster == NODE_DESCRIPTOR_REQUEST:
        return 3 + _node_descriptor(device, out, n + 3)
    if cluster == POWER_DESCRIPTOR_REQUEST:
        put16(out, n + 3, _MAINS_ALWAYS)
        return 5
    if cluster == ACTIVE_ENDPOINTS_REQUEST:
        out[n + 3] = 1
        out[n + 4] = device.endpoint
        return 5
    out[n + 3] = _simple_descriptor(device, out, n + 4)
    return 4 + out[n + 3]


def _match(device, buf, at, end, broadcast, out, n):
    """Match descriptors: status, address, the endpoints that have the profile and one of the clusters.

    A search among all devices is answered only by those that match.
    """
    put16(out, n + 1, device.address)
    out[n + 3] = 0
    servers_at = at + 5
    clients_at = servers_at + (2 * buf[at + 4] if end > servers_at else 0)
    if end <= clients_at or end < clients_at + 1 + 2 * buf[clients_at]:
        out[n] = INVALID_REQUEST
        return 4
    of_all = u16(buf, at) >= _FIRST_BROADCAST
    if not of_all and u16(buf, at) != device.address:
        out[n] = INVALID_REQUEST
        put16(out, n + 1, u16(buf, at))
        return 4
    out[n] = SUCCESS
    profile = u16(buf, at + 2)
    if (profile == device.profile or profile == _ANY_PROFILE) and (
        _lists(buf, servers_at, buf[at + 4], _SERVER_CLUSTER)
        or _lists(buf, clients_at + 1, buf[clients_at], CLIENT_CLUSTER)
    ):
        out[n + 3] = 1
        out[n + 4] = device.endpoint
        return 5
    return 0 if broadcast or of_all else 4


def _lists(buf, at, count, cluster):
    for i in range(at, at + 2 * count, 2):
        if u16(buf, i) == cluster:
            return True
    return False


def _leave(device, buf, at, end, out, n):
    """Leave: the coordinator may send the device off the HAN; it goes once the answer is out.

    Nothing on flash is touched: whoever joins the device again finds the firmware, and the download, as
    they were.
    """
    subject = bytes(buf[at : at + 8])
    if end - at < 9:
        out[n] = INVALID_REQUEST
    elif buf[aps.KIND_AT] == aps.BROADCAST or u16(buf, aps.SOURCE_AT) != aps.COORDINATOR:
        out[n] = NOT_AUTHORIZED
    elif subject != bytes(device.identity.eui64) and subject != _THIS_DEVICE:
        out[n] = UNKNOWN_DEVICE
    else:
        out[n] = SUCCESS
        device.leave = LEAVE_AND_REJOIN if buf[at + 8] & _REJOIN else LEAVE
    return 1


def _node_descriptor(device, out, at):
    out[at] = _END_DEVICE
    out[at + 1] = _BAND_2400_MHZ
    out[at + 2] = device.capability
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
    put16(out, at + 7, _SERVER_CLUSTER)
    out[at + 9] = 1
    put16(out, at + 10, CLIENT_CLUSTER)
    return 12
