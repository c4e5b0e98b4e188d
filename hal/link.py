"""The HAN serial link's framing: RFC 1662 asynchronous HDLC with FCS-16 (CRC-16/X-25).

One frame on the wire is ``7E escape(contents || FCS low byte first) 7E``. 0x7E and 0x7D inside
are sent as 0x7D and the byte XOR 0x20; ``7D 7E`` aborts a frame; one flag may end a frame and
start the next. The contents' layout is firmware_agent/protocol/aps_frame.py's business. The loops over the
bytes are hal/byte_loops.py's, or the board's.

Nothing here allocates after construction, and no input raises: what is not a good frame is
dropped and counted.
"""

from array import array

from hal import byte_loops

MIN_CONTENTS = 4
MAX_CONTENTS = 512


def encoded_limit(length):
    """The most bytes that encode() writes for ``length`` bytes of contents."""
    return 2 * (length + 2) + 2


def encode(contents, length, out):
    """Frame contents[:length] into ``out``; returns the number of bytes written.

    ``out`` must hold encoded_limit(length) bytes. ValueError if length is outside 4..512.
    """
    if not MIN_CONTENTS <= length <= MAX_CONTENTS:
        raise ValueError("a link frame holds 4 to 512 bytes")
    table = byte_loops.FCS_TABLE
    if table is None:
        table = byte_loops.table()
    return byte_loops.put(0, length, contents, out, table)


class FrameReceiver:
    """Bytes in, one good frame at a time out.

    After feed() set ``ready``, ``buffer[:length]`` holds the contents until the next feed().
    ``frames`` counts good frames, ``dropped`` bad ones (wrong FCS, too short, too long, aborted).

    hunting: until the first flag everything is noise. False for one that takes over ``between`` two frames:
    the flag that ended the last one may have been the first of the next.
    """

    def __init__(self, limit=MAX_CONTENTS, hunting=True):
        self.buffer = bytearray(limit + 2)  # the FCS lands behind the contents
        self.length = 0
        self.ready = False
        self.frames = 0
        self.dropped = 0
        self._table = byte_loops.table()
        # take()'s, in its order.
        self._registers = array("H", [0, byte_loops.FCS_INIT, 0, limit + 2, 0])
        self._hunting = hunting
        if hunting:
            self.reset()

    def reset(self):
        """Forget a frame begun: the stream was cut."""
        self.ready = False
        self._hunting = True
        self._registers[byte_loops.FILL] = 1  # a byte of it, so that the flag ends something
        self._registers[byte_loops.ENDED] = 0

    def between(self):
        """True if no frame has begun since the last flag. No property: for a class that has one, MicroPython
        looks for it whenever an attribute is set."""
        registers = self._registers
        return not self._hunting and (registers[byte_loops.ENDED] != 0 or registers[byte_loops.FILL] == 0)

    def feed(self, data, start, end):
        """Take data[start:end] up to the end of one good frame; returns the first index not taken."""
        self.ready = False
        registers = self._registers
        while start < end:
            start = byte_loops.take(start, end, data, self.buffer, registers, self._table)
            ended = registers[byte_loops.ENDED]
            if ended == 0:
                break
            if self._hunting:
                self._hunting = False
            elif ended >= MIN_CONTENTS + 2:
                self.frames += 1
                self.length = ended - 2
                self.ready = True
                break
            else:
                self.dropped += 1
        return start
