"""Boot: choose the slot, prove what is in it, hand over. Runs before anything a download can change.

The choice, each line ending in one journal record (the boot record):

| secondary slot | reset cause | boots | record |
|---|---|---|---|
| STAGED | any | secondary, first trial boot | TRIAL, boots 1 |
| TRIAL | power-on or a plain reset | secondary, while boots < MAX_TRIAL_BOOTS | boots + 1 |
| TRIAL | crash or watchdog | secondary, while crashes < MAX_TRIAL_CRASHES | boots + 1, crashes + 1 |
| TRIAL | attempts used up | primary: reverted | FAILED |
| WRITING or CANDIDATE | crash or watchdog | primary, while crashes < MAX_DOWNLOAD_CRASHES | crashes + 1 |
| WRITING or CANDIDATE | that many crashes | primary, without the download | REJECTED |
| anything else | any | primary | as it was |

A loss of power is not a crash, so it has its own, wider bound; a cause that the board cannot tell
apart counts as a plain reset. The slot that was chosen is then proven from scratch: signature and
acceptance rules over its manifest, hash over its payload. A trial image that fails is rejected and
the primary boots; there is no boot without proof.

The attempt is on record before it begins. If the journal cannot take the record, the primary boots:
an attempt that is not counted would not be bounded, and what is confirmed needs none.

A download that crashes the confirmed firmware would be resumed for ever, so those crashes are counted, too:
each that follows a short life (the agent calls store.steady() after a long one) in which nothing more of the
image went on record.

If neither slot passes, recover() hands over to the agent in the boot files, which can only download.
"""

from firmware_agent import reject
from firmware_agent.handover import (  # noqa: F401
    CRASH,
    NO_SLOT,
    POWER_ON,
    RESET,
    SLOT_NAMES,
    WATCHDOG,
    Handover,
)
from firmware_agent.reject import Rejected
from firmware_agent.store import checks
from firmware_agent.store import state as _state
from hal.flash import FlashError

MAX_TRIAL_CRASHES = 3
MAX_TRIAL_BOOTS = 100
MAX_DOWNLOAD_CRASHES = 5


class NothingBoots(Exception):
    """Neither slot holds an image that may run; ``reasons`` has one reject number a slot."""

    def __init__(self, reasons):
        super().__init__("no slot holds an image that may run")
        self.reasons = reasons


def choose(state, cause, progressed=False):
    """Apply the table above to ``state`` (not yet written). Returns (slot, reject number or 0).

    progressed: more of the download is on record than at the last boot.
    """
    secondary = 1 - state.primary
    if state.secondary_state == _state.STAGED:
        state.secondary_state = _state.TRIAL
        state.trial_boots = 1
        state.trial_crashes = 0
        return secondary, 0
    if state.secondary_state in (_state.WRITING, _state.CANDIDATE):
        if cause in (WATCHDOG, CRASH):
            state.trial_crashes = 1 if progressed else state.trial_crashes + 1
        return state.primary, reject.CRASHED if state.trial_crashes >= MAX_DOWNLOAD_CRASHES else 0
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
    loading = store.downloading or store.candidate
    slot, reverted = choose(store.state, cause, store.progressed)
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
        if loading:
            return Handover(store, slot, manifest, cause, 0, reverted)
        return Handover(store, slot, manifest, cause, reverted)


def recover(store, cause):
    """After NothingBoots: the Handover of the recovery agent.

    It runs no slot and may write the secondary one. Nothing runs that a file version could be compared
    with, so those two rules of the offer are out, as at the factory; every other rule holds, the security
    counter with them.
    """
    store.running = NO_SLOT
    store.device.file_version = None
    return Handover(store, NO_SLOT, None, cause)


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
        manifest, verifier = checks.prove(store, slot)
        proven = False
        while not proven:
            if hook:
                hook()
            proven = verifier.step()
    except FlashError as failure:
        raise Rejected(reject.FLASH_FAILED, str(failure))
    return manifest
