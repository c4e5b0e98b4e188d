"""The HAN serial link's framing: RFC 1662 asynchronous HDLC with FCS-16 (CRC-16/X-25).

One frame on the wire is ``7E escape(contents || FCS low byte first) 7E``. 0x7E and 0x7D inside
are sent as 0x7D and the byte XOR 0x20; ``7D 7E`` aborts a frame; one flag may end a frame and
start the next. The contents' layout is firmware_agent/protocol/aps_frame.py's business.

Nothing here allocates after construction, and no input raises: what is not a good frame is
dropped and counted.
"""

from array import array

FLAG = 0x7E
ESCAPE = 0x7D
ESCAPE_XOR = 0x20
MIN_CONTENTS = 4
MAX_CONTENTS = 512
_FCS_INIT = 0xFFFF
# What the FCS register holds after a good frame's own FCS went through it (RFC 1662, C.2).
_FCS_GOOD = 0xF0B8


def _fcs_table():
    table = array("H", [0] * 256)
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = (value >> 1) ^ 0x8408 if value & 1 else value >> 1
        table[byte] = value
    return table


_TABLE = _fcs_table()


def fcs16(data, start, end):
    """CRC-16/X-25 of data[start:end], as sent (already complemented)."""
    table = _TABLE
    fcs = _FCS_INIT
    for i in range(start, end):
        fcs = (fcs >> 8) ^ table[(fcs ^ data[i]) & 0xFF]
    return fcs ^ 0xFFFF


def encoded_limit(length):
    """The most bytes that encode() writes for ``length`` bytes of contents."""
    return 2 * (length + 2) + 2


def encode(contents, length, out):
    """Frame contents[:length] into ``out``; returns the number of bytes written.

    ``out`` must hold encoded_limit(length) bytes. ValueError if length is outside 4..512.
    """
    if not MIN_CONTENTS <= length <= MAX_CONTENTS:
        raise ValueError("a link frame holds 4 to 512 bytes")
    fcs = fcs16(contents, 0, length)
    out[0] = FLAG
    n = 1
    for i in range(length + 2):
        if i < length:
            byte = contents[i]
        elif i == length:
            byte = fcs & 0xFF
        else:
            byte = fcs >> 8
        if byte == FLAG or byte == ESCAPE:
            out[n] = ESCAPE
            n += 1
            byte ^= ESCAPE_XOR
        out[n] = byte
        n += 1
    out[n] = FLAG
    return n + 1


class FrameReceiver:
    """Bytes in, one good frame at a time out.

    After feed() set ``ready``, ``buffer[:length]`` holds the contents until the next feed().
    ``frames`` counts good frames, ``dropped`` bad ones (wrong FCS, too short, too long, aborted).
    """

    def __init__(self, limit=MAX_CONTENTS):
        self.buffer = bytearray(limit + 2)  # the FCS lands behind the contents
        self.length = 0
        self.ready = False
        self.frames = 0
        self.dropped = 0
        self._fill = 0
        self._fcs = _FCS_INIT
        self._escaped = False
        self._hunting = True  # until the first flag everything is noise

    def reset(self):
        """Forget a frame begun: the stream was cut."""
        self.ready = False
        self._hunting = True

    def feed(self, data, start, end):
        """Take data[start:end] up to the end of one good frame; returns the first index not taken."""
        self.ready = False
        table = _TABLE
        buffer = self.buffer
        limit = len(buffer)
        fill = self._fill
        fcs = self._fcs
        escaped = self._escaped
        i = start
        while i < end:
            byte = data[i]
            i += 1
            if byte == FLAG:
                aborted = escaped
                length = fill - 2
                good = fcs == _FCS_GOOD and not aborted and MIN_CONTENTS <= length <= limit - 2
                hunting = self._hunting
                self._hunting = False
                seen = fill
                fill = 0
                fcs = _FCS_INIT
                escaped = False
                if hunting or (seen == 0 and not aborted):
                    continue
                if good:
                    self.frames += 1
                    self.length = length
                    self.ready = True
                    break
                self.dropped += 1
            elif self._hunting:
                continue
            elif byte == ESCAPE:
                # A second escape in a row is no valid sequence; the FCS will tell.
                escaped = True
            else:
                if escaped:
                    byte ^= ESCAPE_XOR
                    escaped = False
                fcs = (fcs >> 8) ^ table[(fcs ^ byte) & 0xFF]
                if fill < limit:
                    buffer[fill] = byte
                # Counting on past the end keeps an overlong frame overlong.
                if fill <= limit:
                    fill += 1
        self._fill = fill
        self._fcs = fcs
        self._escaped = escaped
        return i
