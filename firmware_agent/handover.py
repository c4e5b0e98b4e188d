"""What boot hands over, and its words that others use, too: this stays when boot is unloaded."""

from firmware_agent.store import state as _state

# Reset causes, in the words of the events.
POWER_ON = "power-on"
RESET = "reset"
WATCHDOG = "watchdog"
CRASH = "crash"

SLOT_NAMES = ("A", "B")
NO_SLOT = -1  # what runs is the recovery agent, from the boot files


class Handover:
    """What boot decided: ``slot`` (0, 1 or NO_SLOT), its ``manifest`` (None without a slot), ``trial``, the
    reset ``cause``, ``reverted`` and ``dropped`` (a reject number each, 0 if this boot did not go back from
    a trial, or drop a download) and the ``store``."""

    def __init__(self, store, slot, manifest, cause, reverted=0, dropped=0):
        self.store = store
        self.slot = slot
        self.manifest = manifest
        self.cause = cause
        self.reverted = reverted
        self.dropped = dropped
        self.trial = slot == store.secondary and store.state.secondary_state == _state.TRIAL
