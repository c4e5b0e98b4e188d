"""What boot hands over, and its words that others use, too: this stays when boot is unloaded."""

from firmware_agent.store import state as _state
from hal.flash import DEVICE, FlashError

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
    a trial, or drop a download) and the ``store``, None from rest() to reopen()."""

    def __init__(self, store, slot, manifest, cause, reverted=0, dropped=0):
        self.store = store
        self.slot = slot
        self.manifest = manifest
        self.cause = cause
        self.reverted = reverted
        self.dropped = dropped
        self._parts = None
        self.trial = slot == store.secondary and store.state.secondary_state == _state.TRIAL

    def rest(self):
        """Let go of the store while there is nothing to do for it; whoever else has it does so, too. It is of
        no use any more: reopen() makes another one. ValueError while an image waits, or is on trial."""
        if self.store.state.secondary_state in (_state.CANDIDATE, _state.STAGED, _state.TRIAL):
            raise ValueError("an image waits, and what is known of it is in RAM")
        self._parts = self.store.retire()
        self.store = None

    def reopen(self):
        """The store as after a reset that boots the same slot, which this boot has proven: it knows what is
        on flash, and nothing else. FlashError if that cannot be read."""
        if self.store is None:
            from firmware_agent.store.firmware_store import FirmwareStore

            store = FirmwareStore(*self._parts)  # type: ignore[misc]
            if not store.load():
                raise FlashError(DEVICE, 0)
            store.running = self.slot
            self.store = store
        return self.store
