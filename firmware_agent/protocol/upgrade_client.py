"""The OTA Upgrade client, sans-IO: commands and elapsed time in, requests and actions out.

Nobody here sleeps, reads a clock or knows a radio. Call, in this order and until each is exhausted:

1. ``handle_command()`` for each command of cluster 0x0019 from the server, or ``handle_elapsed(ms)``;
2. ``poll_action()`` until 0; each action is described at its constant; the block's data stay in the
   frame's buffer and must be taken before the next frame is handled;
3. ``poll_transmit(out)`` until 0;
4. ``poll_timeout()``: milliseconds until handle_elapsed() has something to do, -1 for never.

A peer can only cause a state change that the table in states.py has; everything else is counted in
``ignored``. A Notify that comes at a bad moment is a wish to query: granted when the outstanding answer
came or its time is over, when the client turns idle or waits, or by the query after the reset.

This module sorts, and hands out the rest. What a download's blocks need is in ``download``; what happens now
and then has modules that are loaded for it: image_query.py, upgrade_end.py, specific_file.py.
"""

from firmware_agent.protocol import ota_commands as ota
from firmware_agent.protocol import states, zcl
from firmware_agent.protocol.aps_frame import put16, put32, u32
from firmware_agent.protocol.download import Download
from firmware_agent.protocol.session import (
    BLOCK,
    CANDIDATE,
    DOWNLOAD,
    END,
    FETCHED,
    FILE,
    FOREVER,
    NONE,
    NOTHING,
    PAGE,
    PART,
    QUERIED,
    QUERY,
    REFUSED,
    SPECIFIC,
    WRITE,
    Session,
)

# ImageUpgradeStatus (attribute 0x0006) while a query is on its way, by what is kept meanwhile.
_STATUS_KEPT = b"\x00\x01\x02\x05\x00"
_STATUS_HELD = b"\x03\x06"  # by the activation policy


class UpgradeClient(Session):
    """It has no property, since one would have MicroPython search the classes at each attribute that is set.

    identity: manufacturer_code, image_type, hardware_version, file_version (the running one);
    settings: a Settings; random: callable(n) -> 0..n-1.

    download: a Download. offer: the last ImageOffer, end: an UpgradeEnd while there is a verified image,
    file: a SpecificFile while one is wanted, or None each. space: bytes of the largest file that fits, 0 for
    any. notified: Notifies that led to a query; unicast: the last one was. unanswered: requests since the
    server last said anything. tsn: the last request's number.
    """

    def __init__(self, identity, settings, random):
        Session.__init__(self, identity, settings, random)
        self.notified = 0
        self.unanswered = 0
        self.unicast = False
        self.space = 0
        self.offer = None
        if settings.page_size:
            # A board without pages does not pay for the code, nor for the buffer.
            from firmware_agent.protocol.paged_download import PagedDownload

            self.download: Download = PagedDownload(self)
        else:
            self.download = Download(self)
        self.end = None
        self.due = random(settings.first_query) + 1
        self.tsn = random(256)

    def keep(self):
        """What outlives this object when nothing is outstanding: take_up()'s argument."""
        download = self.download
        pace = download.minimum_block_period, download.quiet, download.since_block, download.pages
        heard = self.unanswered, self.notified, self.unicast
        due = self.due if self.waiting == NONE else 0
        return due, self.tsn, self.wish, self.base == DOWNLOAD, heard, pace

    def take_up(self, kept):
        """Go on as the one of which nothing but this is left."""
        download = self.download
        self.due, self.tsn, self.wish, downloads, heard, pace = kept
        self.unanswered, self.notified, self.unicast = heard
        download.minimum_block_period, download.quiet, download.since_block, download.pages = pace
        if downloads:
            self.base = DOWNLOAD

    def tidy(self):
        """Let go of what is over, and so of its code."""
        if self.state != states.OFFERED:
            self.offer = None
        if self.base != CANDIDATE:
            self.end = None
        file = self.file
        if file is not None and self.base != FILE and not self.actions & FETCHED and file.contents is None:
            self.file = None

    # What the agent asks for, beside download.written(), download.go_on() and end.tell()

    def restore(self, manufacturer_code, image_type, file_version):
        """Set the identity of a download or candidate that the store kept over a reset."""
        image = self.image
        put16(image, ota.IDENTITY_MANUFACTURER_AT, manufacturer_code)
        put16(image, ota.IDENTITY_IMAGE_TYPE_AT, image_type)
        put32(image, ota.IDENTITY_VERSION_AT, file_version)

    def start_download(self, offset, limit, size, proof=None):
        """Ask for ``size`` bytes in all, from ``offset`` on, at first at most ``limit`` at once.

        The rest as for enter_download(). proof: as for download.go_on().
        """
        self.enter_download(size, proof)
        self.download.ask_at(offset, limit)

    def enter_download(self, size, proof=None):
        """Download ``size`` bytes, and ask for none yet: complete() or refused() follow, if it is not
        start_download() that goes on.

        Of the offer, if there is one; at boot, or after a refusal, of what restore() said before.
        """
        if self.state == states.OFFERED:
            self.image[:] = self.offer.image
        self.download.begin(size, proof)
        self.move(states.START)
        self.tries = 0
        self.rest(FOREVER)

    def offers_the_same(self):
        """True if the offer is what is being downloaded: go_on() continues where it is."""
        offer = self.offer
        if offer is None or self.base != DOWNLOAD:
            return False
        return offer.image == self.image and offer.file_size == self.download.size

    def verified(self, held):
        """There is a verified image; tell the server. ``held``: it had said to wait before a reset."""
        if self.end is None:
            from firmware_agent.protocol.upgrade_end import UpgradeEnd

            self.end = UpgradeEnd(self)
        self.end.verified(held)

    def activate(self):
        """An event outside the cluster says: run it now. False if that does not count here, or if there is no
        verified image."""
        return self.end is not None and self.end.activate()

    def decline(self):
        """Leave the offer alone: back to what there was before the query, if it brought one or not."""
        if self.base == CANDIDATE:
            self.end.go_on()
        else:
            self._stop(states.NO_IMAGE)

    def abandon(self):
        """Leave the server alone for a while; the download is kept."""
        self._stop(states.ABORTED)

    def complete(self):
        """All bytes are on flash: the store verifies now."""
        self.rest(FOREVER)
        self.download.complete()
        self.move(states.COMPLETE)

    def refused(self, status):
        """Report a failure (a ZCL status) by Upgrade End; nothing is applied whatever is answered."""
        self.move(states.REFUSED)
        self.base = NOTHING
        self.download.over()
        self.status = status
        self.ask(END)

    def require_more(self):
        """The file is good, but the upgrade needs another one: tell the server, and ask for that. The caller
        keeps the file; a board whose firmware is one file never calls this."""
        self.move(states.MORE)
        self.base = PART
        self.status = zcl.REQUIRE_MORE_IMAGE
        self.ask(END)

    def fetch(self, image_type):
        """Ask for a device-specific file; action FETCHED when that is over. False if this is not the time,
        while there is a download, an image or another request, or if the setting wants none."""
        if self.settings.specific_file_size == 0:
            return False
        if self.file is None:
            # Most devices never ask.
            from firmware_agent.protocol.specific_file import SpecificFile

            self.file = SpecificFile(self)
        return self.file.ask(image_type)

    def rejoined(self):
        """The link is back: the answer to an outstanding request is lost, so it is repeated at once."""
        kind = self.outstanding
        if kind == BLOCK or kind == PAGE:
            self.download.rejoined()
        elif kind != NONE:
            self.repeat(kind)

    def server_found(self):
        """The server is elsewhere, or another one: an idle client asks it, after a back-off."""
        self.unanswered = 0
        if self.state == states.IDLE:
            soon = self.settings.back_off + self.random(self.settings.first_query)
            self.due = min(self.due, soon)

    # What attributes show

    def upgrade_status(self):
        """ImageUpgradeStatus, attribute 0x0006."""
        state = self.state
        between = state == states.QUERYING or state == states.OFFERED
        if state == states.WAITING or (between and self.base == CANDIDATE and self.end.held):
            return _STATUS_HELD[self.settings.upgrade_activation_policy]
        if between or self.base == PART:
            return _STATUS_KEPT[self.base]
        return states.UPGRADE_STATUS[state]

    def downloaded_file_version(self):
        """DownloadedFileVersion, attribute 0x0004: the verified image's, 0xFFFFFFFF if there is none."""
        return self.kept_version() if self.base in (CANDIDATE, PART) else ota.ANY_VERSION

    def kept_version(self):
        """That of the image that is verified or being fetched, 0xFFFFFFFF if there is none."""
        if self.base == NOTHING or self.base == FILE:
            return ota.ANY_VERSION
        return u32(self.image, ota.IDENTITY_VERSION_AT)

    # In: commands and time

    def handle_command(self, buf, at, end, command, broadcast):
        """One cluster command from the server, its payload in buf[at:end].

        Returns the status for a Default Response: SUCCESS where none is needed.
        """
        if command == ota.IMAGE_NOTIFY:
            from firmware_agent.protocol.image_query import handle_notify

            return handle_notify(self, buf, at, end, broadcast)
        if command == ota.UPGRADE_END_RESPONSE:
            self.unanswered = 0
            return self._handle_end(buf, at, end)
        if broadcast:
            # Only those two may be.
            self.ignored += 1
            return zcl.SUCCESS
        self.unanswered = 0
        if command == ota.IMAGE_BLOCK_RESPONSE:
            status = self.download.handle_block(buf, at, end)
            if self.base == FILE and self.actions & WRITE:
                self.file.write()
            if status != zcl.ABORT:
                return status
            self._stop(states.ABORTED)
            return zcl.SUCCESS
        if command == ota.QUERY_NEXT_IMAGE_RESPONSE or command == ota.QUERY_SPECIFIC_FILE_RESPONSE:
            from firmware_agent.protocol.image_query import handle_offer

            kind = QUERY if command == ota.QUERY_NEXT_IMAGE_RESPONSE else SPECIFIC
            return handle_offer(self, buf, at, end, kind)
        return zcl.UNSUP_CLUSTER_COMMAND

    def handle_default_response(self, command, status):
        """A Default Response from the server on this cluster: no other answer to ``command`` will come."""
        self.unanswered = 0
        if command == ota.UPGRADE_END_REQUEST and self.state == states.REPORTING:
            self._reported()
        elif command == ota.IMAGE_BLOCK_REQUEST and self.outstanding == BLOCK and status != zcl.SUCCESS:
            self._stop(states.ABORTED)
        elif command == ota.IMAGE_PAGE_REQUEST and self.outstanding == PAGE and status != zcl.SUCCESS:
            self.download.refuse_pages()  # type: ignore[attr-defined]  # a PagedDownload asked
            self.download.ask_again()
        elif command == ota.QUERY_NEXT_IMAGE_REQUEST and self.outstanding == QUERY and status != zcl.SUCCESS:
            self.decline()
        elif (
            command == ota.QUERY_SPECIFIC_FILE_REQUEST
            and self.outstanding == SPECIFIC
            and status != zcl.SUCCESS
        ):
            self.decline()
        else:
            self.ignored += 1

    def handle_elapsed(self, milliseconds):
        """Time went by."""
        self.download.elapsed(milliseconds)
        if self.end is not None:
            self.end.elapsed(milliseconds)
        if self.due == FOREVER:
            return
        self.due -= milliseconds
        if self.due > 0:
            return
        self.due = FOREVER
        if self.outstanding != NONE:
            self._timed_out()
        elif self.state == states.IDLE:
            self.query()
        elif self.state == states.DOWNLOADING:
            self.download.due()
        elif self.state == states.WAITING or self.state == states.COUNTDOWN:
            self.end.deadline()

    # Out

    def poll_action(self):
        """The next action's bit, or 0."""
        actions = self.actions
        lowest = actions & -actions
        self.actions = actions ^ lowest
        return lowest

    def poll_timeout(self):
        """Milliseconds until handle_elapsed() is needed; 0 if something waits to be sent; -1: never."""
        return self.due if self.waiting == NONE else 0

    def poll_period(self):
        """Milliseconds between a sleepy end device's polls of its parent."""
        return self.settings.long_poll if self.outstanding == NONE else self.settings.short_poll

    def poll_transmit(self, out, at):
        """Write the next request's ZCL frame to out[at:]; returns its length, 0 if there is none."""
        kind = self.waiting
        if kind == NONE:
            return 0
        timeouts = self.settings.response_timeouts
        timeout = timeouts[min(self.tries, len(timeouts) - 1)]
        self.waiting = NONE
        self.outstanding = kind
        # A new number on every retry: zigpy drops a repeated frame with the same one for 10 s.
        self.tsn = (self.tsn + 1) & 0xFF
        out[at] = ota.REQUEST_CONTROL
        out[at + 1] = self.tsn
        payload = at + 3
        if kind == BLOCK or kind == PAGE:
            timeout = self.download.patience(timeout)
            out[at + 2] = ota.IMAGE_BLOCK_REQUEST if kind == BLOCK else ota.IMAGE_PAGE_REQUEST
            length = self.download.put_request(out, payload, kind)
        elif kind == QUERY:
            self.wish = False
            self.actions |= QUERIED
            out[at + 2] = ota.QUERY_NEXT_IMAGE_REQUEST
            length = self._put_query(out, payload)
        elif kind == SPECIFIC:
            out[at + 2] = ota.QUERY_SPECIFIC_FILE_REQUEST
            length = self.file.put_query(out, payload)
        else:
            out[at + 2] = ota.UPGRADE_END_REQUEST
            out[payload] = self.status
            for i in range(ota.IDENTITY_SIZE):
                out[payload + ota.END_REQUEST_IDENTITY_AT + i] = self.image[i]
            length = ota.END_REQUEST_LENGTH
        self.due = timeout
        return 3 + length

    # Inside

    def _put_query(self, out, at):
        identity = self.identity
        out[at] = ota.QUERY_HARDWARE_PRESENT
        put16(out, at + ota.QUERY_MANUFACTURER_AT, identity.manufacturer_code)
        put16(out, at + ota.QUERY_IMAGE_TYPE_AT, identity.image_type)
        put32(out, at + ota.QUERY_VERSION_AT, identity.file_version)
        put16(out, at + ota.QUERY_HARDWARE_AT, identity.hardware_version)
        return ota.QUERY_LENGTH

    def _handle_end(self, buf, at, end):
        if end - at < ota.END_LENGTH:
            return zcl.MALFORMED_COMMAND
        if self.state == states.REPORTING:
            # zigpy answers a failure with "apply now": never.
            self._reported()
            return zcl.SUCCESS
        return zcl.INVALID_IMAGE if self.end is None else self.end.handle_response(buf, at)

    def _reported(self):
        if self.base != PART and self.base != FILE:
            self.actions |= REFUSED
        self._stop(states.REPORTED)

    def _stop(self, event):
        """To IDLE, with a time for the next query. What is there of a download is kept."""
        self.move(event)
        fetched = self.base == FILE
        if fetched:
            self.file.over()
        if self.wish:
            self.rest(0)
        elif fetched:
            self.rest(self.file.next_query)
        elif self.base == DOWNLOAD:
            self.rest(self.download.next_back_off())
        elif event == states.REPORTED and self.base == PART:
            self.rest(self.random(self.settings.first_query) + 1)
        else:
            period = self.settings.query_period
            self.rest(period + self.random(period // 10))

    def _timed_out(self):
        settings = self.settings
        kind = self.outstanding
        self.outstanding = NONE
        self.tries += 1
        self.unanswered += 1
        if kind == BLOCK or kind == PAGE:
            if not self.download.timed_out():
                self._stop(states.GIVE_UP)
        elif kind == QUERY or kind == SPECIFIC:
            if self.tries < settings.query_tries:
                self.repeat(kind)
            elif self.base == DOWNLOAD:
                # herdsman never answers a repeated query, but serves blocks: go on with those.
                self.download.go_on()
            else:
                self.decline()
        elif self.state == states.ENDING:
            self.end.timed_out()
        elif self.tries < settings.end_tries:
            self.repeat(END)
        else:
            self._reported()
