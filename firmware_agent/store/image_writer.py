"""The way of a Manufacturer Image into its slot: held in RAM until it is accepted, then written.

The head (everything before the payload) stays in RAM until ``admit`` has passed it; only then is
the first erase unit touched. From there on each unit that is full is journalled, after its data.
A cut shall cost no more than an erase unit, so no block goes further ahead of what is on record. That
blocks may cross the end of a unit all the same, its first page is journalled, too.
The steady path, one block into the page of a slot that is open, allocates nothing.
"""

from firmware_agent.reject import MALFORMED_ENVELOPE, SIZE_MISMATCH, Rejected
from firmware_agent.store.slot_writer import SlotWriter
from firmware_agent.trust import manifest
from hal import byte_loops

# Where an image's bytes name its content: the digest of its manifest, which holds that of the payload.
PROOF_AT = 13
PROOF_SIZE = 32
# What write() answers.
WRITTEN = 0
COMPLETE = 1  # that was the last byte: verify next
RESTART = 2  # not the image that was accepted under this identity before: start at the file's first byte

_FAR = 1 << 24  # beyond every file


class ImageWriter:
    """One image at a time; close() before the next.

    admit: called with (head, n) once the head is complete; returns the FlashArea to write to, or
    None if the download has to start again. It raises Rejected, and must have journalled what it
    accepted when it returns.
    image_offset, image_length: where the image starts in the upgrade file, and its bytes; 0 while
    not known.
    boundary: file offset that no block may cross yet; far away while the image is not known.
    """

    def __init__(self, journal, state, erase_size, admit):
        self._journal = journal
        self._state = state
        self._erase_size = erase_size
        self._admit = admit
        self._head = bytearray(manifest.HEAD_LIMIT)
        self.close()

    def close(self):
        """Forget the image."""
        self._writer = None
        self._head_fill = 0
        self._kept = 0  # bytes of the head that came from the slot, not from the air
        self._due = 0  # the image's byte behind which progress is journalled next; 0: put a page back first
        self.image_offset = 0
        self.image_length = 0
        self.boundary = _FAR

    def describe(self, image_offset, image_length):
        """Where the image is in its file: from now on write() can take it."""
        self.image_offset = image_offset
        self.image_length = image_length
        self._hold(0)

    def recall(self, area, position):
        """Go on in a head of which ``position`` bytes are on flash: too few to prove what they belong to
        yet, so they are admitted together with the bytes that follow."""
        area.read(0, memoryview(self._head)[:position])
        self._kept = position
        self._hold(position)

    def resume(self, area, position):
        """Go on at ``position``, where progress was journalled or would be, in an image that was admitted."""
        writer = self._writer = SlotWriter(area)
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
        known = identity or self._head[PROOF_AT : min(PROOF_AT + PROOF_SIZE, self._head_fill)]
        return (self.image_offset + PROOF_AT, bytes(known)) if known else None

    def write(self, data, start, length):
        """Take the next ``length`` bytes of the image from data[start:]: WRITTEN, COMPLETE or RESTART.

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
        taken = self._head_fill if writer is None else writer.position
        if length > self.image_length - taken:
            raise Rejected(SIZE_MISMATCH, "more bytes than the image has")
        result = WRITTEN
        end = start + length
        if writer is None:
            part = min(end - start, len(self._head) - self._head_fill)
            byte_loops.copy(self._head, data, self._head_fill, start, part)
            self._hold(self._head_fill + part)
            start += part
            result = self._open()
            if self._writer is None:
                return result
        if start < end:
            result = self._stream(data, start, end)
        return result

    def _hold(self, fill):
        """So many bytes of the head are in RAM. It may be longer than a unit, and counts for as durable as
        whole units of it will be."""
        self._head_fill = fill
        self._bound(fill // self._erase_size * self._erase_size)

    def _open(self):
        """Have the head admitted once it is complete, and write it. The result is write()'s."""
        head = self._head
        fill = self._head_fill
        if not manifest.head_length(head, fill):
            if fill == len(head) or fill == self.image_length:
                raise Rejected(MALFORMED_ENVELOPE, "no payload within %d bytes" % fill)
            return WRITTEN
        area = self._admit(head, fill)
        if area is None:
            return RESTART
        kept = self._kept
        self.resume(area, kept)
        return self._stream(head, kept, fill)

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
