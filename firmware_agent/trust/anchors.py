"""Trust anchors: the public keys that a device believes, what each may vouch for, and how they change.

Pure: bytes and a signed Manifest in, the next Anchors or a refusal out. The store's journal keeps them, in
the same record as the security counter.

A change is part of a firmware image's manifest: it adds one key, revokes one key, or both. It counts from
the record that confirms that image, never before. The rules, checked before anything is erased for it:

- The signer may change anchors: usage ANCHORS (WRONG_KEY_USAGE).
- The sequence number is higher than that of the change before (ANCHOR_CHANGE): an old change is never
  played again, whatever the security counter allows.
- No image revokes the key that signed it, or changes that key's usage (ANCHOR_CHANGE).

From the last rule follows what matters: the signer of the confirmed image is always an anchor, with the
usages that it had. So there is never a device without an anchor, never one that cannot prove what it
runs, and never one whose anchors cannot be changed again. A rotation takes two images: the old key signs
one that adds the new key, then the new key signs one that revokes the old.
"""

from firmware_agent.reject import ANCHOR_CHANGE, TEST_KEY, WRONG_KEY_USAGE, Rejected
from firmware_agent.trust import struct
from firmware_agent.trust.envelope import DIGEST_SIZE, key_id
from firmware_agent.trust.known_keys import is_known

# What a key may vouch for; a set of bits, stored in flash and signed in manifests: never re-ordered.
FIRMWARE = 1  # sign firmware
ANCHORS = 2  # change the trust anchors, in firmware that it signs
ACTIVATION = 4  # say that an image that is stored may run (activation.py; GBCS: the supplier)
TEST = 8  # only for development: refused by a device that was not built for test
USAGE_NAMES = ((FIRMWARE, "firmware"), (ANCHORS, "anchors"), (ACTIVATION, "activation"), (TEST, "test"))
ALL_USAGES = FIRMWARE | ANCHORS | ACTIVATION | TEST

MAXIMUM = 4
POINT_SIZE = 64  # x || y
NO_IDENTITY = bytes(DIGEST_SIZE)

# Packed: version u32, count u8 (at 4), 3 zeros, identity (32), then MAXIMUM times point x || y (64) and
# usage u8.
_FORMAT = "<IBBBB32s"
HEAD_SIZE = 40
ENTRY_SIZE = POINT_SIZE + 1
PACKED_SIZE = HEAD_SIZE + MAXIMUM * ENTRY_SIZE


class Anchor:
    """``public_key``: 65 bytes, 04 || x || y; ``usage``: bits of the above; ``key_id``: 8 bytes."""

    def __init__(self, public_key, usage=FIRMWARE):
        if len(public_key) != 1 + POINT_SIZE or public_key[0] != 4:
            raise ValueError("a public key has 65 bytes, the first one 4")
        if not 0 < usage <= ALL_USAGES:
            raise ValueError("usage %d" % usage)
        self.public_key = bytes(public_key)
        self.usage = usage
        self.key_id = key_id(self.public_key)

    def for_test(self):
        """Whether only a device built for test may believe it."""
        return bool(self.usage & TEST) or is_known(self.key_id)


class Anchors:
    """Up to MAXIMUM anchors with different key ids.

    ``version``     sequence number of the manifest that changed them last, 0 from the factory
    ``identity``    that manifest's digest, NO_IDENTITY from the factory
    """

    def __init__(self, entries, version=0, identity=NO_IDENTITY):
        if len(entries) > MAXIMUM:
            raise ValueError("%d anchors, %d is the most" % (len(entries), MAXIMUM))
        if len(set([anchor.key_id for anchor in entries])) < len(entries):
            raise ValueError("two anchors with one key id")
        self.entries = entries
        self.version = version
        self.identity = identity

    def pack(self):
        """PACKED_SIZE bytes."""
        packed = bytearray(PACKED_SIZE)
        struct.pack_into(_FORMAT, packed, 0, self.version, len(self.entries), 0, 0, 0, self.identity)
        at = HEAD_SIZE
        for anchor in self.entries:
            packed[at : at + POINT_SIZE] = anchor.public_key[1:]
            packed[at + POINT_SIZE] = anchor.usage
            at += ENTRY_SIZE
        return bytes(packed)

    def find(self, wanted):
        """The Anchor with this key id, or None."""
        for anchor in self.entries:
            if anchor.key_id == wanted:
                return anchor
        return None

    def change(self, manifest, for_test=False):
        """The Anchors after the change in an accepted ``manifest``: these same ones if it has none, or if
        it is the one that was taken over already. Rejected if a rule forbids the change."""
        new = manifest.new_anchor
        if new is None and manifest.revoked is None or manifest.digest == self.identity:
            return self
        signer = self.find(manifest.key_id)
        if signer is None or not signer.usage & ANCHORS:
            raise Rejected(WRONG_KEY_USAGE, "this key may not change trust anchors")
        if manifest.sequence_number <= self.version:
            raise Rejected(
                ANCHOR_CHANGE,
                "sequence number %d, the last change was %d" % (manifest.sequence_number, self.version),
            )
        if manifest.revoked == signer.key_id:
            raise Rejected(ANCHOR_CHANGE, "it revokes the key that signed it")
        entries = [anchor for anchor in self.entries if anchor.key_id != manifest.revoked]
        if new is not None:
            entries = self._with(entries, new, signer, for_test)
        if new is not None and new.key_id == manifest.revoked:
            raise Rejected(ANCHOR_CHANGE, "it adds and revokes one key")
        return Anchors(entries, manifest.sequence_number, manifest.digest)

    def _with(self, entries, new, signer, for_test):
        if new.for_test() and not for_test:
            raise Rejected(TEST_KEY, "it adds a test key as an anchor")
        known = self.find(new.key_id)
        if known is not None and known.public_key != new.public_key:
            raise Rejected(ANCHOR_CHANGE, "the new key has another anchor's key id")
        if new.key_id == signer.key_id and new.usage != signer.usage:
            raise Rejected(ANCHOR_CHANGE, "it changes the usage of the key that signed it")
        entries = [anchor for anchor in entries if anchor.key_id != new.key_id]
        if len(entries) == MAXIMUM:
            raise Rejected(ANCHOR_CHANGE, "there are %d anchors already" % MAXIMUM)
        entries.append(new)
        return entries


def unpack(packed):
    """The Anchors that pack() packed. ValueError if it cannot have been pack()."""
    version, count, _, _, _, identity = struct.unpack_from(_FORMAT, packed, 0)
    entries = []
    at = HEAD_SIZE
    for _ in range(min(count, MAXIMUM + 1)):
        entries.append(Anchor(b"\x04" + packed[at : at + POINT_SIZE], packed[at + POINT_SIZE]))
        at += ENTRY_SIZE
    return Anchors(entries, version, identity)


def usage_text(usage):
    """As in "firmware, anchors"."""
    return ", ".join([name for bit, name in USAGE_NAMES if usage & bit])


def packed(anchors):
    """An Anchors, or a list of public keys that may sign firmware, packed."""
    if isinstance(anchors, list):
        anchors = Anchors([Anchor(key, FIRMWARE) for key in anchors])
    return anchors.pack()
