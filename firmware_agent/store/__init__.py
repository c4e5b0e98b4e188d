"""What knows the flash. Its modules come and go as well, so this stays, as in firmware_agent.trust."""

import struct  # noqa: F401
from binascii import crc32  # noqa: F401
