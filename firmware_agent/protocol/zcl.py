"""ZCL: frame control, general commands, statuses and data types (ZCL r8, chapter 2).

Frame: frame control u8, [manufacturer code u16], transaction sequence number u8, command u8, payload.
"""

TYPE_MASK = 0x03
TYPE_GENERAL = 0x00
TYPE_CLUSTER = 0x01
MANUFACTURER_SPECIFIC = 0x04
FROM_SERVER = 0x08
NO_DEFAULT_RESPONSE = 0x10

READ_ATTRIBUTES = 0x00
READ_ATTRIBUTES_RESPONSE = 0x01
DEFAULT_RESPONSE = 0x0B

SUCCESS = 0x00
FAILURE = 0x01
NOT_AUTHORIZED = 0x7E
MALFORMED_COMMAND = 0x80
UNSUP_CLUSTER_COMMAND = 0x81
UNSUP_GENERAL_COMMAND = 0x82
UNSUP_MANUF_CLUSTER_COMMAND = 0x83
UNSUP_MANUF_GENERAL_COMMAND = 0x84
INVALID_FIELD = 0x85
UNSUPPORTED_ATTRIBUTE = 0x86
INSUFFICIENT_SPACE = 0x89
ABORT = 0x95
INVALID_IMAGE = 0x96
WAIT_FOR_DATA = 0x97
NO_IMAGE_AVAILABLE = 0x98
REQUIRE_MORE_IMAGE = 0x99
UNSUPPORTED_CLUSTER = 0xC3

TYPE_U8 = 0x20
TYPE_U16 = 0x21
TYPE_U32 = 0x23
TYPE_ENUM8 = 0x30
TYPE_STRING = 0x42
TYPE_EUI64 = 0xF0


def may_default_respond(broadcast, frame_control, general, command, status):
    """True if a Default Response is due: to a unicast, never to a Default Response, and for success
    only when the sender asked for it (ZCL r8, 2.5.12.2)."""
    if broadcast or (general and command == DEFAULT_RESPONSE):
        return False
    return status != SUCCESS or not frame_control & NO_DEFAULT_RESPONSE
