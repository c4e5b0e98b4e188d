"""One APS data frame as the HAN link carries it (link version 1): 12 bytes, then the ZCL or ZDO frame.

offset: 0 link version, 1 kind, 2 source address, 4 destination address, 6 source endpoint,
7 destination endpoint, 8 cluster, 10 profile, 12 payload; little-endian.
"""

LINK_VERSION = 1
UNICAST = 0
BROADCAST = 1
HEADER_SIZE = 12

KIND_AT = 1
SOURCE_AT = 2
DESTINATION_AT = 4
SOURCE_ENDPOINT_AT = 6
DESTINATION_ENDPOINT_AT = 7
CLUSTER_AT = 8
PROFILE_AT = 10

COORDINATOR = 0x0000
BROADCAST_RX_ON = 0xFFFD
BROADCAST_ENDPOINT = 0xFF


def u16(buf, at):
    """Little-endian u16 at ``at``."""
    return buf[at] | buf[at + 1] << 8


def u32(buf, at):
    """Little-endian u32 at ``at``; above 2**30 a big integer on 32-bit ports, so not in the block path."""
    return buf[at] | buf[at + 1] << 8 | buf[at + 2] << 16 | buf[at + 3] << 24


def put16(buf, at, value):
    """Store ``value`` little-endian in two bytes."""
    buf[at] = value & 0xFF
    buf[at + 1] = value >> 8 & 0xFF


def put32(buf, at, value):
    """Store ``value`` little-endian in four bytes."""
    buf[at] = value & 0xFF
    buf[at + 1] = value >> 8 & 0xFF
    buf[at + 2] = value >> 16 & 0xFF
    buf[at + 3] = value >> 24 & 0xFF


def put_header(out, kind, source, destination, source_endpoint, destination_endpoint, cluster, profile):
    """Write the 12 bytes; returns 12."""
    out[0] = LINK_VERSION
    out[1] = kind
    put16(out, SOURCE_AT, source)
    put16(out, DESTINATION_AT, destination)
    out[SOURCE_ENDPOINT_AT] = source_endpoint
    out[DESTINATION_ENDPOINT_AT] = destination_endpoint
    put16(out, CLUSTER_AT, cluster)
    put16(out, PROFILE_AT, profile)
    return HEADER_SIZE
