"""What judges an image. It is loaded when there is something to judge and unloaded after; this much stays.

An application may have modules of any name, and its directory is searched before the interpreter's own: so
what the rest of this package has of those is taken here, at boot, once for all.
"""

import struct  # noqa: F401
from hashlib import sha256  # noqa: F401

# What signature.verify() uses: (the module p256_native, the table of a pinned key), or None for either.
choice = (None, None)
