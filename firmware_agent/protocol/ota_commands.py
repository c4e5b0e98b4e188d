"""OTA Upgrade cluster 0x0019: the commands' ids, layouts and fixed values (ZCL r8, 11.13).

Offsets count from the first payload byte. Lengths are whole payloads. There is nothing here but integers,
which a payload's build puts in the place of their names: on a device this module takes no memory.
"""

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
