"""OTA Upgrade cluster 0x0019: the commands' ids, layouts and fixed values (ZCL r8, 11.13), how a client
writes its requests, and how it reads what makes it query.

Offsets count from the first payload byte. Lengths are whole payloads. put_*() write a payload to out[at:]
and return its length.
"""

from firmware_agent.protocol.aps_frame import put16, put32, u16, u32
from firmware_agent.protocol.zcl import INSUFFICIENT_SPACE, INVALID_FIELD, NO_IMAGE_AVAILABLE, SUCCESS

CLUSTER = 0x0019

# Server to client.
IMAGE_NOTIFY = 0x00
QUERY_NEXT_IMAGE_RESPONSE = 0x02
IMAGE_BLOCK_RESPONSE = 0x05
UPGRADE_END_RESPONSE = 0x07
QUERY_SPECIFIC_FILE_RESPONSE = 0x09
# Client to server.
QUERY_NEXT_IMAGE_REQUEST = 0x01
IMAGE_BLOCK_REQUEST = 0x03
IMAGE_PAGE_REQUEST = 0x04
UPGRADE_END_REQUEST = 0x06
QUERY_SPECIFIC_FILE_REQUEST = 0x08

# What a client that is asked says it takes and sends, in order (general command discovery).
RECEIVED = b"\x00\x02\x05\x07\x09"
GENERATED = b"\x01\x03\x04\x06\x08"

# Frame control of a client's request: cluster-specific, to the server, a Default Response is welcome.
REQUEST_CONTROL = 0x01

ANY_ID = 0xFFFF
ANY_VERSION = 0xFFFFFFFF
UNKNOWN_TIME = 0xFFFFFFFF

# An identity on the air: manufacturer u16, image type u16, file version u32.
IDENTITY_MANUFACTURER_AT = 0
IDENTITY_IMAGE_TYPE_AT = 2
IDENTITY_VERSION_AT = 4
IDENTITY_SIZE = 8

# Image Notify: payload type u8, jitter u8, [manufacturer u16, [image type u16, [file version u32]]].
NOTIFY_LENGTHS = (2, 4, 6, 10)
NOTIFY_JITTER_AT = 1
NOTIFY_MANUFACTURER_AT = 2
NOTIFY_IMAGE_TYPE_AT = 4
NOTIFY_VERSION_AT = 6
MAX_JITTER = 100

# Query Next Image Request: field control u8, identity (8 bytes), [hardware version u16].
QUERY_HARDWARE_PRESENT = 0x01
QUERY_MANUFACTURER_AT = 1
QUERY_IMAGE_TYPE_AT = 3
QUERY_VERSION_AT = 5
QUERY_HARDWARE_AT = 9
QUERY_LENGTH = 11

# Query Next Image Response: status u8, [identity, image size u32].
OFFER_IDENTITY_AT = 1
OFFER_LENGTH = 13

# Image Block Request: field control u8, identity, file offset u32, max data size u8, [EUI64],
# [minimum block period u16, ms]. Image Page Request: the same up to the size, then page size u16, response
# spacing u16 (ms), [EUI64].
BLOCK_REQUEST_NODE_PRESENT = 0x01
BLOCK_REQUEST_PERIOD_PRESENT = 0x02
BLOCK_REQUEST_IDENTITY_AT = 1
BLOCK_REQUEST_OFFSET_AT = 9
BLOCK_REQUEST_SIZE_AT = 13
BLOCK_REQUEST_LENGTH = 14
PAGE_REQUEST_LENGTH = 18
MAX_DATA_SIZE = 0xFF
MAX_SPACING = 0xFFFF

# Image Block Response, SUCCESS: status u8, identity, file offset u32, data size u8, data.
BLOCK_IDENTITY_AT = 1
BLOCK_OFFSET_AT = 9
BLOCK_SIZE_AT = 13
BLOCK_DATA_AT = 14
# WAIT_FOR_DATA: status u8, current time u32, request time u32, [minimum block period u16, ms].
WAIT_CURRENT_AT = 1
WAIT_REQUEST_AT = 5
WAIT_PERIOD_AT = 9
WAIT_LENGTH = 9
MAX_BLOCK_PERIOD = 0xFFFE

# Upgrade End Request: status u8, identity.
END_REQUEST_IDENTITY_AT = 1
END_REQUEST_LENGTH = 9
# Upgrade End Response: identity, current time u32, upgrade time u32.
END_CURRENT_AT = 8
END_UPGRADE_AT = 12
END_LENGTH = 16

# Query Device Specific File Request: EUI64, identity with the version that runs, stack version u16. Its
# response is laid out as that of Query Next Image.
SPECIFIC_MANUFACTURER_AT = 8
SPECIFIC_IMAGE_TYPE_AT = 10
SPECIFIC_VERSION_AT = 12
SPECIFIC_STACK_AT = 16
SPECIFIC_LENGTH = 18
FIRST_SPECIFIC_TYPE = 0xFFC0
LAST_SPECIFIC_TYPE = 0xFFFE


def put_query(out, at, identity):
    """Query Next Image Request: the device's own identity and hardware version."""
    out[at] = QUERY_HARDWARE_PRESENT
    put16(out, at + QUERY_MANUFACTURER_AT, identity.manufacturer_code)
    put16(out, at + QUERY_IMAGE_TYPE_AT, identity.image_type)
    put32(out, at + QUERY_VERSION_AT, identity.file_version)
    put16(out, at + QUERY_HARDWARE_AT, identity.hardware_version)
    return QUERY_LENGTH


def put_block_request(out, at, image, offset, size):
    """Image Block Request without options, or the start of one; ``image`` and ``offset`` as on the air, at
    most ``size`` bytes wanted."""
    out[at] = 0
    for i in range(IDENTITY_SIZE):
        out[at + BLOCK_REQUEST_IDENTITY_AT + i] = image[i]
    for i in range(4):
        out[at + BLOCK_REQUEST_OFFSET_AT + i] = offset[i]
    out[at + BLOCK_REQUEST_SIZE_AT] = size
    return BLOCK_REQUEST_LENGTH


def put_node_address(out, request, at, eui64):
    """The requester's EUI64, an option of the request at out[request:], to out[at:]; returns its end."""
    out[request] |= BLOCK_REQUEST_NODE_PRESENT
    for i in range(8):
        out[at + i] = eui64[i]
    return at + 8


def put_end_request(out, at, image, status):
    """Upgrade End Request; ``image`` as on the air, ``status`` a ZCL status."""
    out[at] = status
    for i in range(IDENTITY_SIZE):
        out[at + END_REQUEST_IDENTITY_AT + i] = image[i]
    return END_REQUEST_LENGTH


def notify_concerns(buf, at, end, identity, downloaded_version, random):
    """True if the broadcast Image Notify in buf[at:end] leads to a query: it concerns this device, and its
    dice fall so; the jitter spreads the answers of a network.

    downloaded_version: of the image that is kept or being fetched, ANY_VERSION if there is none;
    random: callable(n) -> 0..n-1, asked only by a Notify that concerns the device.
    """
    length = end - at
    if length < 2:
        return False
    kind = buf[at]
    if kind >= len(NOTIFY_LENGTHS) or length != NOTIFY_LENGTHS[kind]:
        return False
    jitter = buf[at + NOTIFY_JITTER_AT]
    if jitter > MAX_JITTER:
        return False
    if kind >= 1 and not _names(u16(buf, at + NOTIFY_MANUFACTURER_AT), identity.manufacturer_code):
        return False
    if kind >= 2 and not _names(u16(buf, at + NOTIFY_IMAGE_TYPE_AT), identity.image_type):
        return False
    if kind >= 3:
        version = u32(buf, at + NOTIFY_VERSION_AT)
        if version in (identity.file_version, downloaded_version) and version != ANY_VERSION:
            return False
    return random(MAX_JITTER) < jitter  # a jitter of 0, not allowed, is above no number


def _names(value, own):
    return value in (own, ANY_ID)


class ImageOffer:
    """A Query Next Image Response: manufacturer_code, image_type, file_version, file_size of the last
    offer; image: its identity as on the air; space: bytes of the largest file that fits, 0 for any."""

    def __init__(self):
        self.image = bytearray(IDENTITY_SIZE)
        self.manufacturer_code = 0
        self.image_type = 0
        self.file_version = 0
        self.file_size = 0
        self.space = 0

    def read(self, buf, at):
        """Read a whole SUCCESS response at buf[at:]."""
        at += OFFER_IDENTITY_AT
        for i in range(IDENTITY_SIZE):
            self.image[i] = buf[at + i]
        self.manufacturer_code = u16(buf, at + IDENTITY_MANUFACTURER_AT)
        self.image_type = u16(buf, at + IDENTITY_IMAGE_TYPE_AT)
        self.file_version = u32(buf, at + IDENTITY_VERSION_AT)
        self.file_size = u32(buf, at + IDENTITY_SIZE)

    def take(self, buf, at, identity):
        """Read it; the ZCL status of the offer itself:

        SUCCESS; INVALID_FIELD if it is not for this device or has no bytes; NO_IMAGE_AVAILABLE if it
        is what runs already; INSUFFICIENT_SPACE if it cannot fit.
        """
        self.read(buf, at)
        # herdsman with a plain file offers any device's image: this check is the device's own.
        if self.manufacturer_code != identity.manufacturer_code or self.image_type != identity.image_type:
            return INVALID_FIELD
        if self.file_size == 0:
            return INVALID_FIELD
        if self.file_version == identity.file_version:
            return NO_IMAGE_AVAILABLE
        if self.space and self.file_size > self.space:
            return INSUFFICIENT_SPACE
        return SUCCESS
