"""The download of one file: what is asked, when, and what counts as the answer.

By Image Block Requests; where a board wants pages, paged_download.py builds on this. The block path allocates
nothing; identity and offset are compared as bytes, since a u32 is a big integer on 32-bit ports. A lost or
useless answer is asked for again at the same offset; what is on flash is never fetched twice because of one.
Before a download goes on after a query or a reset, the server shows by a few bytes that it still has the same
image.

Block after block the same happens, but for the offset: such a steady download has a short way here and in
endpoint.py. It decides nothing by itself: whatever is not as it was with the block before goes the whole way.
"""

from firmware_agent.protocol import ota_commands as ota
from firmware_agent.protocol import states, zcl
from firmware_agent.protocol.aps_frame import put16, put32, u16, u32
from firmware_agent.protocol.session import BLOCK, CHANGED, DOWNLOAD, FOREVER, NONE, PAGE, WRITE


class Download:
    """offset: file offset of the next byte needed; size: of the whole file; data, data_at, data_length: where
    the next bytes are; minimum_block_period: attribute 0x0009; pages: Image Page Requests may be used.
    since_block: ms since the last block request, not counted beyond MAX_BLOCK_PERIOD. quiet: ms for which the
    server wants none.
    steady: the last block was all that was asked for, at the first try, and nothing else is to be done."""

    def __init__(self, session):
        settings = session.settings
        self.offset = 0
        self.size = 0
        self.data = None
        self.data_at = 0
        self.data_length = 0
        self.minimum_block_period = settings.minimum_block_period
        self.pages = False
        self._session = session
        self._proof = b""  # bytes that the server has to show before the download goes on
        self._proof_at = 0  # file offset of the next of them, and how many it showed
        self._shown = 0
        self._proven_at = -1  # offset of the download when it had shown them all
        self._owed = None  # the proof that is due after one more block
        self.steady = False
        self._limit = 0  # largest data size for the next block
        self._asked = 0  # largest data size asked for at this offset
        self.since_block = ota.MAX_BLOCK_PERIOD
        self.quiet = 0
        self._backed_off = 0
        self._take_sizes_anew()

    def _take_sizes_anew(self):
        self._most = self._session.settings.max_data_size  # what is asked for, if there are so many
        self._largest = 0  # received at once
        self._capped = 0  # of the last answer that was shorter than asked, and of how many before it
        self._caps = 0

    def elapsed(self, milliseconds):
        """Time went by."""
        if self.since_block < ota.MAX_BLOCK_PERIOD:
            self.since_block += milliseconds
        if self.quiet > 0:
            self.quiet -= milliseconds

    def begin(self, size, proof):
        """Another file of ``size`` bytes, or the same from elsewhere. proof: None, or what go_on() takes."""
        if self._session.base != DOWNLOAD:
            self.over()
        self._session.base = DOWNLOAD
        self.size = size
        self._take_sizes_anew()
        self._proven_at = -1
        self._demand(proof)

    def _demand(self, proof):
        self._asked = 0
        self._owed = None
        if proof is not None and self._proof and proof == (self._proof_at - self._shown, self._proof):
            return  # it has shown a part already
        self._proof = b""
        self._shown = 0
        if proof is not None:
            if self._proven_at == self.offset:
                # Another query came before a single block: were each proven first, none would ever come.
                self._owed = proof
            else:
                self._proof_at, self._proof = proof

    def ask_at(self, offset, limit):
        """Ask for the bytes from ``offset`` on, when the server's pace allows; a wish to query goes first.
        No block shall have more than ``limit`` bytes."""
        session = self._session
        self.steady = False
        room = min(limit, self.size - offset)
        asked_at = offset
        if self._proof:
            asked_at = self._proof_at
            room = len(self._proof) - self._shown
        session.data_size = min(self._most, room)
        if offset != self.offset or session.data_size > self._asked:
            self._asked = session.data_size
        self.offset = offset
        self._limit = limit
        put32(session.offset, 0, asked_at)
        wait = max(self.minimum_block_period - self.since_block, self.quiet)
        if wait > 0:
            session.rest(wait)
        else:
            session.repeat(BLOCK)
        session.grant()

    def ask_again(self):
        """The outstanding block will not come: ask for the same offset."""
        self.ask_at(self.offset, self._limit)

    def due(self):
        """The server's pace allows the next request."""
        self._session.repeat(BLOCK)

    def timed_out(self):
        """Nothing, or nothing more, came in answer to a request; False if it was a try too many."""
        session = self._session
        settings = session.settings
        if session.tries >= settings.block_tries:
            return False
        if session.tries % settings.size_tries == 0:
            # Perhaps so large a frame never gets through.
            self._ask_less(max(self._largest, self._most // 2))
        self.ask_again()
        return True

    def rejoined(self):
        """The link was away: the answer is lost."""
        self.ask_again()

    def written(self, offset, limit):
        """The bytes are on their way to flash; go on at ``offset``."""
        session = self._session
        if self.steady and limit >= self._most <= self.size - offset and not session.wish:
            # What ask_at() comes to then.
            on_air = session.offset
            on_air[0] = offset & 0xFF
            if (offset ^ self.offset) >> 8:
                on_air[1] = offset >> 8 & 0xFF
                on_air[2] = offset >> 16
            self.offset = offset
            self._limit = limit
            session.waiting = BLOCK
            return
        self._got_on()
        self.ask_at(offset, limit)

    def _got_on(self):
        """New bytes are on their way to flash."""
        self._session.tries = 0
        self._backed_off = 0
        if self._owed is not None:
            self._proven_at = -1
            self._demand(self._owed)

    def go_on(self, proof=None):
        """Back to the next byte needed. proof: (file offset, bytes) that the server has to show first; action
        CHANGED if it cannot."""
        self._demand(proof)
        self._session.move(states.START)
        self._session.tries = 0
        self._take_sizes_anew()
        self.ask_again()

    def put_request(self, out, at, kind):
        """The request's payload to out[at:], BLOCK or PAGE: it goes out now. Returns its length."""
        session = self._session
        settings = session.settings
        out[at] = 0
        for i in range(ota.IDENTITY_SIZE):
            out[at + ota.BLOCK_REQUEST_IDENTITY_AT + i] = session.image[i]
        for i in range(4):
            out[at + ota.BLOCK_REQUEST_OFFSET_AT + i] = session.offset[i]
        out[at + ota.BLOCK_REQUEST_SIZE_AT] = session.data_size
        end = at + ota.BLOCK_REQUEST_LENGTH
        self.since_block = 0
        if kind == PAGE:
            end = self._put_page(out, end)  # type: ignore[attr-defined]  # a PagedDownload asks so
        if settings.request_node_address:
            out[at] |= ota.BLOCK_REQUEST_NODE_PRESENT
            for i in range(8):
                out[end + i] = session.identity.eui64[i]
            end += 8
        if kind == BLOCK and settings.request_block_period:
            out[at] |= ota.BLOCK_REQUEST_PERIOD_PRESENT
            put16(out, end, self.minimum_block_period)
            end += 2
        return end - at

    def patience(self, timeout):
        """Milliseconds to wait for an answer: ``timeout``, or as long as the server may take its time."""
        return max(timeout, self.minimum_block_period)

    def complete(self):
        """Every byte is on flash."""
        self.offset = self.size
        self.over()

    def over(self):
        """No more blocks: what the server said about pace goes with the download (ZCL r8, 11.10.10)."""
        self.minimum_block_period = self._session.settings.minimum_block_period
        self.quiet = 0
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
        kind = session.waiting if session.outstanding == NONE else session.outstanding
        if kind != BLOCK and kind != PAGE:
            session.ignored += 1
            return zcl.SUCCESS
        if end - at < 1:
            return zcl.MALFORMED_COMMAND
        status = buf[at]
        if status == zcl.SUCCESS:
            if not self._take(buf, at, end):
                # The time-out repeats the request.
                session.ignored += 1
            return zcl.SUCCESS
        if status != zcl.WAIT_FOR_DATA:
            return zcl.ABORT
        if end - at < ota.WAIT_LENGTH:
            return zcl.MALFORMED_COMMAND
        self.minimum_block_period = _wait_period(buf, at, end)
        self.quiet = _wait_milliseconds(buf, at, self._session.settings)
        # To be told to wait is progress, not an error.
        session.tries = 0
        self.ask_again()
        return zcl.SUCCESS

    # Inside

    def _take(self, buf, at, end):
        """Take the block in buf[at:end] if it is the next one."""
        session = self._session
        if not is_block(buf, at, end, session.image) or not is_at(buf, at, session.offset):
            return False
        size = buf[at + ota.BLOCK_SIZE_AT]
        if size > self._asked:
            return False
        if self._proof:
            self._compare(buf, at + ota.BLOCK_DATA_AT, size)
            return True
        self._answered(size)
        self._hand_out(buf, at + ota.BLOCK_DATA_AT, size)
        self.steady = size == self._most == self._asked and self._may_be_steady()
        return True

    def _may_be_steady(self):
        """No retry, no pace to obey, no proof due; and an offset has three bytes."""
        session = self._session
        undisturbed = session.tries == 0 and self._backed_off == 0
        unhurried = self.minimum_block_period == 0 and self.quiet <= 0
        plain = self._owed is None and self.size >> 24 == 0
        return plain and undisturbed and unhurried

    def _compare(self, buf, at, size):
        """The server showed some of the proof: ask for the rest, go on, or tell that it has another image."""
        session = self._session
        session.tries = 0
        for i in range(size):
            if buf[at + i] != self._proof[self._shown + i]:
                self._proof = b""
                session.rest(FOREVER)
                session.actions |= CHANGED
                return
        self._shown += size
        self._proof_at += size
        self._asked = 0
        if self._shown == len(self._proof):
            self._proof = b""
            self._proven_at = self.offset
        self.ask_again()

    def _hand_out(self, data, at, length):
        self.data = data
        self.data_at = at
        self.data_length = length
        if length > self._largest:
            self._largest = length
        self._session.actions |= WRITE

    def _answered(self, size):
        """The request was answered. A server that sends less than it is asked for, and always as much, is
        asked for that."""
        session = self._session
        session.rest(FOREVER)
        if size >= session.data_size:
            self._caps = 0
            return
        self._caps = self._caps + 1 if size == self._capped else 1
        self._capped = size
        if self._caps >= session.settings.size_tries:
            self._ask_less(size)

    def _ask_less(self, size):
        self._caps = 0
        self._most = min(self._most, max(size, self._session.settings.least_data_size))


def is_block(buf, at, end, image):
    """True if buf[at:end] is a whole SUCCESS response with bytes of ``image``.

    Another image, no bytes at all (herdsman sends those for ever when it is asked past the end), or fewer
    than announced: it is not.
    """
    if end - at <= ota.BLOCK_DATA_AT:
        return False
    size = buf[at + ota.BLOCK_SIZE_AT]
    if size == 0 or end - at < ota.BLOCK_DATA_AT + size:
        return False
    for i in range(ota.IDENTITY_SIZE):
        if buf[at + ota.BLOCK_IDENTITY_AT + i] != image[i]:
            return False
    return True


def is_at(buf, at, offset):
    """True if the block's offset is ``offset``, as on the air."""
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
