"""The way of a Manufacturer Image into its slot: its head held in RAM until it is accepted, then written.

write() holds the image's first bytes until they must hold all of the head (everything before the payload),
and then answers ADMIT: whoever judges images does so, and only then calls admitted(), which writes what was
held. From there on each unit that is full is journalled, after its data.
A cut shall cost no more than an erase unit, so no block goes further ahead of what is on record. That
blocks may cross the end of a unit all the same, its first page is journalled, too.
The steady path, one block into the page of a slot that is open, allocates nothing.
"""

from firmware_agent.reject import SIZE_MISMATCH, Rejected
from firmware_agent.store.slot_writer import SlotWriter
from firmware_agent.trust.envelope import HEAD_LIMIT
from hal import byte_loops

# Where an image's bytes name its content: the digest of its manifest, which holds that of the payload.
PROOF_AT = 13
PROOF_SIZE = 32
BLOCK_LIMIT = 255  # bytes that one write() may bring before the image is admitted: of ZigBee's largest block
# What write() answers.
WRITTEN = 0
COMPLETE = 1  # that was the last byte: verify next
RESTART = 2  # not the image that was accepted under this identity before: start at the file's first byte
ADMIT = 3  # all of the head is here, and nothing of it written: have it judged before the next byte


class ImageWriter:
    """One image at a time; close() before the next.

    image_offset, image_length: where the image starts in the upgrade file, and its bytes; 0 while
    not known.
    boundary: file offset that no block may cross yet; 0 while the image is not known.
    head: the image's first ``position`` bytes while it is not admitted; else None.
    """

    def __init__(self, journal, state, erase_size):
        self._journal = journal
        self._state = state
        self._erase_size = erase_size
        self.close()

    def close(self):
        """Forget the image."""
        self._writer = None
        self._forget_head()
        self._due = 0  # the image's byte behind which progress is journalled next; 0: put a page back first
        self.image_offset = 0
        self.image_length = 0
        self.boundary = 0

    def describe(self, image_offset, image_length):
        """Where the image is in its file: from now on write() can take it."""
        self.image_offset = image_offset
        self.image_length = image_length
        self.boundary = image_offset + HEAD_LIMIT

    def recall(self, area, position):
        """Go on in a head of which ``position`` bytes are on flash: too few to prove what they belong to
        yet, so they are admitted together with the bytes that follow."""
        self.head = bytearray(HEAD_LIMIT + BLOCK_LIMIT)
        area.read(0, memoryview(self.head)[:position])
        self._head_fill = self._kept = position

    def resume(self, area, position):
        """Go on at ``position``, where progress was journalled or would be, in an image that was admitted."""
        # First what the heap may have no room for: the head is kept then, and this can be done again.
        writer = SlotWriter(area)
        self._forget_head()
        self._writer = writer
        self._recorded(position)
        if position == self.image_length:
            writer.position = position
            return
        writer.open(position)
        if position % self._erase_size:
            # Until its first page is back in the unit, a cut costs that page as well.
            self._due = 0
            self._bound(position - writer.page_size)

    @property
    def position(self):
        """Bytes of the image taken so far."""
        return self._head_fill if self._writer is None else self._writer.position

    def proof(self, identity):
        """(file offset, at most PROOF_SIZE bytes) by which a server shows that it still has this image; None
        while too little of it came to name it. identity: the digest of its manifest if it was accepted, or
        None."""
        if not identity and self.head:
            identity = bytes(self.head[PROOF_AT : min(PROOF_AT + PROOF_SIZE, self._head_fill)])
        return (self.image_offset + PROOF_AT, identity) if identity else None

    def write(self, data, start, length):
        """Take the next ``length`` bytes of the image from data[start:]: WRITTEN, COMPLETE or ADMIT.

        Rejected, nothing taken, if these are more bytes than the image has. FlashError if the part fails.
        """
        writer = self._writer
        if writer is not None:
            position = writer.position
            if position + length < self._due:
                # Most blocks end nothing, and most others only a page.
                at = position % writer.page_size
                if at + length < writer.page_size:
                    byte_loops.copy(writer.page, data, at, start, length)
                    writer.position = position + length
                else:
                    writer.write(data, start, length)
                return WRITTEN
        if self.image_length == 0:
            raise ValueError("describe() comes before the image")
        if length > self.image_length - self.position:
            raise Rejected(SIZE_MISMATCH, "more bytes than the image has")
        if writer is None:
            return self._hold(data, start, length)
        return self._stream(data, start, start + length) if length else WRITTEN

    @property
    def waits(self):
        """All that the judgement needs is here: admitted() must come before the next byte."""
        return self.head is not None and self._head_fill >= min(HEAD_LIMIT, self.image_length)

    def admitted(self, area):
        """The head was accepted and that is journalled: write what is held to ``area``, as write() does. What
        is on record of it is not written again."""
        if not self.waits:
            raise ValueError("no head waits")
        head, kept, fill = self.head, self._kept, self._head_fill
        self.resume(area, kept)
        return self._stream(head, kept, fill)

    def _hold(self, data, start, length):
        """Bytes of an image that is not admitted yet."""
        if self.waits or length > BLOCK_LIMIT:
            raise ValueError("%d bytes before the image was judged" % length)
        if self.head is None:
            self.head = bytearray(HEAD_LIMIT + BLOCK_LIMIT)
        byte_loops.copy(self.head, data, self._head_fill, start, length)
        self._head_fill += length
        return ADMIT if self.waits else WRITTEN

    def _forget_head(self):
        self.head = None  # type: ignore[assignment]
        self._head_fill = 0
        self._kept = 0  # bytes of the head that came from the slot, not from the air

    def _stream(self, data, start, end):
        writer = self._writer
        if self._due == 0:
            self._put_back()
        while start < end:
            part = self._due - writer.position
            if part > end - start:
                part = end - start
            writer.write(data, start, part)
            start += part
            position = writer.position
            if position == self.image_length:
                writer.flush()
                self._journal.progress(self._state, position)
                return COMPLETE
            if position == self._due:
                writer.sync()
                self._journal.progress(self._state, position)
                self._recorded(position)
        return WRITTEN

    def _put_back(self):
        """Behind the unit's first page, which is on record, may lie what a cut tore. So the unit is erased
        before it is gone on with, and the page put back."""
        writer = self._writer
        position = writer.position
        writer.recall()
        # What a cut finds from here on.
        self._journal.progress(self._state, position - writer.page_size)
        writer.put_back()
        self._journal.progress(self._state, position)
        self._recorded(position)

    def _recorded(self, position):
        """``position`` is on record: the next one is due behind the first page of the unit, or at its end."""
        at = position % self._erase_size
        step = self._erase_size - at if at else self._writer.page_size
        self._due = min(position + step, self.image_length)
        self._bound(position)

    def _bound(self, durable):
        self.boundary = self.image_offset + durable + self._erase_size
