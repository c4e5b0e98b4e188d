"""The upgrade itself: link's frames -> endpoint -> client -> store -> reset. It decides nothing.

It is loaded when a frame or a timer wants it, and unloaded when it has rested for a while, or while the store
has work for which the heap is wanted (firmware_agent.agent): then only keep()'s result is left of it. A
download goes on from what the store knows, by the ways that it takes after a reset.
Everything worth knowing leaves as an event, ``board.emit(name, fields)``.
"""

from firmware_agent import reject
from firmware_agent.events import tell_rejected, version_text
from firmware_agent.handover import SLOT_NAMES
from firmware_agent.protocol import session as ss
from firmware_agent.protocol import states, zdo
from firmware_agent.protocol.endpoint import Endpoint
from firmware_agent.protocol.ota_commands import MAX_DATA_SIZE
from firmware_agent.protocol.settings import client_settings
from firmware_agent.protocol.upgrade_client import UpgradeClient
from firmware_agent.protocol.upgrade_file import ELEMENT_HEADER, MAX_HEADER
from firmware_agent.reject import Rejected
from firmware_agent.store.firmware_store import ADMIT as JUDGE
from firmware_agent.store.firmware_store import COMPLETE, RESTART, WRITTEN, Offer
from hal.flash import FlashError

_BLOCK_EVENT_PERIOD = 1000  # ms between block events
_TIDY_PERIOD = 1000  # ms that code which is wanted now and then may stay loaded
_BRISK = 20  # ms that timers may be behind when the next block is asked for
_POSTPONE_LIMIT = 24 * 3600 * 1000  # ms the application may keep its firmware after activation was allowed
# ms: nothing is timed for longer, so nothing is counted for longer. From 2**30 on, the twelfth day, an
# integer is an object on 32-bit ports: each block would allocate.
_LONGEST = 24 * 3600 * 1000

# What the store does while this is not loaded.
RESUME = 1  # store.resume(): the file offset to go on from
START = 2  # store.start(offer): the same
ADMIT = 3  # store.admit(): WRITTEN, COMPLETE or RESTART
VERIFY = 4  # store.verify_start()


class Updater:
    """``client``, ``endpoint``: see there. ``work``: RESUME, START, ADMIT or VERIFY if the store has to do
    that before anything else: then unload this, let it, and call go_on() of a new one; else 0.

    agent: the Agent. kept: what keep() of the one before gave; None for the first since the reset. wire: a
    buffer with room for any frame as it goes out.
    """

    def __init__(self, agent, kept, wire):
        board = agent.board
        store = agent.store
        settings = client_settings(board)
        settings.max_data_size = min(board.max_data_size, MAX_DATA_SIZE)
        if store.running < 0:
            settings.query_period = settings.recovery_query_period
        if store.needs_authorisation:
            settings.upgrade_activation_policy = 1
        self._agent = agent
        self._board = board
        self._store = store
        self.client = UpgradeClient(board.identity, settings, board.random)
        self.client.space = store.slots[0].size + MAX_HEADER + ELEMENT_HEADER
        self.endpoint = Endpoint(board.identity, self.client, board.address, board.endpoint, board.profile)
        if hasattr(board.link, "poll"):
            self.endpoint.capability = zdo.SLEEPY
        self.work = 0
        self._first = kept is None
        self._frame = self.endpoint.reply  # which is on its way before anything else is written
        self._wire = wire
        self._file = None  # an UpgradeFile until the header is known
        self._ticks_ms = board.clock.ticks_ms
        self._ticks_diff = board.clock.ticks_diff
        self._since_block = _BLOCK_EVENT_PERIOD
        self._since_tidy = 0
        self._postponed = 0
        if kept:
            self.client.take_up(kept[0])
            self.endpoint.take_up(kept[1])

    def keep(self):
        """What must outlive this. A download, and an image that waits, are the store's to keep."""
        return self.client.keep(), self.endpoint.keep()

    @property
    def idle(self):
        """Nothing is asked for, nothing is to be said, and nothing is kept but what the store knows. A
        query that waits for the link can as well be asked later."""
        client = self.client
        if client.base != ss.NOTHING or client.outstanding != ss.NONE or client.wish:
            return False
        return client.state == states.IDLE or (client.state == states.QUERYING and not self._agent.joined)

    def go_on(self, work, result, refusal):
        """The store has done ``work``, with that result, or it refused by a Rejected."""
        store = self._store
        client = self.client
        offer = store.offer
        client.restore(offer.manufacturer_code, offer.image_type, offer.file_version)
        if work == RESUME or self._first:
            self._use_server(store.state)
        if work == VERIFY:
            client.complete()
        elif work != ADMIT:
            self._begin(result)
        elif refusal is not None or result == COMPLETE:
            # Nothing is asked for: not even what a Notify wanted to know meanwhile.
            client.enter_download(offer.file_size)
        else:
            client.start_download(store.position, store.until_boundary(store.position), offer.file_size)
        if refusal is not None:
            self._refuse(refusal)
        elif work == ADMIT:
            self._since_block = 0
            if result == COMPLETE:
                self.work = VERIFY
            if result != RESTART:
                self._tell_accepted()

    def catch_up(self):
        """Bring every timer to now: before frames are handled, and before a request goes out, since a
        signature check or an erase may lie between."""
        agent = self._agent
        agent.breathe()
        elapsed = agent.owed
        if elapsed == 0:
            return
        agent.owed = 0
        self.client.handle_elapsed(elapsed)

    def count(self, elapsed):
        """Time went by for what a block does not need, and a step does."""
        if self._since_block < _LONGEST:
            self._since_block += elapsed
        if self._since_tidy < _LONGEST:
            self._since_tidy += elapsed
        if self.client.state == states.ACTIVATING:
            self._postponed += elapsed

    def announce(self):
        """Tell the network that the device is there. False if the heap has no room for that now."""
        length = self.endpoint.put_announce(self._frame)
        self._transmit(length, self._frame)
        return length > 0

    def step(self, joined):
        """Every step that is due."""
        if joined:
            self._request()
            self._transmit(self.endpoint.put_question(self._frame), self._frame)
        self._act()
        if self.work:
            return
        if self._since_tidy >= _TIDY_PERIOD:
            self._since_tidy = 0
            self.endpoint.tidy()
        state = self.client.state
        if state == states.VERIFYING:
            self._verify_step()
        elif state == states.ACTIVATING:
            self._activate()

    def until_due(self, joined):
        """Milliseconds until step() has something to do; -1 if only a frame or the application can tell."""
        if self.client.state == states.VERIFYING:
            return 0
        return self.client.poll_timeout() if joined else -1

    # Link

    def take_frame(self, buf, length):
        """One frame's contents: answer it, act on it, go on asking."""
        endpoint = self.endpoint
        client = self.client
        if endpoint.handle_frame(buf, length):
            self._agent.since_heard = 0
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
        if not client.download.steady or self._ticks_diff(self._ticks_ms(), self._agent.last) > _BRISK:
            self.catch_up()
        if client.waiting:
            self._transmit(endpoint.put_request(self._frame), self._frame)
            if client.actions:
                self._act()

    def _leave(self):
        """Off the HAN, as the coordinator said. When it is back, at once or some day, it announces itself."""
        rejoin = self.endpoint.leave == zdo.LEAVE_AND_REJOIN
        self.endpoint.leave = zdo.STAY
        self._agent.announced = False
        self._board.emit("leave", {"rejoin": rejoin})
        self._board.link.leave(rejoin)
        self._agent.joined = rejoin

    def _request(self):
        self._transmit(self.endpoint.put_request(self._frame), self._frame)

    def _transmit(self, length, contents):
        if length:
            self._agent.transmit(length, contents, self._wire)

    # Actions of the client

    def _act(self):
        client = self.client
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
                self._agent.device.fetched(client.file)
            elif action == ss.REFUSED:
                # The hub knows. If an earlier download was kept beside the refused one, go on with it.
                if self._store.downloading and client.state == states.IDLE:
                    self.work = RESUME

    def _consider(self):
        """An offer came: does the store want it, and from where?"""
        client = self.client
        store = self._store
        offer = self._agent.offer = Offer()
        offer.manufacturer_code = client.offer.manufacturer_code
        offer.image_type = client.offer.image_type
        offer.file_version = client.offer.file_version
        offer.file_size = client.offer.file_size
        offer.server_address = self.endpoint.server_address
        offer.server_endpoint = self.endpoint.server_endpoint
        offer.profile = self.endpoint.profile
        self._board.emit("offer", {"file_version": version_text(offer.file_version), "size": offer.file_size})
        if self._agent.trial or store.rejected_before(offer):
            client.decline()
        elif client.base == ss.CANDIDATE and offer.same_image(store.state):
            client.end.tell()
        elif client.offers_the_same():
            self._emit_resume(client.download.offset)
            client.download.go_on(store.proof)
        else:
            # Also an image that waits, after a newcomer beside it: it is proven again.
            self.work = START

    def _begin(self, offset):
        store = self._store
        self._emit_resume(offset)
        self._file = None
        size = store.offer.file_size
        if store.complete:
            # Nothing is left to ask for: hubs take a request past the end amiss.
            self.client.enter_download(size)
            self.work = VERIFY
        else:
            self.client.start_download(offset, store.until_boundary(offset), size, store.proof)
        self.endpoint.tidy()  # what comes now is for blocks

    def _doubt(self):
        """The hub has another image under the same ids: fetch that one, unless it was refused already."""
        store = self._store
        if store.rejected_before(store.offer):
            self.client.abandon()
            return
        self._board.emit("changed", {"file_version": version_text(store.offer.file_version)})
        self._file = None
        self.client.download.written(store.doubt(), store.until_boundary(0))

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
            self.work = VERIFY
            return
        if result == JUDGE:
            self.work = ADMIT
            return
        if self._since_block >= _BLOCK_EVENT_PERIOD:
            self._since_block = 0
            self._board.emit("block", {"offset": next_offset, "size": download.size})
        download.written(next_offset, store.until_boundary(next_offset))

    def _write_head(self, data, start, length):
        """Nothing is accepted yet: the file's head goes through the parser first. As store.write()."""
        store = self._store
        result = WRITTEN
        if not store.image_known:
            file = self._file
            if file is None:
                from firmware_agent.protocol.upgrade_file import UpgradeFile

                file = self._file = UpgradeFile()
            taken = file.feed(data, start, length)
            start += taken
            length -= taken
            if file.ready:
                file.check(self.client.image, store.offer.file_size, self._board.identity.eui64)
                store.describe(file, file.image_offset, file.image_length)
                if file.fill > file.image_offset:
                    result = store.write(file.head, file.image_offset, file.fill - file.image_offset)
                self._file = None
        if length:
            result = store.write(data, start, length)
        return result

    def _tell_accepted(self):
        manifest = self._store.manifest
        accepted = {"file_version": version_text(manifest.file_version)}
        if manifest.unchecked:
            accepted["unchecked"] = manifest.unchecked
        self._board.emit("accepted", accepted)

    def _refuse(self, refusal):
        version = self._store.offer.file_version
        self._store.reject(refusal.number)
        tell_rejected(self._board, refusal, version)
        self.client.refused(reject.zcl_status(refusal.number))

    # Verify, activate

    def _verify_step(self):
        store = self._store
        try:
            if not store.verify_step():
                return
        except Rejected as refusal:
            self._refuse(refusal)
            return
        self._board.emit("verified", {"file_version": version_text(store.manifest.file_version)})
        self.client.verified(store.state.hold)

    def _activate(self):
        """Allowed to run: stage it and reset, as soon as the application agrees."""
        if self._store.needs_authorisation:
            return  # its anchors have changed since the reset: the client does not know yet
        if self._postponed < _POSTPONE_LIMIT and not self._agent.application.may_activate():
            return
        # Its record takes a large piece of the heap. Nothing is said or heard any more before the reset.
        self._agent.hush()
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
