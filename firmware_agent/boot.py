"""Boot: choose the slot, prove what is in it, hand over. Runs before anything a download can change.

The choice, each line ending in one journal record (the boot record):

| secondary slot | reset cause | boots | record |
|---|---|---|---|
| STAGED | any | secondary, first trial boot | TRIAL, boots 1 |
| TRIAL | power-on or a plain reset | secondary, while boots < MAX_TRIAL_BOOTS | boots + 1 |
| TRIAL | crash or watchdog | secondary, while crashes < MAX_TRIAL_CRASHES | boots + 1, crashes + 1 |
| TRIAL | attempts used up | primary: reverted | FAILED |
| anything else | any | primary | as it was |

A loss of power is not a crash, so it has its own, wider bound; a cause that the board cannot tell
apart counts as a plain reset. The slot that was chosen is then proven from scratch: signature and
acceptance rules over its manifest, hash over its payload. A trial image that fails is rejected and
the primary boots; there is no boot without proof.

The attempt is on record before it begins. If the journal cannot take the record, the primary boots:
an attempt that is not counted would not be bounded, and what is confirmed needs none.
"""

from firmware_agent import reject
from firmware_agent.reject import Rejected
from firmware_agent.store import state as _state
from hal.flash import FlashError

MAX_TRIAL_CRASHES = 3
MAX_TRIAL_BOOTS = 100

# Reset causes, in the words of the events.
POWER_ON = "power-on"
RESET = "reset"
WATCHDOG = "watchdog"
CRASH = "crash"

SLOT_NAMES = ("A", "B")


class NothingBoots(Exception):
    """Neither slot holds an image that may run; ``reasons`` has one reject number a slot."""

    def __init__(self, reasons):
        super().__init__("no slot holds an image that may run")
        self.reasons = reasons


class Handover:
    """What boot decided: ``slot`` (0 or 1), its ``manifest``, ``trial``, the reset ``cause``, ``reverted``
    (a reject number, 0 if this boot did not revert) and the ``store``."""

    def __init__(self, store, slot, manifest, cause, reverted):
        self.store = store
        self.slot = slot
        self.manifest = manifest
        self.cause = cause
        self.reverted = reverted
        self.trial = slot == store.secondary and store.state.secondary_state == _state.TRIAL


def choose(state, cause):
    """Apply the table above to ``state`` (not yet written). Returns (slot, reject number or 0)."""
    secondary = 1 - state.primary
    if state.secondary_state == _state.STAGED:
        state.secondary_state = _state.TRIAL
        state.trial_boots = 1
        state.trial_crashes = 0
        return secondary, 0
    if state.secondary_state != _state.TRIAL:
        return state.primary, 0
    if cause in (WATCHDOG, CRASH):
        state.trial_crashes += 1
    if state.trial_crashes >= MAX_TRIAL_CRASHES:
        return state.primary, reject.CRASHED
    if state.trial_boots >= MAX_TRIAL_BOOTS:
        return state.primary, reject.OUT_OF_ATTEMPTS
    state.trial_boots += 1
    return secondary, 0


def boot(store, cause, hook=None):
    """Choose, journal, prove. Returns the Handover; raises NothingBoots.

    hook: called between the steps of the proof, to feed the watchdog.
    """
    slot, reverted = choose(store.state, cause)
    if not _record(store, reverted):
        slot = store.state.primary
    reasons = [0, 0]
    while True:
        try:
            manifest = _prove(store, slot, hook)
        except Rejected as refusal:
            reasons[slot] = refusal.number
            if slot == store.state.primary:
                raise NothingBoots(reasons)
            reverted = refusal.number
            _record(store, reverted)
            slot = store.state.primary
            continue
        store.running = slot
        store.device.file_version = manifest.file_version
        return Handover(store, slot, manifest, cause, reverted)


def _record(store, reverted):
    """Write the boot record; False if the journal failed and says what it said before."""
    try:
        if reverted:
            store.reject(reverted)
        else:
            store.commit()
    except FlashError:
        return False
    return True


def _prove(store, slot, hook):
    try:
        manifest = store.check_slot(slot)
        verifier = store.verifier_of(slot, manifest)
        while not verifier.step():
            if hook:
                hook()
    except FlashError as failure:
        raise Rejected(reject.FLASH_FAILED, str(failure))
    return manifest
