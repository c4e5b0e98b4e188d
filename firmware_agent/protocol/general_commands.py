"""General commands on the device's clusters: reading, writing, reporting, discovery (ZCL r8, 2.5).

No attribute here can be written or reported, so every write and every reporting configuration is answered
record by record with the reason why not. A record that does not fit the answer, and all behind it, is left
out. Commands are told apart by their number alone, not by direction: hubs read these clusters either way.
"""

from firmware_agent.protocol import attributes, zcl
from firmware_agent.protocol import ota_commands as ota
from firmware_agent.protocol.aps_frame import put16, u16

READ = 0x00
WRITE = 0x02
WRITE_UNDIVIDED = 0x03
WRITE_NO_RESPONSE = 0x05
CONFIGURE_REPORTING = 0x06
READ_REPORTING = 0x08
DISCOVER_ATTRIBUTES = 0x0C
DISCOVER_RECEIVED = 0x11
DISCOVER_GENERATED = 0x13
DISCOVER_EXTENDED = 0x15

_WRITE_RESPONSE = 0x04  # of both writes; every other answer has its request's number plus one
_READABLE = 0x01  # access control of an attribute: read, not written, not reported
_TO_BE_REPORTED = 0  # direction of a reporting record: 0 the device reports, 1 it would be reported to
_LONGEST_VALUE = 34  # type, length, 32 characters

# Commands of the OTA Upgrade cluster that a client takes and sends, in order; Basic has none of these.
_RECEIVED = b"\x00\x02\x05\x07\x09"
_GENERATED = b"\x01\x03\x04\x06\x08"


def respond(device, cluster, command, buf, at, end, out, start):
    """Answer one general command, its payload in buf[at:end]; ``device`` is the Endpoint.

    Writes the answer's command number and payload to out[start:] and returns their length; 0 if nothing
    is to be said; a ZCL status as a negative number if a Default Response is to say it.
    """
    out[start] = _WRITE_RESPONSE if command == WRITE_UNDIVIDED or command == WRITE else command + 1 & 0xFF
    read = attributes.READERS[cluster]
    body = start + 1
    if command == READ:
        last = _read(read, device, buf, at, end, out, body)
    elif command == WRITE or command == WRITE_UNDIVIDED or command == WRITE_NO_RESPONSE:
        last = _write(read, device, buf, at, end, out, body)
        if command == WRITE_NO_RESPONSE and last > 0:
            return 0
    elif command == CONFIGURE_REPORTING:
        last = _configure(read, device, buf, at, end, out, body)
    elif command == READ_REPORTING:
        last = _read_reporting(read, device, buf, at, end, out, body)
    elif command == DISCOVER_ATTRIBUTES or command == DISCOVER_EXTENDED:
        extended = command == DISCOVER_EXTENDED
        last = _discover_attributes(read, device, cluster, buf, at, end, out, body, extended)
    elif command == DISCOVER_RECEIVED:
        last = _discover_commands(_RECEIVED if cluster == ota.CLUSTER else b"", buf, at, end, out, body)
    elif command == DISCOVER_GENERATED:
        last = _discover_commands(_GENERATED if cluster == ota.CLUSTER else b"", buf, at, end, out, body)
    else:
        return -zcl.UNSUP_GENERAL_COMMAND
    return last - start if last > 0 else last


# Each of these returns the answer's end in ``out``, or a status as a negative number.


def _read(read, device, buf, at, end, out, n):
    if at == end or (end - at) % 2:
        return -zcl.MALFORMED_COMMAND
    for i in range(at, end, 2):
        if not _fits(out, n):
            break
        attribute = u16(buf, i)
        put16(out, n, attribute)
        size = read(device, attribute, out, n + 3)
        out[n + 2] = zcl.SUCCESS if size else zcl.UNSUPPORTED_ATTRIBUTE
        n += 3 + size
    return n


def _write(read, device, buf, at, end, out, n):
    if at == end:
        return -zcl.MALFORMED_COMMAND
    while at < end and _fits(out, n):
        if end - at < 3:
            return -zcl.MALFORMED_COMMAND
        attribute = u16(buf, at)
        kind = buf[at + 2]
        at += 3
        status = _type_status(read, device, attribute, kind, out, n)
        n = _put_status(out, n, zcl.READ_ONLY if status == zcl.SUCCESS else status, attribute)
        size = _value_size(kind, buf, at, end)
        if size < 0:
            # Nobody can say where the next record begins.
            return n
        at += size
        if at > end:
            return -zcl.MALFORMED_COMMAND
    return n


def _configure(read, device, buf, at, end, out, n):
    if at == end:
        return -zcl.MALFORMED_COMMAND
    while at < end and _fits(out, n):
        if end - at < 5:
            return -zcl.MALFORMED_COMMAND
        direction = buf[at]
        attribute = u16(buf, at + 1)
        size = 0
        if direction == _TO_BE_REPORTED:
            kind = buf[at + 3]
            at += 8  # direction, attribute, type, least and greatest interval
            status = _type_status(read, device, attribute, kind, out, n)
            if _is_analog(kind):
                size = _value_size(kind, buf, at, end)
        else:
            at += 5  # direction, attribute, time-out
            status = zcl.UNSUPPORTED_ATTRIBUTE
        at += size
        if direction > 1 or at > end:
            return -zcl.MALFORMED_COMMAND
        _put_status(out, n + 1, direction, attribute)
        out[n] = zcl.UNREPORTABLE_ATTRIBUTE if status == zcl.SUCCESS else status
        n += 4
    return n


def _read_reporting(read, device, buf, at, end, out, n):
    if at == end or (end - at) % 3:
        return -zcl.MALFORMED_COMMAND
    for i in range(at, end, 3):
        if not _fits(out, n):
            break
        attribute = u16(buf, i + 1)
        known = buf[i] == _TO_BE_REPORTED and read(device, attribute, out, n)
        _put_status(out, n + 1, buf[i], attribute)
        out[n] = zcl.UNREPORTABLE_ATTRIBUTE if known else zcl.UNSUPPORTED_ATTRIBUTE
        n += 4
    return n


def _discover_attributes(read, device, cluster, buf, at, end, out, n, extended):
    if end - at < 3:
        return -zcl.MALFORMED_COMMAND
    first = u16(buf, at)
    left = buf[at + 2]
    complete = n
    out[complete] = 1
    n += 1
    for attribute in attributes.IDS[cluster]:
        if attribute < first:
            continue
        if left == 0 or not _fits(out, n):
            out[complete] = 0
            break
        left -= 1
        read(device, attribute, out, n + 2)  # its type, and a value that is not wanted
        put16(out, n, attribute)
        n += 3
        if extended:
            out[n] = _READABLE
            n += 1
    return n


def _discover_commands(commands, buf, at, end, out, n):
    if end - at < 2:
        return -zcl.MALFORMED_COMMAND
    complete = n
    out[complete] = 1
    n += 1
    left = buf[at + 1]
    for command in commands:
        if command < buf[at]:
            continue
        if left == 0:
            out[complete] = 0
            break
        left -= 1
        out[n] = command
        n += 1
    return n


def _fits(out, n):
    """True if a record of any length has room."""
    return n + 3 + _LONGEST_VALUE <= len(out)


def _put_status(out, n, status, attribute):
    out[n] = status
    put16(out, n + 1, attribute)
    return n + 3


def _type_status(read, device, attribute, kind, out, scratch):
    """SUCCESS if the cluster has the attribute, and with that type."""
    if not read(device, attribute, out, scratch):
        return zcl.UNSUPPORTED_ATTRIBUTE
    return zcl.SUCCESS if out[scratch] == kind else zcl.INVALID_DATA_TYPE


def _is_analog(kind):
    """True for the types whose reporting record has a reportable change (ZCL r8, table 2-10)."""
    return 0x20 <= kind <= 0x2F or 0x38 <= kind <= 0x3A or 0xE0 <= kind <= 0xE2


def _value_size(kind, buf, at, end):
    """Bytes of a value of type ``kind`` at buf[at:end]; -1 for a type without a length of its own."""
    if kind == zcl.TYPE_STRING or kind == zcl.TYPE_OCTETS:
        if at >= end:
            return 1
        return 1 if buf[at] == 0xFF else 1 + buf[at]
    if 0x08 <= kind <= 0x0F or 0x18 <= kind <= 0x2F:
        return (kind & 7) + 1
    if kind == zcl.TYPE_BOOL or kind == zcl.TYPE_ENUM8:
        return 1
    if kind == zcl.TYPE_NO_DATA:
        return 0
    if kind == 0x31 or kind == 0x38 or kind == 0xE8 or kind == 0xE9:
        return 2
    if kind == 0x39 or 0xE0 <= kind <= 0xE2 or kind == 0xEA:
        return 4
    if kind == 0x3A or kind == zcl.TYPE_EUI64:
        return 8
    return -1
