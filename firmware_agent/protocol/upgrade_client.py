"""The OTA Upgrade client, sans-IO: commands and elapsed time in, requests and actions out.

Nobody here sleeps, reads a clock or knows a radio. Call, in this order and until each is exhausted:

1. ``handle_command()`` for each command of cluster 0x0019 from the server, or ``handle_elapsed(ms)``;
2. ``poll_action()`` until 0; each action is described at its constant; the block's data stay in the
   frame's buffer and must be taken before the next frame is handled;
3. ``poll_transmit(out)`` until 0;
4. ``poll_timeout()``: milliseconds until handle_elapsed() has something to do, -1 for never.

A peer can only cause a state change that the table in states.py has; everything else is counted in
``ignored``. The block path allocates nothing and compares identities and offsets as bytes, since a
u32 is a big integer on 32-bit ports.
"""

from firmware_agent.protocol import ota_commands as ota
from firmware_agent.protocol import states, zcl
from firmware_agent.protocol.aps_frame import put16, put32, u16, u32

# Actions, as bits.
NOTIFIED = 1  # a Notify that leads to a query arrived; ``unicast`` says how
QUERIED = 2  # a Query Next Image Request goes out
OFFERED = 4  # offered_*() hold an offer: call start_download(), already_downloaded() or decline()
WRITE = 8  # data_at, data_length: the next bytes of the file; answer with written() or refused()
REFUSED = 16  # a failure was reported, or nobody wanted to hear it: ``state`` is IDLE again
HELD = 32  # the server said to wait
COUNTING = 64  # ``countdown`` seconds until activation
ACTIVATE = 128  # activation is allowed
ABORTED = 256  # the server ended the download; progress is kept

# What there is to go back to when a query brings nothing.
NOTHING = 0
DOWNLOAD = 1
CANDIDATE = 2

_NONE = 0
_QUERY = 1
_BLOCK = 2
_END = 3

_FOREVER = -1
_MAX_CHUNK = 3600 * 1000  # a countdown longer than this is waited for in pieces: small integers only


class UpgradeClient:
    """identity: manufacturer_code, image_type, hardware_version, file_version (the running one);
    settings: a Settings; random: callable(n) -> 0..n-1."""

    def __init__(self, identity, settings, random):
        self.identity = identity
        self.settings = settings
        self.state = states.IDLE
        self.base = NOTHING
        self.ignored = 0
        self.unicast = False
        self.data_at = 0
        self.data_length = 0
        self.countdown = 0  # seconds, as the server said
        self.seconds_left = 0  # of it, beyond the current deadline
        self.file_offset = 0
        self.file_size = 0
        self.minimum_block_period = settings.minimum_block_period
        self.tsn = random(256)
        self._random = random
        self._wire = bytearray(ota.IDENTITY_SIZE)  # of the image asked for, as on the air
        self._wire_offset = bytearray(4)
        self._offered = bytearray(ota.IDENTITY_SIZE)
        self._offered_size = 0
        self._limit = 0  # largest data size for the next block
        self._asked = 0  # data size of the outstanding request
        self._actions = 0
        self._send = _NONE
        self._outstanding = _NONE
        self._tries = 0
        self._unanswered_ends = 0
        self._end_status = 0
        self._due = random(settings.first_query) + 1
        self._since_request = 0xFFFF
        self._query_wanted = False
        self._backed_off = 0
        self._held = False

    # What the agent asks for

    def start_download(self, offset, limit, size):
        """Ask for ``size`` bytes in all, from ``offset`` on, at first at most ``limit`` at once.

        From OFFERED the offer's identity is used; at boot call restore() before.
        """
        if self.state == states.OFFERED:
            self._wire[:] = self._offered
        self.base = DOWNLOAD
        self.file_size = size
        self._tries = 0
        self._move(states.START)
        self._ask_at(offset, limit)

    def restore(self, manufacturer_code, image_type, file_version):
        """Set the identity of a download or candidate that the store kept over a reset."""
        put16(self._wire, 0, manufacturer_code)
        put16(self._wire, 2, image_type)
        put32(self._wire, 4, file_version)

    def decline(self):
        """Leave the offer alone."""
        self._move(states.NO_IMAGE)
        self._go_idle()

    def already_downloaded(self):
        """What is offered waits verified in the store: tell the server so."""
        self._move(states.VERIFIED)
        self._request(_END)

    def written(self, offset, limit):
        """The block is in the store; ``offset`` is the next byte needed, ``limit`` what to ask for at most."""
        self._tries = 0
        self._backed_off = 0
        if self._query_wanted:
            self.file_offset = offset
            self._limit = limit
            self._query()
            return
        self._ask_at(offset, limit)

    def complete(self):
        """All bytes are on flash: the store verifies now."""
        self._cancel_request()
        self._move(states.COMPLETE)

    def verified(self, held=False):
        """The slot is proven; ``held``: the server had said to wait before a reset."""
        self.base = CANDIDATE
        self._held = held
        self._end_status = zcl.SUCCESS
        self._unanswered_ends = 0
        self._move(states.VERIFIED)
        self._request(_END)

    def refused(self, status):
        """Report a failure (a ZCL status) by Upgrade End; nothing is applied whatever is answered."""
        self.base = NOTHING
        self._end_status = status
        self._move(states.REFUSED)
        self._request(_END)

    def rejoined(self):
        """The link is back: an outstanding request is repeated at once, since its answer is lost."""
        if self._outstanding:
            self._send = self._outstanding
            self._outstanding = _NONE

    def offered_manufacturer_code(self):
        """Of the offer, as the next four."""
        return u16(self._offered, 0)

    def offered_image_type(self):
        """u16."""
        return u16(self._offered, 2)

    def offered_file_version(self):
        """u32."""
        return u32(self._offered, 4)

    def downloaded_file_version(self):
        """Attribute 0x0004: the verified image's version, 0xFFFFFFFF if there is none."""
        return u32(self._wire, 4) if self.base == CANDIDATE else ota.ANY_VERSION

    def offered_size(self):
        """Bytes of the whole file."""
        return self._offered_size

    # In: commands and time

    def handle_command(self, buf, at, end, command, broadcast):
        """One cluster command from the server, its payload in buf[at:end].

        Returns the status for a Default Response: SUCCESS where none is needed.
        """
        if command == ota.IMAGE_BLOCK_RESPONSE:
            return self._handle_block(buf, at, end)
        if command == ota.IMAGE_NOTIFY:
            return self._handle_notify(buf, at, end, broadcast)
        if command == ota.QUERY_NEXT_IMAGE_RESPONSE:
            return self._handle_offer(buf, at, end)
        if command == ota.UPGRADE_END_RESPONSE:
            return self._handle_end(buf, at, end)
        return zcl.UNSUP_CLUSTER_COMMAND

    def handle_default_response(self, command, status):
        """A Default Response from the server on this cluster: no other answer to ``command`` will come."""
        if command == ota.UPGRADE_END_REQUEST and self.state == states.REPORTING:
            self._reported()
        elif status == zcl.SUCCESS:
            self.ignored += 1
        elif command == ota.IMAGE_BLOCK_REQUEST and self.state == states.DOWNLOADING and self._outstanding:
            self._aborted()
        elif command == ota.QUERY_NEXT_IMAGE_REQUEST and self.state == states.QUERYING:
            self._no_image()
        else:
            self.ignored += 1

    def handle_elapsed(self, milliseconds):
        """Time went by."""
        if self._since_request < 0xFFFF:
            self._since_request += milliseconds
        if self._due == _FOREVER:
            return
        self._due -= milliseconds
        if self._due > 0:
            return
        self._due = _FOREVER
        if self._outstanding:
            self._timed_out()
        elif self.state == states.IDLE:
            self._query()
        elif self.state == states.DOWNLOADING:
            self._send = _BLOCK
        elif self.state == states.WAITING:
            self._move(states.DUE)
            self._request(_END)
        elif self.state == states.COUNTDOWN:
            self._count(0)

    # Out

    def poll_action(self):
        """The next action's bit, or 0."""
        actions = self._actions
        lowest = actions & -actions
        self._actions = actions ^ lowest
        return lowest

    def poll_timeout(self):
        """Milliseconds until handle_elapsed() is needed; 0 if something waits to be sent; -1: never."""
        if self._send:
            return 0
        return self._due

    def poll_transmit(self, out, at):
        """Write the next request's ZCL frame to out[at:]; returns its length, 0 if there is none."""
        kind = self._send
        if kind == _NONE:
            return 0
        self._send = _NONE
        self._outstanding = kind
        timeouts = self.settings.response_timeouts
        self._due = timeouts[min(self._tries, len(timeouts) - 1)]
        if kind == _BLOCK and self._due < self.minimum_block_period:
            self._due = self.minimum_block_period
        self.tsn = (self.tsn + 1) & 0xFF  # a new one on every retry: zigpy drops repeats within 10 s
        out[at] = ota.REQUEST_CONTROL
        out[at + 1] = self.tsn
        payload = at + 3
        if kind == _BLOCK:
            self._since_request = 0
            out[at + 2] = ota.IMAGE_BLOCK_REQUEST
            out[payload] = 0
            self._put_identity(out, payload + ota.BLOCK_REQUEST_IDENTITY_AT)
            for i in range(4):
                out[payload + ota.BLOCK_REQUEST_OFFSET_AT + i] = self._wire_offset[i]
            out[payload + ota.BLOCK_REQUEST_SIZE_AT] = self._asked
            return 3 + ota.BLOCK_REQUEST_LENGTH
        if kind == _QUERY:
            self._actions |= QUERIED
            identity = self.identity
            out[at + 2] = ota.QUERY_NEXT_IMAGE_REQUEST
            out[payload] = ota.QUERY_HARDWARE_PRESENT
            put16(out, payload + 1, identity.manufacturer_code)
            put16(out, payload + 3, identity.image_type)
            put32(out, payload + 5, identity.file_version)
            put16(out, payload + 9, identity.hardware_version)
            return 3 + ota.QUERY_LENGTH
        out[at + 2] = ota.UPGRADE_END_REQUEST
        out[payload] = self._end_status
        self._put_identity(out, payload + 1)
        return 3 + ota.END_REQUEST_LENGTH

    # Inside: requests

    def _move(self, event):
        self.state = states.TRANSITIONS[self.state][event]

    def _request(self, kind):
        self._send = kind
        self._outstanding = _NONE
        self._tries = 0
        self._due = _FOREVER

    def _cancel_request(self):
        self._send = _NONE
        self._outstanding = _NONE
        self._due = _FOREVER

    def _ask_at(self, offset, limit):
        self.file_offset = offset
        self._limit = limit
        put32(self._wire_offset, 0, offset)
        self._asked = min(self.settings.max_data_size, limit, self.file_size - offset)
        self._outstanding = _NONE
        wait = self.minimum_block_period - self._since_request
        if wait > 0:
            self._send = _NONE
            self._due = wait
        else:
            self._send = _BLOCK
            self._due = _FOREVER

    def _put_identity(self, out, at):
        for i in range(ota.IDENTITY_SIZE):
            out[at + i] = self._wire[i]

    def _query(self):
        """Ask what there is, or as soon as the outstanding block has come."""
        block_due = self.state == states.DOWNLOADING and (self._outstanding or self._send)
        if block_due or not states.allows(self.state, states.QUERY):
            self._query_wanted = True
            return
        self._query_wanted = False
        self._move(states.QUERY)
        self._request(_QUERY)

    def _go_idle(self):
        settings = self.settings
        self._cancel_request()
        if self._query_wanted:
            self._query()
        elif self.base == DOWNLOAD:
            self._backed_off = min(max(settings.back_off, 2 * self._backed_off), settings.longest_back_off)
            self._due = self._backed_off
        else:
            self.minimum_block_period = settings.minimum_block_period
            self._due = settings.query_period + self._random(settings.query_period // 10)

    def _timed_out(self):
        kind = self._outstanding
        settings = self.settings
        self._tries += 1
        if self._query_wanted and kind == _BLOCK:
            self._outstanding = _NONE
            self._query()
        elif kind == _BLOCK:
            if self._tries < settings.block_tries:
                self._ask_at(self.file_offset, self._limit)
            else:
                self._move(states.GIVE_UP)
                self._go_idle()
        elif kind == _QUERY:
            if self._tries < settings.query_tries:
                self._send = _QUERY
                self._outstanding = _NONE
            elif self.base == DOWNLOAD:
                # herdsman never answers a repeated query, but serves blocks: go on with those.
                self._tries = 0
                self._move(states.START)
                self._ask_at(self.file_offset, self._limit)
            else:
                self._no_image()
        elif self.state == states.REPORTING:
            if self._tries < settings.end_tries:
                self._send = _END
                self._outstanding = _NONE
            else:
                self._reported()
        else:
            self._end_unanswered()

    def _end_unanswered(self):
        """Hubs answer Upgrade End once a session: a lost answer must not end in waiting for ever."""
        self._unanswered_ends += 1
        if self._unanswered_ends < self.settings.end_tries and not self._held:
            self._send = _END
            self._outstanding = _NONE
        elif self._unanswered_ends >= self.settings.end_tries and self.settings.upgrade_timeout_policy == 0:
            self._apply()
        else:
            self._wait_for_server()

    # Inside: what came

    def _handle_notify(self, buf, at, end, broadcast):
        length = end - at
        if broadcast:
            if not self._notify_concerns_us(buf, at, length):
                self.ignored += 1
                return zcl.SUCCESS
        elif length not in ota.NOTIFY_LENGTHS:
            return zcl.MALFORMED_COMMAND
        # A unicast Notify always leads to a query, whatever it says: so a server forces a reinstall.
        self.unicast = not broadcast
        self._actions |= NOTIFIED
        self._query()
        return zcl.SUCCESS

    def _notify_concerns_us(self, buf, at, length):
        if length < 2 or buf[at] >= len(ota.NOTIFY_LENGTHS) or length != ota.NOTIFY_LENGTHS[buf[at]]:
            return False
        jitter = buf[at + ota.NOTIFY_JITTER_AT]
        if not 1 <= jitter <= ota.MAX_JITTER:
            return False
        identity = self.identity
        kind = buf[at]
        if kind >= 1 and u16(buf, at + ota.NOTIFY_MANUFACTURER_AT) not in (
            identity.manufacturer_code,
            ota.ANY_ID,
        ):
            return False
        if kind >= 2 and u16(buf, at + ota.NOTIFY_IMAGE_TYPE_AT) not in (identity.image_type, ota.ANY_ID):
            return False
        if kind >= 3:
            version = u32(buf, at + ota.NOTIFY_VERSION_AT)
            if version == identity.file_version or (self.base != NOTHING and version == u32(self._wire, 4)):
                return False
        return self._random(ota.MAX_JITTER) + 1 <= jitter

    def _handle_offer(self, buf, at, end):
        if self.state != states.QUERYING:
            self.ignored += 1
            return zcl.SUCCESS
        if end - at < 1:
            return zcl.MALFORMED_COMMAND
        if buf[at] != zcl.SUCCESS:
            self._no_image()
            return zcl.SUCCESS
        if end - at < ota.OFFER_LENGTH:
            return zcl.MALFORMED_COMMAND
        identity = self.identity
        offered = at + ota.OFFER_IDENTITY_AT
        size = u32(buf, at + ota.OFFER_SIZE_AT)
        version = u32(buf, offered + 4)
        if size == 0:
            self._no_image()
            return zcl.INVALID_FIELD
        # herdsman with a plain file offers any device's image: this check is the device's own.
        if u16(buf, offered) != identity.manufacturer_code or u16(buf, offered + 2) != identity.image_type:
            self._no_image()
            return zcl.INVALID_FIELD
        if version == identity.file_version:
            self._no_image()
            return zcl.SUCCESS
        for i in range(ota.IDENTITY_SIZE):
            self._offered[i] = buf[offered + i]
        self._offered_size = size
        self._cancel_request()
        self._move(states.OFFER)
        self._actions |= OFFERED
        return zcl.SUCCESS

    def _no_image(self):
        if self.base == CANDIDATE:
            self._move(states.VERIFIED)
            self._request(_END)
            return
        self._move(states.NO_IMAGE)
        self._go_idle()

    def _handle_block(self, buf, at, end):
        if self.state != states.DOWNLOADING or end - at < 1 or not (self._outstanding or self._send):
            self.ignored += 1
            return zcl.SUCCESS
        status = buf[at]
        if status == zcl.SUCCESS:
            return self._handle_data(buf, at, end)
        if status == zcl.WAIT_FOR_DATA and end - at >= ota.WAIT_LENGTH:
            self._handle_wait(buf, at, end)
        else:
            self._aborted()
        return zcl.SUCCESS

    def _handle_data(self, buf, at, end):
        if end - at < ota.BLOCK_DATA_AT:
            self.ignored += 1
            return zcl.MALFORMED_COMMAND
        size = buf[at + ota.BLOCK_SIZE_AT]
        good = 0 < size <= self._asked and end - at >= ota.BLOCK_DATA_AT + size
        for i in range(ota.IDENTITY_SIZE):
            good = good and buf[at + ota.BLOCK_IDENTITY_AT + i] == self._wire[i]
        for i in range(4):
            good = good and buf[at + ota.BLOCK_OFFSET_AT + i] == self._wire_offset[i]
        if not good:
            # Another image's, another offset's, empty or too long: the time-out repeats the request.
            self.ignored += 1
            return zcl.SUCCESS
        self.data_at = at + ota.BLOCK_DATA_AT
        self.data_length = size
        self._cancel_request()
        self._actions |= WRITE
        return zcl.SUCCESS

    def _handle_wait(self, buf, at, end):
        settings = self.settings
        current = u32(buf, at + ota.WAIT_CURRENT_AT)
        seconds = u32(buf, at + ota.WAIT_REQUEST_AT) - current
        period = u16(buf, at + ota.WAIT_PERIOD_AT) if end - at >= ota.WAIT_LENGTH + 2 else 0
        self.minimum_block_period = min(period, 0xFFFE)
        if seconds < 0:
            wait = settings.senseless_wait
        else:
            wait = min(seconds, settings.longest_wait // 1000) * 1000
        self._tries = 0
        self._cancel_request()
        if self._query_wanted:
            self._query()
            return
        self._due = max(wait, self.minimum_block_period - self._since_request, 1)

    def _aborted(self):
        self._cancel_request()
        self._move(states.ABORTED)
        self._actions |= ABORTED
        self._go_idle()

    def _reported(self):
        self._cancel_request()
        self._move(states.REPORTED)
        self._actions |= REFUSED
        self._go_idle()

    # Inside: the end

    def _handle_end(self, buf, at, end):
        if end - at < ota.END_LENGTH:
            return zcl.MALFORMED_COMMAND
        if self.state == states.REPORTING:
            # zigpy answers a failure with "apply now": never.
            self._reported()
            return zcl.SUCCESS
        if not states.allows(self.state, states.APPLY):
            return zcl.INVALID_IMAGE
        if not (
            u16(buf, at) in (u16(self._wire, 0), ota.ANY_ID)
            and u16(buf, at + 2) in (u16(self._wire, 2), ota.ANY_ID)
            and u32(buf, at + 4) in (u32(self._wire, 4), ota.ANY_VERSION)
        ):
            self.ignored += 1
            return zcl.SUCCESS
        self._cancel_request()
        self._unanswered_ends = 0
        current = u32(buf, at + ota.END_CURRENT_AT)
        upgrade = u32(buf, at + ota.END_UPGRADE_AT)
        if upgrade == ota.UNKNOWN_TIME or (current != 0 and upgrade < current):
            self._wait_for_server()
        elif upgrade == current:
            self._apply()
        else:
            self._move(states.COUNT)
            self.countdown = upgrade - current
            self.seconds_left = self.countdown
            self._actions |= COUNTING
            self._count(self.seconds_left)
        return zcl.SUCCESS

    def _wait_for_server(self):
        self._cancel_request()
        self._held = True
        self._move(states.HOLD)
        self._actions |= HELD
        self._due = self.settings.hold_poll

    def _apply(self):
        self._cancel_request()
        self._move(states.APPLY)
        self._actions |= ACTIVATE

    def _count(self, seconds):
        """Wait for the countdown in pieces that stay small integers."""
        if seconds == 0:
            seconds = self.seconds_left
        if seconds == 0:
            self._move(states.DUE)
            self._actions |= ACTIVATE
            return
        piece = min(seconds, _MAX_CHUNK // 1000)
        self.seconds_left = seconds - piece
        self._due = piece * 1000
