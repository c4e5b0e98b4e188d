"""The stored image against its manifest: what was accepted is what lies in the slot.

Reads the slot back, so that what is hashed is what will boot, not what came over the air.
"""

from firmware_agent.reject import DIGEST_MISMATCH, Rejected
from firmware_agent.trust import sha256

STEP_SIZE = 1024  # bytes hashed in one step: about 1 ms on a Cortex-M at 64 MHz


def slot_hash(read, length, hook=None):
    """SHA-256 of a slot's first ``length`` bytes; ``read`` as for SlotVerifier, ``hook`` after each step."""
    whole = sha256()
    buf = memoryview(bytearray(STEP_SIZE))
    offset = 0
    while offset < length:
        chunk = buf[: min(STEP_SIZE, length - offset)]
        read(offset, chunk)
        whole.update(chunk)
        offset += len(chunk)
        if hook:
            hook()
    return whole.digest()


class SlotVerifier:
    """Checks a slot a step at a time, so that the application goes on between the steps.

    ``read(offset, buf)``  fills ``buf`` (a memoryview) with the slot's bytes from ``offset`` of
                           the Manufacturer Image on
    ``manifest``           what ``acceptance.accept`` returned for it
    """

    def __init__(self, read, manifest):
        self._read = read
        self._manifest = manifest  # None once the head was checked: it holds the heap of all that decodes
        self._digest = manifest.image_digest
        self._buf = memoryview(bytearray(STEP_SIZE))
        self._hash = None  # None until the stored head was found to be the accepted one
        self._offset = manifest.head_length
        self._end = manifest.head_length + manifest.payload_length
        self._done = False

    def step(self):
        """Read and hash at most STEP_SIZE bytes; True once all of the image is proven.

        Raises Rejected(DIGEST_MISMATCH) where the slot holds anything but the signed image.
        """
        if self._done:
            return True
        if self._hash is None:
            self._check_head()
            self._manifest = None
            self._hash = sha256()
            return False
        size = min(STEP_SIZE, self._end - self._offset)
        if size:
            chunk = self._buf if size == STEP_SIZE else self._buf[:size]
            self._read(self._offset, chunk)
            self._hash.update(chunk)
            self._offset += size
        if self._offset < self._end:
            return False
        if self._hash.digest() != self._digest:
            # The hash is final now: a further step must not take it up again.
            self._hash = None
            raise Rejected(DIGEST_MISMATCH, "the payload's digest")
        self._done = True
        return True

    def _check_head(self):
        # What is pinned while a slot is hashed is small.
        from firmware_agent.trust.envelope import Envelope

        manifest = self._manifest
        if manifest is None:
            raise Rejected(DIGEST_MISMATCH, "the payload's digest")
        head = self._buf[: manifest.head_length]
        self._read(0, head)
        try:
            stored = Envelope(head, manifest.head_length)
        except Rejected:
            raise Rejected(DIGEST_MISMATCH, "the stored head does not decode")
        # `signed` holds the manifest's digest and the protected headers, so these four are all of it.
        if (
            stored.signed != manifest.signed
            or stored.signature != manifest.signature
            or stored.declared_digest != manifest.declared_digest
            or stored.payload_length != manifest.payload_length
        ):
            raise Rejected(DIGEST_MISMATCH, "the stored head is not the one that was accepted")
