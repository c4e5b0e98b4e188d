"""What must survive a power cut, as one record: the store's whole state.

Every state record carries everything, so a transition is one program operation: it happened or it
did not. Only the trust anchors, which hardly ever change and are three times as long as all the rest,
may be left out: a record without them has those of the record before it. Layout in docs/store.md;
integers little-endian.
"""

from firmware_agent.store import struct
from firmware_agent.trust.anchors import PACKED_SIZE

# The secondary slot's life, by the names of PSA Firmware Update 1.0. The primary slot is the one that
# was confirmed last: it is UPDATED by definition. Numbers are on flash: never re-ordered.
READY = 0  # nothing of use in it
WRITING = 1  # a download goes there
CANDIDATE = 2  # complete and verified, not yet allowed to run
STAGED = 3  # boots at the next reset
TRIAL = 4  # boots until it is confirmed, fails or runs out of attempts
REJECTED = 5  # refused before it ran
FAILED = 6  # ran and was reverted
UPDATED = 7  # confirmed
STATE_NAMES = ("ready", "writing", "candidate", "staged", "trial", "rejected", "failed", "updated")

_FORMAT = "<BBBBIIBBBBHHIIHBBII32sIIBBH"
_KIND = 0x53
_VERSION = 2
_FIELDS_SIZE = struct.calcsize(_FORMAT)
CRC_SIZE = 4
RECORD_SIZE = _FIELDS_SIZE + CRC_SIZE
FULL_RECORD_SIZE = _FIELDS_SIZE + PACKED_SIZE + CRC_SIZE

_FLAG_ACCEPTED = 1
_FLAG_HOLD = 2
_FLAG_ANCHORS = 4  # the record holds the trust anchors
_FLAGS_AT = 15

NO_IDENTITY = bytes(32)


class State:
    """The fields of one state record.

    sequence          counts records; the highest one on flash is the truth
    primary           slot that was confirmed last, 0 or 1
    secondary_state   state of the other slot
    security_counter  the lowest sequence number that may still be installed
    trial_boots, trial_crashes   boots of the trial image, and those that followed a crash or a hang; in a
                      download trial_crashes counts boots of the confirmed firmware that did
    reason            why the secondary slot is REJECTED or FAILED
    manufacturer_code, image_type, file_version, file_size   the offer being downloaded
    server_address, server_endpoint, profile   who offered it
    accepted          header and manifest passed; image_offset, image_length, identity are known
    image_offset      where the Manufacturer Image starts in the upgrade file
    image_length      bytes of the Manufacturer Image
    identity          the SUIT digest of the accepted manifest: which image this is
    durable           bytes of the Manufacturer Image that are proven on flash
    hold              the server said: wait for another Upgrade End Response
    rejected_version, rejected_size, rejected_reason   the offer that is not asked for again by itself
    anchors           the trust anchors, packed (firmware_agent.trust.anchors): they change in the record that
                      confirms the image that changes them
    """

    def __init__(self):
        self.sequence = 0
        self.primary = 0
        self.secondary_state = READY
        self.security_counter = 0
        self.trial_boots = 0
        self.trial_crashes = 0
        self.reason = 0
        self.rejected_version = 0
        self.rejected_size = 0
        self.rejected_reason = 0
        self.anchors = bytes(PACKED_SIZE)
        self.clear_download()

    def clear_download(self):
        """Forget the offer."""
        self.manufacturer_code = 0
        self.image_type = 0
        self.file_version = 0
        self.file_size = 0
        self.server_address = 0
        self.server_endpoint = 0
        self.profile = 0
        self.hold = False
        self.clear_acceptance()

    def refused(self, file_version, file_size):
        """True if the last refusal was of these."""
        return (
            self.rejected_reason != 0
            and file_version == self.rejected_version
            and file_size == self.rejected_size
        )

    def clear_acceptance(self):
        """Forget what was accepted, keep the offer."""
        self.accepted = False
        self.image_offset = 0
        self.image_length = 0
        self.identity = NO_IDENTITY
        self.durable = 0

    def pack_into(self, buf, full):
        """Write all of the record before the CRC, which the journal adds; full: with the trust anchors."""
        struct.pack_into(
            _FORMAT,
            buf,
            0,
            _KIND,
            _VERSION,
            self.primary,
            self.secondary_state,
            self.sequence,
            self.security_counter,
            self.trial_boots,
            self.trial_crashes,
            self.reason,
            (_FLAG_ACCEPTED if self.accepted else 0)
            | (_FLAG_HOLD if self.hold else 0)
            | (_FLAG_ANCHORS if full else 0),
            self.manufacturer_code,
            self.image_type,
            self.file_version,
            self.file_size,
            self.server_address,
            self.server_endpoint,
            self.image_offset,
            self.image_length,
            self.durable,
            self.identity,
            self.rejected_version,
            self.rejected_size,
            self.rejected_reason,
            0,
            self.profile,
        )
        if full:
            buf[_FIELDS_SIZE : _FIELDS_SIZE + PACKED_SIZE] = self.anchors

    def unpack_from(self, buf):
        """Read a record whose CRC was right; one without trust anchors leaves them as they are. False if it
        is of another kind or version."""
        fields = struct.unpack_from(_FORMAT, buf, 0)
        if fields[0] != _KIND or fields[1] != _VERSION or fields[2] > 1 or fields[3] >= UPDATED:
            return False
        self.primary = fields[2]
        self.secondary_state = fields[3]
        self.sequence = fields[4]
        self.security_counter = fields[5]
        self.trial_boots = fields[6]
        self.trial_crashes = fields[7]
        self.reason = fields[8]
        self.accepted = bool(fields[9] & _FLAG_ACCEPTED)
        self.hold = bool(fields[9] & _FLAG_HOLD)
        self.manufacturer_code = fields[10]
        self.image_type = fields[11]
        self.file_version = fields[12]
        self.file_size = fields[13]
        self.server_address = fields[14]
        self.server_endpoint = fields[15]
        self.image_offset = fields[16]
        self.image_length = fields[17]
        self.durable = fields[18]
        self.identity = fields[19]
        self.rejected_version = fields[20]
        self.rejected_size = fields[21]
        self.rejected_reason = fields[22]
        self.profile = fields[24]
        if is_full(buf):
            self.anchors = bytes(buf[_FIELDS_SIZE : _FIELDS_SIZE + PACKED_SIZE])
        return True


def is_full(buf):
    """Whether the record in ``buf`` says that it holds the trust anchors."""
    return bool(buf[_FLAGS_AT] & _FLAG_ANCHORS)
