"""The firmware store: two slots and a journal. Nothing unproven gets past it.

It belongs to what a download never replaces, so every rule that guards the device stands here or
in firmware_agent.trust: the agent, which a download does replace, can only ask. Verbs in their
order of use, named after PSA Firmware Update 1.0:

    start      journal an offer (before the first block is asked for)
    describe   say what the upgrade file's header promised and where the image starts
    write      take the Manufacturer Image; its head is held in RAM until the signature over the
               manifest and every acceptance rule passed; only then is the first unit erased
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
from firmware_agent.store import state as _state
from firmware_agent.store.journal import Journal
from firmware_agent.store.slot_writer import SlotWriter
from firmware_agent.trust import acceptance, manifest
from firmware_agent.trust.verifier import SlotVerifier

# What write() answers.
WRITTEN = 0
COMPLETE = 1  # that was the last byte: verify next
RESTART = 2  # not the image that was accepted under this identity before: start at the file's first byte


class Offer:
    """What a server offered: ids and size from Query Next Image Response, and who the server is."""

    def __init__(self):
        self.manufacturer_code = 0
        self.image_type = 0
        self.file_version = 0
        self.file_size = 0
        self.server_address = 0
        self.server_endpoint = 0
        self.profile = 0

    def copy_from(self, other):
        """Take over every field of ``other``, an Offer or a State."""
        self.manufacturer_code = other.manufacturer_code
        self.image_type = other.image_type
        self.file_version = other.file_version
        self.file_size = other.file_size
        self.server_address = other.server_address
        self.server_endpoint = other.server_endpoint
        self.profile = other.profile

    def same_image(self, other):
        """The same ids, version and size: the server may differ."""
        return (
            self.manufacturer_code == other.manufacturer_code
            and self.image_type == other.image_type
            and self.file_version == other.file_version
            and self.file_size == other.file_size
        )


class FirmwareStore:
    """``journal_area`` and the two ``slots`` are FlashAreas; ``device`` is the acceptance.Device.

    hook: called between the steps of a signature check (feed the watchdog, serve the application); the
    agent puts its own in once it runs.
    """

    def __init__(self, journal_area, slots, device, hook=None):
        self.slots = slots
        self.state = _state.State()
        self.device = device
        self.running = -1  # the slot that was booted; boot sets it
        self.manifest = None  # of the image being written, once accepted
        self._journal = Journal(journal_area)
        self.hook = hook
        self._offer = Offer()
        self._writer = None
        self._head = bytearray(manifest.HEAD_LIMIT)
        self._head_fill = 0
        self._header = None
        self._image_offset = 0
        self._image_length = 0
        self._tentative = False  # the offer is not in the journal: an accepted download still is
        self._verifier = None
        self._verified = False

    # Boot

    def load(self):
        """Read the journal. False if the flash holds no device."""
        found = self._journal.load(self.state)
        if found:
            self._offer.copy_from(self.state)
        return found

    def format(self, security_counter):
        """Make the journal of a device fresh from the factory: slot A confirmed."""
        self.state = _state.State()
        self.state.security_counter = security_counter
        self._journal.commit(self.state)

    def commit(self):
        """Write the whole state; boot's own transitions end with it."""
        self._journal.commit(self.state)

    @property
    def secondary(self):
        """The slot that was not confirmed last."""
        return 1 - self.state.primary

    def slot_state(self, slot):
        """One of the states of firmware_agent.store.state."""
        return _state.UPDATED if slot == self.state.primary else self.state.secondary_state

    def head_of(self, slot, head):
        """Read the start of a slot into ``head`` and decode it: a Manifest, or Rejected."""
        self.slots[slot].read(0, head)
        return manifest.decode(head, len(head))

    def check_slot(self, slot):
        """Signature and every rule over what the slot holds now: its Manifest, or Rejected.

        The payload is not hashed yet: that is the SlotVerifier's part.
        """
        head = bytearray(manifest.HEAD_LIMIT)
        found = self.head_of(slot, head)
        return self._accept(slot, head, len(head), found.head_length + found.payload_length, None)

    def verifier_of(self, slot, found):
        """A SlotVerifier over the slot's payload against the manifest ``found``."""
        return SlotVerifier(self.slots[slot].read, found)

    # Download

    @property
    def downloading(self):
        """An offer is journalled and its image is not complete and verified."""
        return self.state.secondary_state == _state.WRITING

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
        state = self.state
        return (
            state.rejected_reason != 0
            and offer.file_version == state.rejected_version
            and offer.file_size == state.rejected_size
        )

    def forget_rejected(self):
        """A unicast Image Notify allows the refused image one more try."""
        self.state.rejected_reason = 0

    def start(self, offer):
        """Journal ``offer``; returns the file offset to go on from, 0 for a new image.

        While an accepted download is in progress, another image's offer stays in RAM until that
        image is accepted too: no hub can throw progress away with a promise.
        """
        state = self.state
        if self.running == self.secondary:
            raise ValueError("no download before the trial has ended")
        if self.downloading and offer.same_image(state):
            self._offer.copy_from(offer)
            return self.resume()
        self._offer.copy_from(offer)
        self._close()
        self._tentative = self.downloading and state.accepted
        if not self._tentative:
            self._journal_offer()
        return 0

    def resume(self):
        """Go on with the journalled download; returns the file offset of the next byte needed."""
        state = self.state
        self._offer.copy_from(state)
        self._close()
        self._tentative = False
        if not state.accepted:
            return 0
        self._image_offset = state.image_offset
        self._image_length = state.image_length
        if state.durable >= self.slots[self.secondary].erase_size or state.durable == state.image_length:
            try:
                self.manifest = self._recheck()
            except Rejected:
                self.manifest = None
            if self.manifest is None:
                # What the journal vouches for is not there: start clean, from the first byte.
                state.clear_acceptance()
                self._close()
                self._journal.commit(state)
                return 0
            self._writer = SlotWriter(self.slots[self.secondary])
            if state.durable < state.image_length:
                self._writer.open(state.durable)
            else:
                self._writer.position = state.durable
        return self.position

    def describe(self, header, image_offset, image_length):
        """The upgrade file's header passed the protocol's checks: where its image starts, how long it is.

        ``header`` has the attributes that acceptance.accept() compares with the manifest.
        """
        if image_length > self.slots[self.secondary].size:
            raise Rejected(
                _reject.TOO_LARGE, "%d bytes, the slot has %d" % (image_length, self.slots[0].size)
            )
        self._header = header
        self._image_offset = image_offset
        self._image_length = image_length

    @property
    def position(self):
        """File offset of the next byte of the image that is needed."""
        if self._writer is not None:
            return self._image_offset + self._writer.position
        return self._image_offset + self._head_fill

    @property
    def image_known(self):
        """describe() was called, or the journal knows: bytes belong to write() from image_offset on."""
        return self._image_length != 0

    def until_boundary(self, file_offset):
        """Bytes from ``file_offset`` to the end of its erase unit. A block that ends there is never
        fetched twice for a cut in the next unit."""
        if not self._image_length:
            return 0xFFFF
        erase_size = self.slots[0].erase_size
        return erase_size - (file_offset - self._image_offset) % erase_size

    def write(self, data, start, length):
        """Take the next ``length`` bytes of the Manufacturer Image from data[start:].

        Returns WRITTEN, COMPLETE or RESTART. Raises Rejected before anything is erased, and
        FlashError. Bytes past the image's end are refused by SIZE_MISMATCH.
        """
        while length and self._writer is None:
            if self._head_fill == len(self._head):
                raise Rejected(_reject.MALFORMED_ENVELOPE, "no payload within %d bytes" % len(self._head))
            self._head[self._head_fill] = data[start]
            self._head_fill += 1
            start += 1
            length -= 1
            if length == 0 or self._head_fill == len(self._head):
                wanted = manifest.head_length(self._head, self._head_fill)
                if wanted and wanted <= self._head_fill and not self._open_slot():
                    return RESTART
        writer = self._writer
        if writer is None:
            return WRITTEN
        erase_size = self.slots[0].erase_size
        while length:
            part = erase_size - writer.position % erase_size
            if part > length:
                part = length
            if writer.position + part > self._image_length:
                raise Rejected(_reject.SIZE_MISMATCH, "more bytes than the image has")
            writer.write(data, start, part)
            start += part
            length -= part
            if writer.position % erase_size == 0 and writer.position != self._image_length:
                self._journal.progress(self.state, writer.position)
        if writer.position == self._image_length:
            writer.flush()
            self._journal.progress(self.state, self._image_length)
            return COMPLETE
        return WRITTEN

    @property
    def complete(self):
        """Every byte of the accepted image is on flash."""
        return self.state.accepted and not self._tentative and self.state.durable == self.state.image_length

    # Verify and install

    def verify_start(self):
        """Begin to read back what is in the slot: signature and rules first, then the hash."""
        self._verified = False
        found = self._recheck()
        if found is None:
            raise Rejected(_reject.DIGEST_MISMATCH, "the slot holds another manifest than was accepted")
        self.manifest = found
        self._verifier = self.verifier_of(self.secondary, found)

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
            self._journal.commit(self.state)
        return True

    def hold(self, held):
        """Remember that the server said to wait: a power cut must not turn it into 'apply'."""
        if self.state.hold != held:
            self.state.hold = held
            self._journal.commit(self.state)

    def install(self):
        """Stage the verified candidate: the next boot runs it on trial."""
        if not self._verified or not self.candidate:
            raise ValueError("only a candidate verified since the reset can be installed")
        state = self.state
        state.secondary_state = _state.STAGED
        state.trial_boots = 0
        state.trial_crashes = 0
        state.reason = 0
        self._journal.commit(state)

    # The trial and its end

    def accept(self):
        """Confirm the trial that is running. Raises the security counter in the same record."""
        state = self.state
        if state.secondary_state != _state.TRIAL or self.running != self.secondary:
            raise ValueError("no trial is running")
        found = self.check_slot(self.running)
        state.primary = self.running
        state.secondary_state = _state.READY
        state.security_counter = max(state.security_counter, found.sequence_number)
        state.rejected_reason = 0
        state.clear_download()
        self._journal.commit(state)

    def reject(self, number):
        """Refuse the image being downloaded, or give up the trial. The refusal is remembered."""
        state = self.state
        offer = self._offer
        state.rejected_version = offer.file_version
        state.rejected_size = offer.file_size
        state.rejected_reason = number
        if self._tentative:
            # Only the newcomer is refused; the download in the journal goes on.
            self._tentative = False
            self._journal.commit(state)
            self._close()
            self._offer.copy_from(state)
            return
        ran = state.secondary_state in (_state.TRIAL, _state.STAGED)
        state.secondary_state = _state.FAILED if ran else _state.REJECTED
        state.reason = number
        state.clear_download()
        self._close()
        self._journal.commit(state)

    def cancel(self):
        """Drop the download; what runs and what is confirmed stay."""
        self._close()
        if self._tentative:
            self._tentative = False
            self._offer.copy_from(self.state)
            return
        if self.downloading or self.candidate:
            self.state.secondary_state = _state.READY
            self.state.clear_download()
            self._journal.commit(self.state)

    # Inside

    def _journal_offer(self):
        state = self.state
        state.clear_download()
        offer = self._offer
        state.manufacturer_code = offer.manufacturer_code
        state.image_type = offer.image_type
        state.file_version = offer.file_version
        state.file_size = offer.file_size
        state.server_address = offer.server_address
        state.server_endpoint = offer.server_endpoint
        state.profile = offer.profile
        state.secondary_state = _state.WRITING
        state.reason = 0
        self._journal.commit(state)

    def _close(self):
        self._writer = None
        self.manifest = None
        self._head_fill = 0
        self._header = None
        self._image_offset = 0
        self._image_length = 0
        self._verifier = None
        self._verified = False

    def _accept(self, slot, head, length, image_length, header):
        device = self.device
        device.security_counter = self.state.security_counter
        device.slot_size = self.slots[slot].size
        return acceptance.accept(head, length, image_length, header, device, self.hook)

    def _recheck(self):
        """The secondary slot's Manifest, if it is the image that was accepted; else None."""
        found = self.check_slot(self.secondary)
        if found.digest != self.state.identity:
            return None
        if found.head_length + found.payload_length != self.state.image_length:
            return None
        return found

    def _open_slot(self):
        """The head is complete: accept it, journal that, erase and write. False: another image."""
        state = self.state
        resumed = state.accepted and not self._tentative
        if self._header is None and not resumed:
            raise ValueError("describe() comes before the image")
        found = self._accept(self.secondary, self._head, self._head_fill, self._image_length, self._header)
        if resumed and found.digest != state.identity:
            state.clear_acceptance()
            self._close()
            self._journal.commit(state)
            return False
        if not resumed:
            if self._tentative:
                self._tentative = False
                self._journal_offer()
            state.accepted = True
            state.image_offset = self._image_offset
            state.image_length = self._image_length
            state.identity = bytes(found.digest)
            state.durable = 0
            self._journal.commit(state)
        self.manifest = found
        self._writer = SlotWriter(self.slots[self.secondary])
        self._writer.open(0)
        self._writer.write(self._head, 0, self._head_fill)
        return True
