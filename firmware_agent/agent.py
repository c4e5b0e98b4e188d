"""The agent's only loop: link -> endpoint -> client -> store -> reset. It decides nothing.

run() is called by the slot's main module with the board, what boot handed over, and the application.
The application gets its turn between any two steps; the longest it waits is documented in
docs/application.md. Everything worth knowing leaves as an event, ``board.emit(name, fields)``.
"""

from firmware_agent import reject
from firmware_agent.application import Device
from firmware_agent.boot import SLOT_NAMES
from firmware_agent.events import tell_rejected, version_text
from firmware_agent.protocol import session as ss
from firmware_agent.protocol import states, zdo
from firmware_agent.protocol.endpoint import Endpoint
from firmware_agent.protocol.ota_commands import MAX_DATA_SIZE
from firmware_agent.protocol.settings import Settings
from firmware_agent.protocol.upgrade_client import UpgradeClient
from firmware_agent.protocol.upgrade_file import ELEMENT_HEADER, MAX_HEADER, UpgradeFile
from firmware_agent.reject import Rejected
from firmware_agent.store.firmware_store import COMPLETE, RESTART, WRITTEN, Offer
from hal.flash import FlashError
from hal.link import FrameReceiver, encode, encoded_limit

_IDLE_WAIT = 200  # ms: the longest sleep, so that the watchdog is fed and the application is served
_BLOCK_EVENT_PERIOD = 1000  # ms between block events
_BRISK = 20  # ms that timers may be behind when the next block is asked for
_STEADY = 10 * 60 * 1000  # ms after which a boot was no crash loop
_POSTPONE_LIMIT = 24 * 3600 * 1000  # ms the application may keep its firmware after activation was allowed
_MAX_FRAME = 128
# ms: nothing is timed for longer, so nothing is counted for longer. From 2**30 on, the twelfth day, an
# integer is an object on 32-bit ports: each block would allocate.
_LONGEST = 24 * 3600 * 1000


class Agent:
    """Wires the pieces; ``poll()`` does what is due and returns the ms it may be left alone."""

    def __init__(self, board, handover, application):
        self._board = board
        self._store = handover.store
        self._application = application
        settings = Settings()
        settings.max_data_size = min(board.max_data_size, MAX_DATA_SIZE)
        changed = getattr(board, "client_settings", {})
        for name in changed:
            if hasattr(settings, name):
                setattr(settings, name, changed[name])
        # Without a slot that runs every version is newer, and there is no day to lose.
        board.identity.file_version = handover.manifest.file_version if handover.manifest else 0
        if handover.manifest is not None:
            board.identity.image_stamp = int.from_bytes(handover.manifest.digest[:4], "little")
        else:
            settings.query_period = settings.recovery_query_period
        if self._store.needs_authorisation:
            settings.upgrade_activation_policy = 1
        self._client = UpgradeClient(board.identity, settings, board.random)
        self._client.offer.space = self._store.slots[0].size + MAX_HEADER + ELEMENT_HEADER
        self.endpoint = Endpoint(board.identity, self._client, board.address, board.endpoint, board.profile)
        self._receiver = FrameReceiver()
        self._input = bytearray(256)
        self._frame = bytearray(_MAX_FRAME)
        self._wire = bytearray(encoded_limit(_MAX_FRAME))
        self._file = UpgradeFile()
        self._offer = Offer()
        self._device = Device(board, board.identity.file_version, self._store, settings)
        self._trial = None
        if handover.trial:
            # Every other boot does without it.
            from firmware_agent.trial import Trial

            self._trial = Trial(board, self._store, application, handover.slot)
        self._store.hook = self.breathe
        self._ticks_ms = board.clock.ticks_ms
        self._ticks_diff = board.clock.ticks_diff
        self._feed_watchdog = board.watchdog.feed
        self._last = self._ticks_ms()
        self._owed = 0
        self._joined = False
        self._announced = False
        # Only a sleepy end device's link has it: its parent keeps frames until it asks.
        self._poll_parent = getattr(board.link, "poll", None)
        if self._poll_parent:
            self.endpoint.capability = zdo.SLEEPY
        self._since_poll = 0
        self._since_boot = 0
        self._since_block = _BLOCK_EVENT_PERIOD
        self._postponed = 0
        self._last_status = -1
        self._last_progress = -1

    def start(self):
        """Start the application, then take up what the store remembers."""
        self._application.start(self._device)
        if self._trial:
            self._trial.start()
            return
        if self._store.downloading:
            self._resume()
        elif self._store.candidate:
            state = self._store.state
            self._client.restore(state.manufacturer_code, state.image_type, state.file_version)
            self._use_server(state)
            self._verify()

    def breathe(self):
        """Feed the watchdog and give the application its turn; also called from within long work."""
        now = self._ticks_ms()
        elapsed = self._ticks_diff(now, self._last)
        self._last = now
        self._feed_watchdog()
        if elapsed:
            self._owed += elapsed
            self._device.elapsed(elapsed)

    def _catch_up(self):
        """Bring every timer to now: before frames are handled, and before a request goes out, since a
        signature check or an erase may lie between."""
        self.breathe()
        elapsed = self._owed
        if elapsed == 0:
            return
        self._owed = 0
        if self._since_boot < _LONGEST:
            self._since_boot += elapsed
        if self._since_poll < _LONGEST:
            self._since_poll += elapsed
        if self._since_block < _LONGEST:
            self._since_block += elapsed
        if self._client.state == states.ACTIVATING:
            self._postponed += elapsed
        self._client.handle_elapsed(elapsed)

    def poll(self):
        """Run every due step once; never sleeps."""
        board = self._board
        self._catch_up()
        joined = board.link.joined
        if joined != self._joined:
            self._joined = joined
            self._receiver.reset()
            if joined:
                self.endpoint.rejoined()
        if joined:
            if not self._announced:
                self._announced = True
                self._transmit(self.endpoint.put_announce(self._frame), self._frame)
            self._read_link()
        if self._joined:
            self._request()
            self._transmit(self.endpoint.put_question(self._frame), self._frame)
            if self._poll_parent and self._since_poll >= self._client.poll_period():
                self._since_poll = 0
                self._poll_parent()
        self._act()
        if self._client.state == states.VERIFYING:
            self._verify_step()
        elif self._client.state == states.ACTIVATING:
            self._activate()
        if self._device.activation:
            self._device.activation = False
            self._client.end.activate()
        if self._device.wanted_file and self._client.fetch(self._device.wanted_file):
            self._device.wanted_file = 0
        if self._trial:
            if self._trial.check(self._since_boot, self._announced and self.endpoint.heard):
                self._trial = None
        elif self._since_boot >= _STEADY:
            self._store.steady()
        self._tell_progress()
        return self._until_next()

    def _until_next(self):
        if self._client.state == states.VERIFYING:
            return 0
        wait = _IDLE_WAIT
        due = self._client.poll_timeout()
        if self._joined and 0 <= due < wait:
            wait = due
        if self._joined and self._poll_parent:
            wait = max(0, min(wait, self._client.poll_period() - self._since_poll))
        return min(wait, self._device.until_due())

    # Link

    def _read_link(self):
        """Take what the link has, one buffer at a time; the application is served in between."""
        receiver = self._receiver
        n = self._board.link.read_into(self._input)
        at = 0
        while at < n and self._joined:
            at = receiver.feed(self._input, at, n)
            if not receiver.ready:
                break
            self._take_frame(receiver.buffer, receiver.length)

    def _take_frame(self, buf, length):
        """One frame's contents: answer it, act on it, go on asking."""
        endpoint = self.endpoint
        client = self._client
        endpoint.handle_frame(buf, length)
        if client.actions == ss.WRITE:
            # As _act() does it: nothing else is there to do with nearly every frame.
            client.actions = 0
            self._write(client.download)
        if client.actions:
            self._act()
        if endpoint.reply_length:
            self._transmit(endpoint.reply_length, endpoint.reply)
            endpoint.reply_length = 0
        if endpoint.leave != zdo.STAY:
            self._leave()
            return
        # In a steady download what is to be timed is an answer, to the second: a few milliseconds may wait.
        if not client.download.steady or self._ticks_diff(self._ticks_ms(), self._last) > _BRISK:
            self._catch_up()
        if client.waiting:
            self._transmit(endpoint.put_request(self._frame), self._frame)
            if client.actions:
                self._act()

    def _leave(self):
        """Off the HAN, as the coordinator said. When it is back, at once or some day, it announces itself."""
        rejoin = self.endpoint.leave == zdo.LEAVE_AND_REJOIN
        self.endpoint.leave = zdo.STAY
        self._announced = False
        self._board.emit("leave", {"rejoin": rejoin})
        self._board.link.leave(rejoin)
        self._joined = rejoin

    def _request(self):
        self._transmit(self.endpoint.put_request(self._frame), self._frame)

    def _transmit(self, length, contents):
        if length:
            self._board.link.write(self._wire, encode(contents, length, self._wire))

    # Actions of the client

    def _act(self):
        client = self._client
        while client.actions:
            action = client.poll_action()
            if action == ss.WRITE:
                self._write(client.download)
            elif action == ss.NOTIFIED:
                if client.unicast:
                    self._store.forget_rejected()
                self._board.emit("notify", {"unicast": client.unicast})
            elif action == ss.QUERIED:
                self._board.emit("query", {"file_version": version_text(self._board.identity.file_version)})
            elif action == ss.OFFERED:
                self._consider()
            elif action == ss.HELD:
                self._store.hold(True)
                self._board.emit("waiting", {})
            elif action == ss.COUNTING:
                # A reset in a long countdown must not end in "nobody answers, so apply".
                self._store.hold(client.end.countdown > client.settings.short_countdown)
                self._board.emit("countdown", {"seconds": client.end.countdown})
            elif action == ss.CHANGED:
                self._doubt()
            elif action == ss.FETCHED:
                self._device.fetched(client.file)
            elif action == ss.REFUSED:
                # The hub knows. If an earlier download was kept beside the refused one, go on with it.
                if self._store.downloading and client.state == states.IDLE:
                    self._resume()

    def _consider(self):
        """An offer came: does the store want it, and from where?"""
        client = self._client
        store = self._store
        offer = self._offer
        offer.manufacturer_code = client.offer.manufacturer_code
        offer.image_type = client.offer.image_type
        offer.file_version = client.offer.file_version
        offer.file_size = client.offer.file_size
        offer.server_address = self.endpoint.server_address
        offer.server_endpoint = self.endpoint.server_endpoint
        offer.profile = self.endpoint.profile
        self._board.emit("offer", {"file_version": version_text(offer.file_version), "size": offer.file_size})
        if self._trial or store.rejected_before(offer):
            client.decline()
        elif store.candidate and offer.same_image(store.state):
            client.end.tell()
        elif client.offers_the_same():
            self._emit_resume(client.download.offset)
            client.download.go_on(store.proof)
        else:
            self._begin(store.start(offer))

    def _resume(self):
        """Go on with block requests after a reset: hubs do not answer a repeated query."""
        state = self._store.state
        self._client.restore(state.manufacturer_code, state.image_type, state.file_version)
        self._use_server(state)
        self._begin(self._store.resume())

    def _begin(self, offset):
        store = self._store
        self._emit_resume(offset)
        self._file.reset()
        proof = None if store.complete else store.proof
        self._client.start_download(offset, store.until_boundary(offset), store.offer.file_size, proof)
        if store.complete:
            self._verify()

    def _doubt(self):
        """The hub has another image under the same ids: fetch that one, unless it was refused already."""
        store = self._store
        if store.rejected_before(store.offer):
            self._client.abandon()
            return
        self._board.emit("changed", {"file_version": version_text(store.offer.file_version)})
        self._file.reset()
        self._client.download.written(store.doubt(), store.until_boundary(0))

    def _emit_resume(self, offset):
        if offset:
            self._board.emit("resume", {"offset": offset, "size": self._store.offer.file_size})

    def _use_server(self, state):
        self.endpoint.server_address = state.server_address
        self.endpoint.server_endpoint = state.server_endpoint
        self.endpoint.profile = state.profile

    def _write(self, download):
        """One block's data into the store."""
        store = self._store
        length = download.data_length
        next_offset = download.offset + length
        try:
            if store.manifest is None:
                result = self._write_head(download.data, download.data_at, length)
            else:
                result = store.write(download.data, download.data_at, length)
        except Rejected as refusal:
            self._refuse(refusal)
            return
        except FlashError as failure:
            self._refuse(Rejected(reject.FLASH_FAILED, str(failure)))
            return
        if result == COMPLETE:
            self._verify()
            return
        if result == RESTART:
            self._file.reset()
            next_offset = 0
        elif self._since_block >= _BLOCK_EVENT_PERIOD:
            self._since_block = 0
            self._board.emit("block", {"offset": next_offset, "size": download.size})
        download.written(next_offset, store.until_boundary(next_offset))

    def _write_head(self, data, start, length):
        """Nothing is accepted yet: the file's head goes through the parser first. As store.write()."""
        store = self._store
        file = self._file
        result = WRITTEN
        if not store.image_known:
            taken = file.feed(data, start, length)
            start += taken
            length -= taken
            if file.ready:
                file.check(self._client.image, store.offer.file_size, self._board.identity.eui64)
                store.describe(file, file.image_offset, file.image_length)
                if file.fill > file.image_offset:
                    result = store.write(file.head, file.image_offset, file.fill - file.image_offset)
        if length:
            result = store.write(data, start, length)
        if store.manifest is not None:
            accepted = {"file_version": version_text(store.manifest.file_version)}
            if store.manifest.unchecked:
                accepted["unchecked"] = store.manifest.unchecked
            self._board.emit("accepted", accepted)
        return result

    def _refuse(self, refusal):
        version = self._store.offer.file_version
        self._store.reject(refusal.number)
        tell_rejected(self._board, refusal, version)
        self._client.refused(reject.zcl_status(refusal.number))

    # Verify, activate

    def _verify(self):
        self._client.complete()
        try:
            self._store.verify_start()
        except Rejected as refusal:
            self._refuse(refusal)

    def _verify_step(self):
        store = self._store
        try:
            if not store.verify_step():
                return
        except Rejected as refusal:
            self._refuse(refusal)
            return
        self._board.emit("verified", {"file_version": version_text(store.manifest.file_version)})
        self._client.end.verified(store.state.hold)

    def _activate(self):
        """Allowed to run: stage it and reset, as soon as the application agrees."""
        if self._store.needs_authorisation:
            return  # its anchors have changed since the reset: the client does not know yet
        if self._postponed < _POSTPONE_LIMIT and not self._application.may_activate():
            return
        store = self._store
        store.install()
        board = self._board
        board.emit(
            "pending",
            {"slot": SLOT_NAMES[store.secondary], "file_version": version_text(store.manifest.file_version)},
        )
        self._reset("activate")

    def _reset(self, why):
        self._board.emit("reset", {"why": why})
        self._board.reset()

    def _tell_progress(self):
        status = self._client.upgrade_status()
        offset = self._client.download.offset
        if status != self._last_status or offset != self._last_progress:
            self._last_status = status
            self._last_progress = offset
            self._application.progress(status, offset, self._client.download.size)


def run(board, handover, application):
    """For ever: poll, then wait for the link or the next deadline."""
    agent = Agent(board, handover, application)
    agent.start()
    while True:
        board.link.wait(agent.poll())
