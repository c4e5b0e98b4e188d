"""A download by Image Page Requests, with block requests for the holes, where a board wants pages.

Loaded only there (ZCL r8, 11.13.7). A server that does not know the command gets block requests, as from any
download.
"""

from firmware_agent.protocol import ota_commands as ota
from firmware_agent.protocol import zcl
from firmware_agent.protocol.aps_frame import put16, put32, u16
from firmware_agent.protocol.download import Download, is_at, is_block
from firmware_agent.protocol.image_page import ImagePage
from firmware_agent.protocol.session import BLOCK, PAGE


class PagedDownload(Download):
    """pages: Image Page Requests may be used; False once the server is known to have none."""

    def __init__(self, session):
        self._page = ImagePage(session.settings.page_size)
        self._paged = False  # a page was served: the server knows the command
        self._kind = BLOCK  # of the next request
        Download.__init__(self, session)
        self.pages = True

    def begin(self, size, proof):
        """As Download's."""
        self._page.close()
        Download.begin(self, size, proof)

    def ask_at(self, offset, limit):
        """As Download's; for a page, or no more than the hole in one."""
        session = self._session
        page = self._page
        room = min(limit, self.size - offset)
        self._kind = BLOCK
        # Behind the page, or the store began again at 0.
        if offset < self.offset or offset >= page.end:
            page.close()
        if page.end:
            room = min(room, page.hole(offset))
        elif self.pages and room > self._most and not self._proof:
            self._kind = PAGE
        Download.ask_at(self, offset, room)
        self._limit = limit
        if session.waiting == BLOCK:
            session.waiting = self._kind

    def due(self):
        """As Download's."""
        self._session.repeat(self._kind)

    def timed_out(self):
        """As Download's; not a try in vain if something of the page came."""
        if self._page_ended():
            self._session.tries = 0
            self.ask_again()
            return True
        return Download.timed_out(self)

    def rejoined(self):
        """As Download's; what else was to come of a page is lost, too."""
        if not self._page.heard:
            self._page.close()
        self._page_ended()
        self.ask_again()

    def refuse_pages(self):
        """The server has no pages: block requests from now on, until the next reset."""
        self.pages = False
        self._page.close()

    def written(self, offset, limit):
        """As Download's; the next bytes may be there already, or on their way."""
        session = self._session
        page = self._page
        if self.offset < offset < page.end:
            length = page.take(offset)
            if length or session.outstanding == PAGE:
                self._got_on()
                self.offset = offset
                self._limit = limit
                put32(session.offset, 0, offset)
                self._asked = min(self._most, page.end - offset)
                if length:
                    self._hand_out(page.data, offset - page.start, length)
                return
        Download.written(self, offset, limit)

    def handle_block(self, buf, at, end):
        """As Download's."""
        waits = end - at >= ota.WAIT_LENGTH and buf[at] == zcl.WAIT_FOR_DATA
        if waits and self._session.outstanding == PAGE and not self._page.heard:
            # It knows the command; the page is asked for again.
            self._paged = True
            self._page.close()
        return Download.handle_block(self, buf, at, end)

    # Inside

    def _put_page(self, out, at):
        """What a page request has and a block request has not, to out[at:]; returns its end."""
        size = min(self._session.settings.page_size, self._limit, self.size - self.offset)
        self._page.open(self.offset, self.offset + size)
        put16(out, at, size)
        put16(out, at + 2, self._spacing())
        return at + ota.PAGE_REQUEST_LENGTH - ota.BLOCK_REQUEST_LENGTH

    def _take(self, buf, at, end):
        return Download._take(self, buf, at, end) or self._keep(buf, at, end)

    def _keep(self, buf, at, end):
        """Keep the block in buf[at:end] if it is a later one of the page."""
        session = self._session
        page = self._page
        if not is_block(buf, at, end, session.image) or is_at(buf, at, session.offset):
            return False
        size = buf[at + ota.BLOCK_SIZE_AT]
        # A slot has less than 16 MiB: a larger offset belongs to nothing, and may be a big integer.
        if page.end == 0 or buf[at + ota.BLOCK_OFFSET_AT + 3] or size > self._most:
            return False
        place = u16(buf, at + ota.BLOCK_OFFSET_AT) | buf[at + ota.BLOCK_OFFSET_AT + 2] << 16
        if place <= self.offset or not page.keep(place, buf, at + ota.BLOCK_DATA_AT, size):
            return False
        if session.outstanding == PAGE and self._of_page(place + size):
            self._page_ended()
            self.ask_again()
        return True

    def _answered(self, size):
        if self._session.outstanding == PAGE:
            self._of_page(self.offset + size)
        else:
            Download._answered(self, size)

    def _may_be_steady(self):
        return False

    def _of_page(self, end):
        """A block of the page came. True if it ends where the page ends; else the server goes on."""
        session = self._session
        page = self._page
        page.heard = True
        self._paged = True
        self.since_block = 0
        if end == page.end:
            return True
        session.due = session.settings.response_timeouts[0] + self._spacing()
        return False

    def _page_ended(self):
        """No more of the page that was asked for will come. True if something of it did: then the holes are
        asked for. A page of which nothing came is one only if the server has sent others before."""
        page = self._page
        if page.end == 0:
            return False
        if page.heard:
            page.heard = False
            return True
        if not self._paged:
            self.refuse_pages()
        return False

    def _spacing(self):
        return min(max(self._session.settings.response_spacing, self.minimum_block_period), ota.MAX_SPACING)
