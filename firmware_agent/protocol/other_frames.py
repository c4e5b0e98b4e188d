"""Every frame that is no block: what hubs ask in an interview, and what the server says now and then.

Loaded when one comes. It is dropped if the heap has no room for the code that knows it, so whatever that is
gets loaded before anything changes. ``device`` is the Endpoint. Answers go to the sender's address and
endpoint, with the profile that was asked with and the request's sequence number.
"""

from firmware_agent.protocol import aps_frame as aps
from firmware_agent.protocol import ota_commands as ota
from firmware_agent.protocol import zcl, zdo
from firmware_agent.protocol.aps_frame import put_header, u16

_BASIC = 0x0000


def handle(device, buf, length):
    """One frame to this device, ``buf[:length]``; False if it made no sense."""
    if buf[aps.DESTINATION_ENDPOINT_AT] == 0 and u16(buf, aps.PROFILE_AT) == zdo.PROFILE:
        _handle_zdo(device, buf, length)
        device.heard = device.heard or _from_server(device, buf)
        return True
    if not _handle_zcl(device, buf, length):
        device.ignored += 1
        return False
    if _from_server(device, buf):
        device.heard = True
        device.profile = u16(buf, aps.PROFILE_AT)
    return True


def refuse(device, buf, status):
    """A Default Response to the cluster command or general command in ``buf``."""
    at = _tsn_at(buf)
    out = _put_head(device, buf, at)
    device.reply[out] = zcl.DEFAULT_RESPONSE
    device.reply[out + 1] = buf[at + 1]
    device.reply[out + 2] = status
    device.reply_length = out + 3


def _from_server(device, buf):
    return u16(buf, aps.SOURCE_AT) == device.server_address


def _tsn_at(buf):
    """Where the ZCL header's sequence number is; its command follows."""
    return aps.HEADER_SIZE + (3 if buf[aps.HEADER_SIZE] & zcl.MANUFACTURER_SPECIFIC else 1)


def _handle_zdo(device, buf, length):
    cluster = u16(buf, aps.CLUSTER_AT)
    at = aps.HEADER_SIZE
    if cluster & zdo.RESPONSE:
        from firmware_agent.protocol.zdo_requests import names

        if device.search is not None:
            device.search.handle(cluster, buf, at, length)
        if cluster == zdo.IEEE_ADDRESS_REQUEST | zdo.RESPONSE and _from_server(device, buf):
            if names(buf, at, length, device.server_address):
                device.server_eui64[:] = buf[at + 2 : at + 10]
                device.eui64_of = device.server_address
        return
    from firmware_agent.protocol.zdo import answer

    size = answer(device, cluster, buf, at, length, buf[aps.KIND_AT] == aps.BROADCAST, device.reply, at)
    if size:
        _put_reply_header(device, buf, cluster | zdo.RESPONSE)
        device.reply_length = aps.HEADER_SIZE + size


def _handle_zcl(device, buf, length):
    control = buf[aps.HEADER_SIZE]
    at = _tsn_at(buf)
    if length < at + 2 or control & zcl.TYPE_MASK > zcl.TYPE_CLUSTER:
        return False
    broadcast = buf[aps.KIND_AT] == aps.BROADCAST
    command = buf[at + 1]
    payload = at + 2
    cluster = u16(buf, aps.CLUSTER_AT)
    general = control & zcl.TYPE_MASK == zcl.TYPE_GENERAL
    if control & zcl.MANUFACTURER_SPECIFIC:
        status = zcl.UNSUP_MANUF_GENERAL_COMMAND if general else zcl.UNSUP_MANUF_CLUSTER_COMMAND
    elif cluster != _BASIC and cluster != ota.CLUSTER:
        status = zcl.UNSUPPORTED_CLUSTER
    elif general:
        status = _handle_general(device, buf, payload, length, command, control, cluster)
    elif cluster == ota.CLUSTER and control & zcl.FROM_SERVER:
        if command != ota.IMAGE_NOTIFY and not _from_server(device, buf):
            return False
        notified = device.client.notified
        status = device.client.handle_command(buf, payload, length, command, broadcast)
        if device.client.notified != notified:
            device.server_address = u16(buf, aps.SOURCE_AT)
            device.server_endpoint = buf[aps.SOURCE_ENDPOINT_AT]
    else:
        status = zcl.UNSUP_CLUSTER_COMMAND
    # A Default Response goes to a unicast, never to a Default Response (ZCL r8, 2.5.12.2). Our own
    # success needs no word, even where the sender allows one: every command that succeeds here
    # is a response, or a Notify, whose Default Response makes herdsman give up.
    refusal = general and command == zcl.DEFAULT_RESPONSE
    if status != zcl.SUCCESS and not broadcast and not refusal:
        refuse(device, buf, status)
    return True


def _handle_general(device, buf, at, end, command, control, cluster):
    """Returns the status for a Default Response: SUCCESS where none is needed."""
    if command == zcl.DEFAULT_RESPONSE:
        # Nobody is refused by broadcast.
        unicast = buf[aps.KIND_AT] == aps.UNICAST
        if cluster == ota.CLUSTER and control & zcl.FROM_SERVER and unicast and _from_server(device, buf):
            if end - at >= 2:
                device.client.handle_default_response(buf[at], buf[at + 1])
        return zcl.SUCCESS
    from firmware_agent.protocol.general_commands import respond

    out = _put_head(device, buf, at - 2)
    size = respond(device, cluster, command, buf, at, end, device.reply, out)
    if size < 0:
        return -size
    if size:
        device.reply_length = out + size
    return zcl.SUCCESS


def _put_head(device, buf, tsn_at):
    """Head of a general answer up to its command: direction flipped, no Default Response wanted, the
    manufacturer named if the sender named one. Returns its end."""
    _put_reply_header(device, buf, u16(buf, aps.CLUSTER_AT))
    reply = device.reply
    at = aps.HEADER_SIZE
    control = buf[at]
    reply[at] = (
        zcl.TYPE_GENERAL
        | zcl.NO_DEFAULT_RESPONSE
        | (control & zcl.MANUFACTURER_SPECIFIC)
        | ((control & zcl.FROM_SERVER) ^ zcl.FROM_SERVER)
    )
    for i in range(at + 1, tsn_at + 1):
        reply[i] = buf[i]
    return tsn_at + 1


def _put_reply_header(device, buf, cluster):
    endpoint = buf[aps.DESTINATION_ENDPOINT_AT]
    put_header(
        device.reply,
        aps.UNICAST,
        device.address,
        u16(buf, aps.SOURCE_AT),
        device.endpoint if endpoint == aps.BROADCAST_ENDPOINT else endpoint,
        buf[aps.SOURCE_ENDPOINT_AT],
        cluster,
        u16(buf, aps.PROFILE_AT),
    )
