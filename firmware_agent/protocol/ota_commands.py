"""OTA Upgrade cluster 0x0019: command ids, field offsets within the payload, fixed values (ZCL r8, 11.13).

Offsets count from the first payload byte. Lengths are whole payloads.
"""

CLUSTER = 0x0019

# Server to client.
IMAGE_NOTIFY = 0x00
QUERY_NEXT_IMAGE_RESPONSE = 0x02
IMAGE_BLOCK_RESPONSE = 0x05
UPGRADE_END_RESPONSE = 0x07
# Client to server.
QUERY_NEXT_IMAGE_REQUEST = 0x01
IMAGE_BLOCK_REQUEST = 0x03
UPGRADE_END_REQUEST = 0x06

# A client's request and a server's response, with their ZCL frame control.
REQUEST_CONTROL = 0x01

ANY_ID = 0xFFFF
ANY_VERSION = 0xFFFFFFFF
UNKNOWN_TIME = 0xFFFFFFFF

# Image Notify: payload type u8, jitter u8, [manufacturer u16, [image type u16, [file version u32]]].
NOTIFY_LENGTHS = (2, 4, 6, 10)
NOTIFY_JITTER_AT = 1
NOTIFY_MANUFACTURER_AT = 2
NOTIFY_IMAGE_TYPE_AT = 4
NOTIFY_VERSION_AT = 6
MAX_JITTER = 100

# Query Next Image Request: field control u8, identity (8 bytes), [hardware version u16].
QUERY_HARDWARE_PRESENT = 0x01
QUERY_LENGTH = 11

# An identity on the air: manufacturer u16, image type u16, file version u32.
IDENTITY_SIZE = 8

# Query Next Image Response: status u8, [identity, image size u32].
OFFER_IDENTITY_AT = 1
OFFER_SIZE_AT = 9
OFFER_LENGTH = 13

# Image Block Request: field control u8, identity, file offset u32, max data size u8.
BLOCK_REQUEST_IDENTITY_AT = 1
BLOCK_REQUEST_OFFSET_AT = 9
BLOCK_REQUEST_SIZE_AT = 13
BLOCK_REQUEST_LENGTH = 14

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

# Upgrade End Request: status u8, identity.
END_REQUEST_LENGTH = 9
# Upgrade End Response: identity, current time u32, upgrade time u32.
END_CURRENT_AT = 8
END_UPGRADE_AT = 12
END_LENGTH = 16
