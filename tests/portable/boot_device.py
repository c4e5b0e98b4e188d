"""What boot's tests begin with: any state of a device, one on trial, a slot that was spoilt."""

from firmware_agent import boot
from firmware_agent.store import state as states
from tests.portable.store_device import V2, running

CAUSES = (boot.POWER_ON, boot.RESET, boot.WATCHDOG, boot.CRASH)
CRASHES = (boot.WATCHDOG, boot.CRASH)


def state_of(secondary, boots=0, crashes=0, primary=0):
    state = states.State()
    state.primary = primary
    state.secondary_state = secondary
    state.trial_boots = boots
    state.trial_crashes = crashes
    return state


def on_trial():
    """A device in the first boot of v2's trial."""
    bench = running()
    bench.stage(V2)
    assert bench.power_on(boot.RESET).trial
    return bench


def spoil(bench, slot, at):
    bench.memory[(bench.journal_units + slot * bench.slot_units) * bench.erase_size + at] ^= 1
