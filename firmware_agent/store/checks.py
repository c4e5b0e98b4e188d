"""The store's checks: all that needs signatures, rules and trust anchors. Functions over a FirmwareStore.

They are loaded when there is something to check, with all of firmware_agent.trust, and unloaded after
(firmware_store.checked()): what comes out of them is small and has no code.
"""

from firmware_agent.reject import DIGEST_MISMATCH, Rejected
from firmware_agent.store.facts import Accepted
from firmware_agent.trust import anchors
from firmware_agent.trust.acceptance import accept
from firmware_agent.trust.manifest import HEAD_LIMIT, decode
from firmware_agent.trust.verifier import SlotVerifier


def head_of(store, slot, head):
    """Read the start of a slot into ``head`` and decode it: a Manifest, or Rejected."""
    store.slots[slot].read(0, head)
    return decode(head, len(head))


def check_slot(store, slot):
    """Signature and every rule over what the slot holds now: its Manifest, or Rejected. What is not
    confirmed yet must be the very image that was accepted, by its manifest's digest.

    The payload is not hashed yet: that is the SlotVerifier's part.
    """
    head = bytearray(min(HEAD_LIMIT, store.slots[slot].size))
    found = head_of(store, slot, head)
    found = _accept(store, slot, head, len(head), found.head_length + found.payload_length, None)
    if slot == store.secondary and found.digest != store.state.identity:
        raise Rejected(DIGEST_MISMATCH, "the slot holds another manifest than was accepted")
    return found


def prove(store, slot):
    """check_slot(), and the stored head once more: (the Accepted, a SlotVerifier for its payload)."""
    found = check_slot(store, slot)
    verifier = SlotVerifier(store.slots[slot].read, found)
    verifier.step()
    return Accepted(found), verifier


def recheck(store):
    """The Accepted of the secondary slot, if it is the image that was accepted; else None."""
    try:
        found = check_slot(store, store.secondary)
    except Rejected:
        return None
    length = found.head_length + found.payload_length
    return Accepted(found) if length == store.state.image_length else None


def admit(store, image, header, resumed):
    """Judge the head that ``image``, an ImageWriter, holds: the Accepted, or Rejected. None if a download
    that was resumed is another one than was accepted."""
    try:
        found = _accept(store, store.secondary, image.head, image.position, image.image_length, header)
    except Rejected:
        if not resumed:
            raise
        return None
    return None if resumed and found.digest != store.state.identity else Accepted(found)


def confirm(store, slot):
    """check_slot() of the trial that is confirmed: (the Accepted, the trust anchors after it, packed)."""
    found = check_slot(store, slot)
    device = store.device
    return Accepted(found), anchors.unpack(device.anchors).change(found, device.for_test).pack()


def authorise(store, command, read):
    """trust.activation.judge() of this store's device and image."""
    # Few devices need it.
    from firmware_agent.trust.activation import judge

    return judge(command, store.device, read, store.state.image_length, store.hook)


def _accept(store, slot, head, length, image_length, header):
    device = store.device
    device.security_counter = store.state.security_counter
    device.slot_size = store.slots[slot].size
    if store.utc:
        device.time = store.utc()
    return accept(head, length, image_length, header, device, store.hook)
