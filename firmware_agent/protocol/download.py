"""The download of one file, block by block: what is asked, when, and what counts as the answer.

The block path allocates nothing; identity and offset are compared as bytes, since a u32 is a big integer
on 32-bit ports. A lost or useless answer is asked for again at the same offset; what
is on flash is never fetched twice because of one.
"""

from firmware_agent.protocol import ota_commands as ota
from firmware_agent.protocol import states, zcl
from firmware_agent.protocol.aps_frame import put32, u16, u32
from firmware_agent.protocol.session import BLOCK, DOWNLOAD, FOREVER, WRITE


class Download:
    """offset: file offset of the next byte needed; size: of the whole file; data_at, data_length: where
    the last block's data are in the frame that brought them; minimum_block_period: attribute 0x0009."""

    def __init__(self, session):
        self.offset = 0
        self.size = 0
        self.data_at = 0
        self.data_length = 0
        self.minimum_block_period = session.settings.minimum_block_period
        self._session = session
        self._limit = 0  # largest data size for the next block
        self._since_block = ota.MAX_BLOCK_PERIOD  # ms since the last block request, not counted beyond
        self._quiet = 0  # ms for which the server wants no block request
        self._backed_off = 0

    def elapsed(self, milliseconds):
        """Time went by."""
        if self._since_block < ota.MAX_BLOCK_PERIOD:
            self._since_block += milliseconds
        if self._quiet > 0:
            self._quiet -= milliseconds

    def begin(self, size):
        """Another file of ``size`` bytes, or the same from elsewhere."""
        if self._session.base != DOWNLOAD:
            self.over()
        self._session.base = DOWNLOAD
        self.size = size

    def ask_at(self, offset, limit):
        """Ask for the block at ``offset``, when the server's pace allows; a wish to query goes first."""
        self.offset = offset
        self._limit = limit
        session = self._session
        put32(session.offset, 0, offset)
        session.data_size = min(self._session.settings.max_data_size, limit, self.size - offset)
        wait = max(self.minimum_block_period - self._since_block, self._quiet)
        if wait > 0:
            session.rest(wait)
        else:
            session.repeat(BLOCK)
        session.grant()

    def ask_again(self):
        """The outstanding block will not come: ask for the same offset."""
        self.ask_at(self.offset, self._limit)

    def written(self, offset, limit):
        """A block is on its way to flash; go on at ``offset``."""
        self._session.tries = 0
        self._backed_off = 0
        self.ask_at(offset, limit)

    def go_on(self):
        """Back to the next byte needed."""
        self._session.move(states.START)
        self._session.tries = 0
        self.ask_again()

    def sent(self, timeout):
        """A block request goes out now. Milliseconds to wait for its answer."""
        self._since_block = 0
        return max(timeout, self.minimum_block_period)

    def complete(self):
        """Every byte is on flash."""
        self.offset = self.size
        self.over()

    def over(self):
        """No more blocks: what the server said about pace goes with the download (ZCL r8, 11.10.10)."""
        self.minimum_block_period = self._session.settings.minimum_block_period
        self._quiet = 0
        self._backed_off = 0

    def next_back_off(self):
        """Milliseconds to leave the server alone after giving up or an abort: longer every time."""
        settings = self._session.settings
        self._backed_off = min(max(settings.back_off, 2 * self._backed_off), settings.longest_back_off)
        return self._backed_off

    def handle_block(self, buf, at, end):
        """An Image Block Response in buf[at:end].

        Returns SUCCESS, MALFORMED_COMMAND, or ABORT: it ends the download.
        """
        session = self._session
        # While a retry waits to be sent, the late answer to the try before is as good.
        if session.outstanding != BLOCK and session.waiting != BLOCK:
            session.ignored += 1
            return zcl.SUCCESS
        if end - at < 1:
            return zcl.MALFORMED_COMMAND
        status = buf[at]
        if status == zcl.SUCCESS:
            if not _answers(buf, at, end, session):
                # The time-out repeats the request.
                session.ignored += 1
                return zcl.SUCCESS
            self.data_at = at + ota.BLOCK_DATA_AT
            self.data_length = buf[at + ota.BLOCK_SIZE_AT]
            session.rest(FOREVER)
            session.actions |= WRITE
            return zcl.SUCCESS
        if status != zcl.WAIT_FOR_DATA:
            return zcl.ABORT
        if end - at < ota.WAIT_LENGTH:
            return zcl.MALFORMED_COMMAND
        self.minimum_block_period = _wait_period(buf, at, end)
        self._quiet = _wait_milliseconds(buf, at, self._session.settings)
        # To be told to wait is progress, not an error.
        session.tries = 0
        self.ask_again()
        return zcl.SUCCESS


def _answers(buf, at, end, session):
    """True if the SUCCESS response in buf[at:end] holds the bytes that ``session`` asks for.

    Another image, another offset, no bytes at all (herdsman sends those for ever when it is asked past
    the end), more than asked, or fewer than announced: it does not.
    """
    if end - at <= ota.BLOCK_DATA_AT:
        return False
    size = buf[at + ota.BLOCK_SIZE_AT]
    if not 0 < size <= session.data_size or end - at < ota.BLOCK_DATA_AT + size:
        return False
    image = session.image
    for i in range(ota.IDENTITY_SIZE):
        if buf[at + ota.BLOCK_IDENTITY_AT + i] != image[i]:
            return False
    offset = session.offset
    for i in range(4):
        if buf[at + ota.BLOCK_OFFSET_AT + i] != offset[i]:
            return False
    return True


def _wait_milliseconds(buf, at, settings):
    """How long a WAIT_FOR_DATA asks to wait: from ``current time`` to ``request time``, both in seconds.

    A current time of 0 makes the request time relative. Not longer than is believed, and never nothing
    at all, or the two sides would be busy with each other; a request time that has passed makes no sense
    and has its own wait.
    """
    seconds = u32(buf, at + ota.WAIT_REQUEST_AT) - u32(buf, at + ota.WAIT_CURRENT_AT)
    if seconds < 0:
        return settings.senseless_wait
    return max(min(seconds, settings.longest_wait // 1000) * 1000, settings.shortest_wait)


def _wait_period(buf, at, end):
    """The minimum block period in milliseconds that a WAIT_FOR_DATA sets; 0 if it names none."""
    if end - at < ota.WAIT_LENGTH + 2:
        return 0
    return min(u16(buf, at + ota.WAIT_PERIOD_AT), ota.MAX_BLOCK_PERIOD)
