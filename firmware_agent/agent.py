"""The agent's only loop. At rest it keeps the link, the timers and the application going, and nothing else.

run() is called by the slot's main module with the board, what boot handed over, and the application.
The application gets its turn between any two steps; the longest it waits is documented in
docs/application.md.

Most of the heap that an agent takes is code, and for weeks none of it is wanted. So what talks to the hub
(firmware_agent.updater and all below it) is loaded when a frame, a timer or the application wants it, and
unloaded after: once it has rested for a while, and while the store checks an image, which takes a heap of its
own. It goes as a power cut would take it and comes back by the same ways, which a download's life depends on
anyhow. Code that runs in place is loaded in milliseconds, and no flash is written.

What the store does meanwhile is done from the top of the loop: MicroPython's collector takes whatever lies on
the stack for a reference, also what returned calls left within those that have not returned.
"""

from firmware_agent import reject
from firmware_agent.application import Device
from firmware_agent.reject import Rejected
from hal import byte_loops
from hal.flash import FlashError
from hal.modules import forget

_IDLE_WAIT = 200  # ms: the longest sleep, so that the watchdog is fed and the application is served
_COARSE = 20  # ms that clocks which no block needs may be behind
_STEADY = 10 * 60 * 1000  # ms after which a boot was no crash loop
# ms: nothing is timed for longer, so nothing is counted for longer. From 2**30 on, the twelfth day, an
# integer is an object on 32-bit ports: each block would allocate.
_LONGEST = 24 * 3600 * 1000
# Bytes that are taken from the link at once: of the first that come, and then.
_LITTLE = 16
_MUCH = 128
WIRE = 262  # the updater's longest frame as it goes out
_REST = 10 * 1000  # ms without a frame, a request or a wish, after which the updater is unloaded
_FULL = 1000  # ms to the next try where the heap had no room for it
# firmware_agent.updater's work, and the trial's.
_RESUME = 1
_START = 2
_ADMIT = 3
_VERIFY = 4
_CONFIRM = 5
# A frame's first bytes (firmware_agent.protocol.aps_frame), all that is looked at while it is not loaded.
_KIND_AT = 1
_DESTINATION_AT = 4
_FRAME_HEADER = 12
_BROADCAST = 1


class Agent:
    """Wires the pieces; ``poll()`` does what is due and returns the ms it may be left alone.

    ``updater``: the Updater, None while it is not loaded. ``offer``: what it would like the store to start.
    joined, announced: on the HAN, and the network knows. owed: ms that the updater does not know of yet.
    since_heard: ms since a frame came that was for this device and made sense.
    """

    def __init__(self, board, handover, application):
        self.board = board
        self.store = handover.store  # None at rest
        self._handover = handover
        self.application = application
        # Without a slot that runs every version is newer, and there is no day to lose.
        board.identity.file_version = handover.manifest.file_version if handover.manifest else 0
        if handover.manifest is not None:
            board.identity.image_stamp = int.from_bytes(handover.manifest.digest[:4], "little")
        self.device = Device(board, board.identity.file_version, handover)
        self.trial = None
        if handover.trial:
            # Every other boot does without it.
            from firmware_agent.trial import Trial

            self.trial = Trial(board, self.store, application, handover.slot)
        self.store.hook = self.breathe
        board.store = None  # from now on it is the handover's
        board.handover = handover
        self.updater = None
        self.offer = None
        self.joined = False
        self.announced = False
        self.owed = 0
        self._kept = None  # what the updater left when it was unloaded
        self._owing = 0  # work that the store has to do first
        self._done = None  # (work, its result, its refusal): what the store did meanwhile
        self._due = 0  # ms until it is wanted for a timer of its own
        self._rejoined = False  # the link came back, and it does not know
        self._receiver = None  # nor an encoder, while nothing comes and nothing goes
        self._encode = None
        self._input = bytearray(_LITTLE)
        self._left = 0  # bytes in it that nobody has taken yet
        # Looked up once, since every block needs them.
        self._ticks_ms = board.clock.ticks_ms
        self._ticks_diff = board.clock.ticks_diff
        self._feed_watchdog = board.watchdog.feed
        self._tell_elapsed = self.device.elapsed
        self._until_application = self.device.until_due
        self._link = board.link
        self._read_into = board.link.read_into
        self._write = board.link.write
        self.last = self._ticks_ms()
        # Only a sleepy end device's link has it: its parent keeps frames until it asks.
        self._poll_parent = getattr(board.link, "poll", None)
        self._poll_period = 0
        self._uncounted = 0  # ms that the next three do not know of yet
        self._since_poll = 0
        self._since_boot = 0
        self.since_heard = 0
        self._pause = 0  # ms until the next try to load it
        self._last_status = -1
        self._last_progress = -1

    def start(self):
        """Start the application, then take up what the store remembers."""
        self.application.start(self.device)
        if self.trial:
            self.trial.start()
        elif self.store.downloading:
            self._let_store(_RESUME)
        elif self.store.candidate:
            self._let_store(_VERIFY)

    def breathe(self):
        """Feed the watchdog and give the application its turn; also called from within long work."""
        now = self._ticks_ms()
        elapsed = self._ticks_diff(now, self.last)
        self.last = now
        self._feed_watchdog()
        if elapsed:
            self.owed += elapsed
            self._uncounted += elapsed
            self._tell_elapsed(elapsed)

    def _count(self):
        """Bring the clocks to now that a block does not need."""
        elapsed = self._uncounted
        self._uncounted = 0
        self._pause -= min(elapsed, self._pause)
        if self._since_boot < _LONGEST:
            self._since_boot += elapsed
        if self._since_poll < _LONGEST:
            self._since_poll += elapsed
        if self.since_heard < _LONGEST:
            self.since_heard += elapsed
        if self.updater is not None:
            self.updater.count(elapsed)

    def poll(self):
        """Run every due step once; never sleeps."""
        joined = self._link.joined
        if joined != self.joined:
            self.joined = joined
            self._receiver = None
            self._left = 0
            self._rejoined = joined
        if self.updater is None:
            self._watch()
        if self.updater is not None:
            self.updater.catch_up()
            if self._uncounted >= _COARSE:
                self._count()
            if self._rejoined or not self.announced:
                self._greet()
        if joined:
            self._read_link()
        if self.updater is not None:
            self._step()
        if self._poll_parent and self.joined and self._until_poll() <= 0:
            self._since_poll = -self._uncounted
            self._poll_parent()
        if self.trial:
            self._try()
        elif self.store is not None and self._since_boot >= _STEADY:
            self.store.steady()
        if self.updater is None and self.since_heard >= _REST:
            self._let_go()
        return self._until_next()

    def _until_next(self):
        wait = _IDLE_WAIT
        if self.updater is None:
            due = self._pause
            if not self._owing:
                due = max(self._due - self.owed, due)
        else:
            due = self.updater.until_due(self.joined)
        if 0 <= due < wait:
            wait = due
        if self._poll_parent and self.joined:
            wait = max(0, min(wait, self._until_poll()))
        return min(wait, self._until_application())

    def _until_poll(self):
        return self._poll_period - self._since_poll - self._uncounted

    # The updater comes and goes

    def _watch(self):
        """What there is to do while it is not loaded."""
        self.breathe()
        self._count()
        if self._owing and not self._pause:
            self._let_store(self._owing)
        elif self._wanted():
            self._load()

    def _greet(self):
        """Tell the network, and the updater, that the device is back."""
        if self._rejoined:
            self._rejoined = False
            self.updater.endpoint.rejoined()
        if self.joined and not self.announced:
            self.announced = self.updater.announce()

    def _wanted(self):
        """True if it has to be loaded, and can be."""
        if self.updater is not None or self._pause or self._owing:
            return False
        unknown = self._rejoined or (self.joined and not self.announced)
        wished = self._done is not None or unknown or self.trial is not None
        return wished or self.device.wanted_file or self.owed >= self._due

    def _load(self):
        """Load it: it goes on where its predecessor was. None if the heap has no room for it."""
        self.since_heard = 0
        try:
            # What takes large pieces of the heap comes first.
            if self._receiver is None:
                self._listen()
            wire = bytearray(WIRE)
            from firmware_agent.updater import Updater
            from hal.link import encode

            self._encode = encode
            self.store = self._handover.reopen()
            self.updater = Updater(self, self._kept, wire)
        except MemoryError:
            _forget()
            self._wait()
            return None
        if self._done is not None:
            done = self._done
            self._done = None
            self.updater.go_on(*done)
        return self.updater

    def _wait(self):
        """The heap is full: perhaps the application will need less."""
        self._pause = _FULL
        self.board.emit("full", {})

    def _unload(self):
        self._kept = self.updater.keep()
        self._due = self.updater.client.due
        self.updater = None
        _forget()

    def _owe(self, work):
        """The store has work: the next poll begins with it."""
        self._owing = work
        self._unload()

    def _let_store(self, work):
        """What the updater wants of the store, while that is not loaded; the next one goes on from there."""
        store = self.store
        result = refusal = None
        self._owing = work
        between = self._left == 0 and (self._receiver is None or self._receiver.between())
        if between and self.hush() and work >= _VERIFY:
            forget("hal.link")  # these take the most, and come once an image
        _forget()  # again: references that kept it may be gone now
        try:
            if work == _RESUME:
                result = store.resume()
            elif work == _START:
                result = store.start(self.offer)
            elif work == _ADMIT:
                result = store.admit()
            elif work == _VERIFY:
                store.verify_start()
            else:
                self.trial.confirm()
        except Rejected as failure:
            refusal = failure
        except FlashError as failure:
            if work != _ADMIT:
                raise
            refusal = Rejected(reject.FLASH_FAILED, str(failure))
        except MemoryError:
            self._wait()  # nothing of it is half done that would not be done again
            return
        self._owing = 0
        if work == _CONFIRM:
            self.trial = None
            return
        self._done = (work, result, refusal)
        self._load()

    def _step(self):
        updater = self.updater
        updater.step(self.joined)
        if updater.work:
            self._owe(updater.work)
            return
        device = self.device
        client = updater.client
        if device.activation:
            device.activation = False
            client.activate()
        if device.wanted_file and client.fetch(device.wanted_file):
            device.wanted_file = 0
        self._tell_progress()
        self._poll_period = client.poll_period()
        if self.since_heard >= _REST and client.due >= _REST and not device.wanted_file:
            if updater.idle and updater.endpoint.search is None and self.trial is None:
                del updater, client  # what is on flash is enough to go on from
                self._unload()
                if not self.store.downloading and not self.store.candidate:
                    self.store = None

    def _let_go(self):
        """At rest: of what is made again when it is wanted. Others may have had a short use for the store."""
        if self.hush():
            forget("hal.link")
        if self.store is None and self._handover.store is not None:
            self._handover.rest()
            forget("firmware_agent.store")

    def hush(self):
        """Let go of what frames are made in, and of a part of one; False if there was nothing."""
        if self._encode is None and self._receiver is None:
            return False
        self._encode = self._receiver = None
        self._input = bytearray(_LITTLE)
        byte_loops.rest()
        return True

    def _try(self):
        """The trial's part: it is confirmed at a moment when nothing is asked for, since that checks a
        signature, and the updater has to go meanwhile."""
        updater = self.updater
        heard = updater is not None and self.announced and updater.endpoint.heard and updater.idle
        if self.trial.check(self._since_boot, heard):
            self._owe(_CONFIRM)

    # Link

    def _read_link(self):
        """Take what the link has, one buffer at a time; the application is served in between."""
        data = self._input
        n = self._left
        if n:
            self._left = 0
        else:
            n = self._read_into(data)
        if n == 0 or (self._receiver is None and not self._hear()):
            return
        self._take(data, n)
        if data is not self._input and not self._left:
            self._take(self._input, self._read_into(self._input))

    def _take(self, data, n):
        receiver = self._receiver
        at = 0
        while at < n and self.joined:
            at = receiver.feed(data, at, n)
            if not receiver.ready:
                break
            if self._take_frame(receiver.buffer, receiver.length):
                self._leave_rest(data, at, n)
                break

    def _leave_rest(self, data, at, n):
        """data[at:n] is taken when the store has done its work."""
        self._left = n - at
        for i in range(at, n):
            self._input[i - at] = data[i]

    def _listen(self):
        from hal.link import FrameReceiver

        buffer = bytearray(_MUCH)
        self._receiver = FrameReceiver(hunting=False)
        self._input = buffer

    def _hear(self):
        """Something comes. False, and it is lost, if the heap has no room for a frame."""
        self.since_heard = 0
        try:
            self._listen()
        except MemoryError:
            self._wait()
            return False
        return True

    def _take_frame(self, buf, length):
        """One frame's contents. It is lost if there is no room for who would read it. Returns the
        work that the store has from it, or 0."""
        updater = self.updater
        if updater is None:
            busy = self._pause or self._owing
            updater = self._load() if not busy and self._is_for_us(buf, length) else None
            if updater is None:
                return 0
            updater.catch_up()
        updater.take_frame(buf, length)
        work = updater.work
        if work:
            self._owe(work)
        return work

    def _is_for_us(self, buf, length):
        if length <= _FRAME_HEADER:
            return False
        return buf[_KIND_AT] == _BROADCAST or (
            buf[_DESTINATION_AT] | buf[_DESTINATION_AT + 1] << 8 == self.board.address
        )

    def transmit(self, length, contents, wire):
        """Send contents[:length]; ``wire``: a buffer with room for them as they go out."""
        self._write(wire, self._encode(contents, length, wire))  # type: ignore[misc]  # it is loaded

    def _tell_progress(self):
        client = self.updater.client
        status = client.upgrade_status()
        offset = client.download.offset
        if status != self._last_status or offset != self._last_progress:
            self._last_status = status
            self._last_progress = offset
            self.application.progress(status, offset, client.download.size)


def _forget():
    forget("firmware_agent.updater")
    forget("firmware_agent.events")
    forget("firmware_agent.protocol")


def run(board, handover, application):
    """For ever: poll, then wait for the link or the next deadline."""
    agent = Agent(board, handover, application)
    agent.start()
    while True:
        board.link.wait(agent.poll())
