"""The firmware store: two slots and a journal. Nothing unproven gets past it.

It belongs to what a download never replaces, so every rule that guards the device stands here or
in firmware_agent.trust: the agent, which a download does replace, can only ask. What checks images is
loaded for each check and unloaded after (firmware_agent.store.checks). Verbs in their
order of use, named after PSA Firmware Update 1.0:

    start      journal an offer (before the first block is asked for)
    describe   say what the upgrade file's header promised and where the image starts
    write      take the Manufacturer Image; its head is held in RAM, and
    admit      judges it: signature and every acceptance rule pass before the first unit is erased
    verify     read the slot back and hash it, a step at a time; a CANDIDATE when it is done
    install    stage the candidate that this very boot verified; it boots next, on trial
    accept     confirm the running trial; only now the security counter rises
    reject     refuse an image, or give up a trial
    cancel     drop the download

There is no way to stage an image that was not verified since the last reset, and none to write to
the slot that runs.
"""

from firmware_agent import reject as _reject
from firmware_agent.reject import Rejected
from firmware_agent.store import offer as _offer
from firmware_agent.store import state as _state
from firmware_agent.store.facts import Header, any_for
from firmware_agent.store.image_writer import ADMIT, COMPLETE, RESTART, WRITTEN, ImageWriter  # noqa: F401
from firmware_agent.store.journal import Journal
from firmware_agent.store.offer import Offer
from firmware_agent.trust.activation import SUCCESS
from firmware_agent.trust.anchors import ACTIVATION
from firmware_agent.trust.envelope import HEAD_LIMIT
from hal.flash import FlashError
from hal.modules import forget

_OFFSET_LIMIT = 0xFF  # bytes of upgrade file before the image: a state record has room for one
_SIZE_LIMIT = 1 << 24  # bytes of a slot: a progress record has room for three


class FirmwareStore:
    """``journal_area`` and the two ``slots`` are FlashAreas; ``device`` is the facts.Device, whose
    trust anchors come from the journal once load() has found one.

    hook: called between the steps of a signature check (feed the watchdog, answer the radio).
    utc: the board's own clock, seconds from 2000-01-01 UTC or None while it does not know; None without one.
    """

    def __init__(self, journal_area, slots, device, hook=None, utc=None):
        if slots[0].size != slots[1].size or slots[0].size >= _SIZE_LIMIT:
            raise ValueError("two slots of one size, below 16 MiB")
        self.slots = slots
        self.state = _state.State()
        self.device = device
        self.running = -1  # the slot that was booted; boot sets it
        self.manifest = None  # of the image being written, an Accepted once it is
        self._journal = Journal(journal_area)
        self.hook = hook
        self.utc = utc
        self._offer = Offer()
        self._image = ImageWriter(self._journal, self.state, slots[0].erase_size)
        self._header = None
        self._tentative = False  # the offer is not in the journal: what was accepted before still is
        self._verifier = None
        self._verified = False
        self.authorised = False  # an activation command came for the verified candidate

    # Boot

    def load(self):
        """Read the journal, the trust anchors with it. False if the flash holds no device."""
        found = self._journal.load(self.state)
        if found:
            self.device.anchors = self.state.anchors
            self._offer.copy_from(self.state)
        return found

    def retire(self):
        """Leave the flash to a FirmwareStore that is made of the result; this one writes nothing any more."""
        self._close()
        slots = self.slots
        self.slots = ()
        self.device.anchors = None  # they come back with load()
        return self._journal.retire(), slots, self.device, self.hook, self.utc

    def format(self, security_counter):
        """Make the journal of a device fresh from the factory: slot A confirmed, the device's trust anchors.
        Only on blank flash."""
        if self.load():
            raise ValueError("the flash holds a device already")
        self.state.anchors = self.device.anchors
        self.state.security_counter = security_counter
        self.commit()

    def commit(self, room=0):
        """Write the whole state; every transition ends with it. room: as in Journal.commit().

        FlashError: the journal did not take it, and ``state`` is again what the journal holds.
        """
        try:
            self._journal.commit(self.state, room)
        except FlashError:
            self._journal.load(self.state)
            raise

    @property
    def secondary(self):
        """The slot that was not confirmed last."""
        return 1 - self.state.primary

    def slot_state(self, slot):
        """One of the states of firmware_agent.store.state."""
        return _state.UPDATED if slot == self.state.primary else self.state.secondary_state

    def head_of(self, slot, head):
        """Read the start of a slot into ``head`` and decode it: a Manifest, or Rejected."""
        return checked("head_of", self, slot, head)

    # Download

    @property
    def downloading(self):
        """An offer is journalled and its image is not complete and verified."""
        return self.state.secondary_state == _state.WRITING

    @property
    def progressed(self):
        """When load() found it, more of the download was on record than the boot before had found. A page
        that was only put back is no progress."""
        return self.state.durable > self._journal.recorded

    @property
    def candidate(self):
        """A complete and verified image waits to be allowed to run."""
        return self.state.secondary_state == _state.CANDIDATE

    @property
    def offer(self):
        """The Offer being downloaded."""
        return self._offer

    def rejected_before(self, offer):
        """True if this version and size were refused and nobody asked for them again since."""
        return self.state.refused(offer.file_version, offer.file_size)

    def forget_rejected(self):
        """A unicast Image Notify allows the refused image one more try."""
        self.state.rejected_reason = 0

    def start(self, offer):
        """Journal ``offer``; returns the file offset to go on from, 0 for a new image.

        While there is an accepted image, in progress or complete, another image's offer stays in RAM
        until that image is accepted too: no hub can throw progress away with a promise.
        """
        state = self.state
        if self.running == self.secondary:
            raise ValueError("no download before the trial has ended")
        kept = self.downloading or self.candidate
        if kept and offer.same_image(state):
            # The server may be another: answer this one. It is journalled when there is more to say.
            _offer.copy(offer, state)
            if self.image_known and not self._tentative:
                # The same session goes on, after an ABORT say: what is in RAM is not fetched again.
                return self.position
            return self.resume()
        self._close()
        self._offer.copy_from(offer)
        self._tentative = kept and state.accepted
        if not self._tentative:
            self._take_offer()
            self.commit()
        return 0

    def resume(self):
        """Go on with the journalled download; returns the file offset of the next byte needed."""
        state = self.state
        if not (self.downloading or self.candidate):
            raise ValueError("no download in the journal")
        self._close()
        self._offer.copy_from(state)
        if not state.accepted:
            return 0
        self._image.describe(state.image_offset, state.image_length)
        if not self.complete and state.durable < HEAD_LIMIT:
            # Too little to prove what it belongs to. The acceptance stays: it names the image.
            self._image.recall(self.slots[self.secondary], state.durable)
            return self.position
        self.manifest = checked("recheck", self)
        if self.manifest is None:
            self._start_again()
            return 0
        self._image.resume(self.slots[self.secondary], state.durable)
        return self.position

    @property
    def proof(self):
        """By what a server shows that it still has this image: see ImageWriter.proof()."""
        state = self.state
        return self._image.proof(None if self._tentative or not state.accepted else state.identity)

    def doubt(self):
        """The server has another image under the same ids: take it from the file's first byte, and keep what
        was accepted until the other one is. Returns 0."""
        self._close()
        self._tentative = self.state.accepted
        return 0

    def describe(self, header, image_offset, image_length):
        """The upgrade file's header passed the protocol's checks: where its image starts, how long it is.

        ``header`` has the attributes that acceptance.accept() compares with the manifest.
        """
        if header is None:
            raise ValueError("the rules of the offer need a header")
        size = self.slots[self.secondary].size
        if image_length < 1 or not 0 <= image_offset <= _OFFSET_LIMIT:
            raise Rejected(_reject.SIZE_MISMATCH, "the file holds no image")
        if image_length > size:
            raise Rejected(_reject.TOO_LARGE, "%d bytes, the slot has %d" % (image_length, size))
        self._header = Header(header)
        self._image.describe(image_offset, image_length)

    @property
    def position(self):
        """File offset of the next byte of the image that is needed."""
        return self._image.image_offset + self._image.position

    @property
    def image_known(self):
        """describe() was called, or the journal knows: bytes belong to write() from image_offset on."""
        return self._image.image_length != 0

    def until_boundary(self, file_offset):
        """Bytes from ``file_offset`` on that may be asked for at once: not further ahead of what is on record
        than an erase unit, so that no cut has more than that fetched twice."""
        # Before the image's start is known: what lies in front of its head's end wherever that is.
        boundary = self._image.boundary
        return boundary - file_offset if boundary else HEAD_LIMIT

    def write(self, data, start, length):
        """Take the next ``length`` bytes of the Manufacturer Image from data[start:].

        Returns WRITTEN, COMPLETE, or ADMIT: admit() comes before the next byte. Until then ``length`` is 255
        at most. Raises FlashError. Bytes past the image's end are refused by SIZE_MISMATCH.
        """
        return self._image.write(data, start, length)

    def admit(self):
        """After ADMIT: judge the head, journal that it was accepted, and write it.

        Returns WRITTEN, COMPLETE or RESTART. Raises Rejected before anything is erased, and FlashError.
        """
        state = self.state
        slot = self.secondary
        if slot == self.running or not (self.downloading or self._tentative):
            raise ValueError("start() comes before the image")
        resumed = state.accepted and not self._tentative
        if self._header is None and not resumed:
            raise ValueError("describe() comes before the image")
        image = self._image
        if not image.waits:
            raise ValueError("write() says when to admit")
        found = checked("admit", self, image, self._header, resumed)
        if found is None:
            # Not what was accepted: another image, or a start that the flash did not keep.
            self._start_again()
            return RESTART
        if not resumed:
            if self._tentative:
                self._tentative = False
                self._take_offer()
            state.accepted = True
            state.image_offset = image.image_offset
            state.image_length = image.image_length
            state.identity = bytes(found.digest)
            state.durable = 0
            state.trial_crashes = 0
            # Two progress records a unit: behind its first page, and at its end.
            self.commit(2 * (image.image_length // self.slots[slot].erase_size + 1))
        self.manifest = found
        return image.admitted(self.slots[slot])

    @property
    def complete(self):
        """Every byte of the accepted image is on flash."""
        state = self.state
        return (
            (self.downloading or self.candidate)
            and not self._tentative
            and state.accepted
            and state.durable == state.image_length
        )

    # Verify and install

    def verify_start(self):
        """Begin to read back what is in the slot: signature and rules first, then the hash."""
        if not self.complete:
            raise ValueError("verify needs a complete image")
        self._verifier = None
        self._verified = False
        found, verifier = checked("prove", self, self.secondary)
        if found.head_length + found.payload_length != self.state.image_length:
            raise Rejected(_reject.DIGEST_MISMATCH, "the slot holds another manifest than was accepted")
        self.manifest = found
        self._verifier = verifier

    def verify_step(self):
        """Hash up to 1 KiB more; True when the slot is proven. Raises Rejected."""
        if self._verifier is None:
            raise ValueError("verify_start() comes first")
        if not self._verifier.step():
            return False
        self._verifier = None
        self._verified = True
        if self.state.secondary_state != _state.CANDIDATE:
            self.state.secondary_state = _state.CANDIDATE
            self.commit()
        return True

    def hold(self, held):
        """Remember that the server said to wait: a power cut must not turn it into 'apply'."""
        if self.state.hold != held:
            self.state.hold = held
            self.commit()

    def steady(self):
        """This boot has run for long: crashes that were counted against a download are forgotten."""
        state = self.state
        if state.trial_crashes and (self.downloading or self.candidate):
            state.trial_crashes = 0
            self.commit()

    @property
    def needs_authorisation(self):
        """Whether a trust anchor is for activation, so that only its command lets an image run, and none has
        come. While no slot may run nobody could bring one, and there is no working firmware to lose."""
        return self.running >= 0 and not self.authorised and any_for(self.device.anchors, ACTIVATION)

    def authorise(self, command):
        """What comes of an activation command (bytes): SUCCESS, NO_IMAGE_HELD or HASH_MISMATCH of
        trust.activation. Rejected: it is not one of who may give it."""
        if self.utc:
            self.device.time = self.utc()
        read = self.slots[self.secondary].read if self._verified and self.candidate else None
        outcome = checked("authorise", self, command, read)
        self.authorised = self.authorised or outcome == SUCCESS
        return outcome

    def install(self):
        """Stage the verified candidate: the next boot runs it on trial."""
        if not self._verified or not self.candidate:
            raise ValueError("only a candidate verified since the reset can be installed")
        if self.needs_authorisation:
            raise ValueError("only an activation command lets this device's images run")
        state = self.state
        state.secondary_state = _state.STAGED
        state.trial_boots = 0
        state.trial_crashes = 0
        state.reason = 0
        self.commit()

    # The trial and its end

    def accept(self):
        """Confirm the trial that is running. In the same record the security counter rises, and the trust
        anchors change if the image changes them."""
        state = self.state
        if state.secondary_state != _state.TRIAL or self.running != self.secondary:
            raise ValueError("no trial is running")
        found, trusted = checked("confirm", self, self.running)
        # Nothing below refuses: the state changes as a whole or not at all.
        state.primary = self.running
        state.secondary_state = _state.READY
        state.security_counter = max(state.security_counter, found.sequence_number)
        state.anchors = trusted
        state.rejected_reason = 0
        state.clear_download()
        self.commit()
        self.device.anchors = trusted

    def reject(self, number):
        """Refuse the image being downloaded, or give up the trial. The refusal is remembered."""
        state = self.state
        offer = self._offer
        state.rejected_version = offer.file_version
        state.rejected_size = offer.file_size
        state.rejected_reason = number
        if not self._tentative:
            ran = state.secondary_state in (_state.TRIAL, _state.STAGED)
            state.secondary_state = _state.FAILED if ran else _state.REJECTED
            state.reason = number
            state.clear_download()
        # Of a newcomer beside an accepted image only the newcomer is refused.
        self._close()
        offer.copy_from(state)
        self.commit()

    def cancel(self):
        """Drop the download; what runs and what is confirmed stay."""
        dropped = not self._tentative and (self.downloading or self.candidate)
        self._close()
        if dropped:
            self.state.secondary_state = _state.READY
            self.state.clear_download()
            self.commit()
        self._offer.copy_from(self.state)

    # Inside

    def _take_offer(self):
        """The offer takes the place of what was downloaded before; not written yet."""
        state = self.state
        state.clear_download()
        _offer.copy(self._offer, state)
        state.secondary_state = _state.WRITING
        state.trial_crashes = 0
        state.reason = 0

    def _start_again(self):
        """What was accepted is not what there is: from the file's first byte."""
        self._close()
        self.state.clear_acceptance()
        self.state.secondary_state = _state.WRITING
        self.commit()

    def _close(self):
        self._image.close()
        self.manifest = None
        self._header = None
        self._tentative = False
        self._verifier = None
        self._verified = False
        self.authorised = False


def checked(check, *arguments):
    """What a function of firmware_agent.store.checks says. It is loaded for that, with all of trust."""
    try:
        from firmware_agent.store import checks

        return getattr(checks, check)(*arguments)
    finally:
        forget("firmware_agent.store.checks")
        forget("firmware_agent.trust")
