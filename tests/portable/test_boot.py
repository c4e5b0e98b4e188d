"""Boot: its table row by row, its bounds, and that only proven bytes ever boot."""

import sys

from firmware_agent import boot, reject
from firmware_agent.store import state as states
from firmware_agent.store.firmware_store import COMPLETE
from firmware_agent.trust.anchors import Anchors
from hal.sim.cut_flash import NOTHING, CutFlash, PowerCut
from tests.portable.bench import Bench, Image, RememberedSignatures, raises, refusal

HEAP = "1M"
V1 = Image("v1")
V2 = Image("v2")
V3 = Image("v3")
CAUSES = (boot.POWER_ON, boot.RESET, boot.WATCHDOG, boot.CRASH)
CRASHES = (boot.WATCHDOG, boot.CRASH)
STATES = (
    states.READY,
    states.WRITING,
    states.CANDIDATE,
    states.STAGED,
    states.TRIAL,
    states.REJECTED,
    states.FAILED,
)
# Every byte of the head and every 7th of the payload (its hash knows no places); fewer on MicroPython.
if sys.implementation.name == "cpython":
    ALTERED = list(range(V2.head_length)) + list(range(V2.head_length, len(V2.data), 7))
else:
    ALTERED = list(range(0, len(V2.data), 29))


def state_of(secondary, boots=0, crashes=0, primary=0):
    state = states.State()
    state.primary = primary
    state.secondary_state = secondary
    state.trial_boots = boots
    state.trial_crashes = crashes
    return state


def on_trial():
    """A device in the first boot of v2's trial."""
    bench = Bench(make_flash=CutFlash).at_factory()
    bench.power_on()
    bench.stage(V2)
    assert bench.power_on(boot.RESET).trial
    return bench


# The table


def test_table_anything_else_boots_the_primary_as_it_was():
    for secondary in STATES:
        if secondary not in (states.READY, states.REJECTED, states.FAILED):
            continue
        for cause in CAUSES:
            for primary in (0, 1):
                state = state_of(secondary, 5, 2, primary)
                assert boot.choose(state, cause) == (primary, 0)
                assert (state.secondary_state, state.trial_boots, state.trial_crashes) == (secondary, 5, 2)
                assert state.primary == primary


def test_table_staged_boots_on_trial_whatever_the_cause():
    for cause in CAUSES:
        for primary in (0, 1):
            state = state_of(states.STAGED, 5, 2, primary)
            assert boot.choose(state, cause) == (1 - primary, 0)
            assert (state.secondary_state, state.trial_boots, state.trial_crashes) == (states.TRIAL, 1, 0)


def test_table_a_trial_goes_on_after_every_cause_and_counts_it():
    for cause in CAUSES:
        for primary in (0, 1):
            for boots in range(1, boot.MAX_TRIAL_BOOTS):
                for crashes in range(boot.MAX_TRIAL_CRASHES - 1):
                    state = state_of(states.TRIAL, boots, crashes, primary)
                    assert boot.choose(state, cause) == (1 - primary, 0)
                    assert state.secondary_state == states.TRIAL
                    assert state.trial_boots == boots + 1
                    assert state.trial_crashes == crashes + (cause in CRASHES)


def test_table_a_trial_ends_with_its_third_crash_or_its_last_boot():
    for cause in CRASHES:
        state = state_of(states.TRIAL, 3, boot.MAX_TRIAL_CRASHES - 1)
        assert boot.choose(state, cause) == (0, reject.CRASHED)
    for cause in (boot.POWER_ON, boot.RESET):
        state = state_of(states.TRIAL, 3, boot.MAX_TRIAL_CRASHES - 1)
        assert boot.choose(state, cause) == (1, 0)
    for cause in CAUSES:
        state = state_of(states.TRIAL, boot.MAX_TRIAL_BOOTS, 0)
        assert boot.choose(state, cause) == (0, reject.OUT_OF_ATTEMPTS)


# The same on flash


def test_each_boot_is_on_record_before_it_is_over():
    bench = on_trial()
    for boots in range(2, 6):
        bench.power_on()
        fresh = bench.open_store()
        assert fresh.load()
        assert fresh.state.trial_boots == boots


def test_three_crashes_end_a_trial_after_three_attempts():
    for cause in CRASHES:
        bench = on_trial()
        assert bench.power_on(cause).trial
        assert bench.power_on(cause).trial
        handover = bench.power_on(cause)
        assert (handover.slot, handover.trial, handover.reverted) == (0, False, reject.CRASHED)
        assert handover.manifest.file_version == V1.file_version
        state = bench.store.state
        assert (state.secondary_state, state.reason) == (states.FAILED, reject.CRASHED)
        assert bench.store.rejected_before(V2.offer())
        again = bench.power_on(cause)
        assert (again.slot, again.reverted) == (0, 0)


def test_a_loss_of_power_is_no_crash_and_its_boots_are_bounded_all_the_same():
    for cause in (boot.POWER_ON, boot.RESET):
        bench = on_trial()
        trials = 1
        while bench.power_on(cause).trial:
            trials += 1
        assert trials == boot.MAX_TRIAL_BOOTS > boot.MAX_TRIAL_CRASHES
        assert bench.handover.reverted == reject.OUT_OF_ATTEMPTS
        assert bench.store.state.trial_crashes == 0
        assert bench.store.state.secondary_state == states.FAILED


def test_losses_of_power_between_crashes_do_not_hide_them():
    bench = on_trial()
    for cause in (boot.CRASH, boot.POWER_ON, boot.WATCHDOG, boot.RESET):
        assert bench.power_on(cause).trial
    assert bench.power_on(boot.CRASH).reverted == reject.CRASHED


def test_a_new_trial_starts_counting_anew():
    bench = on_trial()
    for _ in range(3):
        bench.power_on(boot.CRASH)
    assert bench.store.state.secondary_state == states.FAILED
    bench.stage(V3)
    assert bench.power_on(boot.CRASH).trial
    assert (bench.store.state.trial_boots, bench.store.state.trial_crashes) == (1, 0)


def test_the_confirmed_image_boots_after_any_number_of_crashes():
    bench = on_trial()
    bench.store.accept()
    for cause in CRASHES * 10:
        handover = bench.power_on(cause)
        assert (handover.slot, handover.trial, handover.reverted) == (1, False, 0)


def test_handover_says_what_boots():
    bench = Bench().at_factory()
    handover = bench.power_on(boot.WATCHDOG)
    assert (handover.slot, handover.cause, handover.trial) == (0, boot.WATCHDOG, False)
    assert handover.store.running == 0
    assert handover.manifest.file_version == V1.file_version


def test_the_proof_lets_the_watchdog_be_fed():
    bench = Bench().at_factory()
    store = bench.open_store()
    store.load()
    calls = []
    boot.boot(store, boot.POWER_ON, lambda: calls.append(1))
    assert len(calls) >= 1


# Proof


def test_a_trial_image_that_does_not_hold_is_rejected_and_the_primary_boots():
    for at, number in ((100, reject.BAD_SIGNATURE), (900, reject.DIGEST_MISMATCH)):
        bench = Bench().at_factory()
        bench.power_on()
        bench.stage(V2)
        spoil(bench, 1, at)
        handover = bench.power_on(boot.RESET)
        assert (handover.slot, handover.reverted, handover.trial) == (0, number, False)
        assert bench.store.state.secondary_state == states.FAILED
        assert bench.store.state.reason == number
        assert bench.power_on().reverted == 0


def test_nothing_boots_without_proof():
    bench = on_trial()
    spoil(bench, 0, 900)
    spoil(bench, 1, 100)
    failure = raises(boot.NothingBoots, bench.power_on)
    assert failure.reasons == [reject.DIGEST_MISMATCH, reject.BAD_SIGNATURE]
    bench = Bench().at_factory()
    spoil(bench, 0, 10)
    failure = raises(boot.NothingBoots, bench.power_on)
    assert failure.reasons[0] != 0 and failure.reasons[1] == 0


def test_a_device_without_its_trust_anchor_does_not_boot():
    bench = Bench()
    bench.store.device.anchors = Anchors([])
    bench.at_factory()
    assert raises(boot.NothingBoots, bench.power_on).reasons == [reject.NO_TRUST_ANCHOR, 0]


def test_an_older_image_in_the_primary_slot_does_not_boot():
    bench = Bench().at_factory()
    bench.power_on()
    bench.update(V3)
    start = (bench.journal_units + bench.slot_units) * bench.erase_size
    bench.memory[start : start + len(V2.data)] = V2.data  # genuine, but from before
    assert raises(boot.NothingBoots, bench.power_on).reasons == [0, reject.ROLLBACK]


def spoil(bench, slot, at):
    bench.memory[(bench.journal_units + slot * bench.slot_units) * bench.erase_size + at] ^= 1


def continue_with(bench, step):
    """The update from ``step`` on, as an agent would; whatever it refuses, refuse. Boots at the end."""
    store = bench.store
    try:
        if step == "written":
            bench.verify()
        if step in ("written", "verified"):
            store.install()
    except reject.Rejected as refused:
        store.reject(refused.number)
    return bench.power_on(boot.RESET)


def test_bytes_altered_after_any_step_never_run():
    for step in ("written", "verified", "staged", "on trial"):
        bench = Bench().at_factory()
        bench.power_on()
        assert bench.download(V2) == COMPLETE
        if step != "written":
            bench.verify()
        if step in ("staged", "on trial"):
            bench.store.install()
        if step == "on trial":
            bench.power_on(boot.RESET)
        kept = bytes(bench.memory)
        kept_store = bench.store
        for at in ALTERED:
            bench.memory[:] = kept
            if step in ("written", "verified"):
                # The same session goes on: what it knows in RAM is as it was.
                bench.store = kept_store
                kept_store._journal.load(kept_store.state)
                kept_store._verified = step == "verified"
            spoil(bench, 1, at)
            handover = continue_with(bench, step)
            assert (handover.slot, handover.trial) == (0, False), (step, at)
            assert bench.slot_bytes(0, len(V1.data)) == V1.data


def test_a_trial_whose_head_was_altered_is_not_confirmed():
    bench = on_trial()
    spoil(bench, 1, 100)
    assert refusal(bench.store.accept) == reject.BAD_SIGNATURE
    assert bench.store.state.primary == 0
    assert bench.power_on(boot.RESET).slot == 0


# A journal or a flash that fails


class Failing(CutFlash):
    no_program = False
    unreadable = None  # unit

    def _program(self, start, buf):
        if self.no_program:
            raise OSError(5)
        CutFlash._program(self, start, buf)

    def readblocks(self, block, buf, offset=0):
        if block == self.unreadable:
            raise OSError(5)
        CutFlash.readblocks(self, block, buf, offset)


def failing():
    bench = Bench(make_flash=Failing).at_factory()
    bench.power_on()
    return bench


def test_an_attempt_that_cannot_be_recorded_is_not_made():
    bench = failing()
    bench.stage(V2)
    bench.flash.no_program = True
    for cause in CAUSES:
        handover = bench.power_on(cause)
        assert (handover.slot, handover.trial) == (0, False)
        assert bench.store.state.secondary_state == states.STAGED
    bench.flash.no_program = False
    assert bench.power_on().trial
    bench.flash.no_program = True
    for cause in CAUSES:
        assert bench.power_on(cause).slot == 0
    bench.flash.no_program = False
    assert bench.power_on().trial and bench.store.state.trial_boots == 2


def test_what_is_confirmed_boots_without_a_record():
    bench = failing()
    bench.flash.no_program = True
    for cause in CAUSES:
        assert bench.power_on(cause).slot == 0


def test_a_slot_that_cannot_be_read_is_refused():
    bench = failing()
    bench.stage(V2)
    bench.flash.unreadable = bench.journal_units + bench.slot_units
    handover = bench.power_on(boot.RESET)
    assert (handover.slot, handover.reverted) == (0, reject.FLASH_FAILED)
    bench.flash.unreadable = bench.journal_units
    assert raises(boot.NothingBoots, bench.power_on).reasons[0] == reject.FLASH_FAILED


def test_a_cut_in_the_boot_record_costs_no_attempt():
    bench = Bench(make_flash=CutFlash).at_factory()
    bench.power_on()
    bench.stage(V2)
    for operation in (1, 2):  # the bank's erase, the record's program
        bench.flash.power_on()
        bench.flash.arm(operation, NOTHING)
        raises(PowerCut, bench.power_on)
        bench.flash.power_on()
    assert bench.power_on().trial and bench.store.state.trial_boots == 1


# Crashes of the firmware that runs, in a download


def loading(until=None):
    """A device with v2's download under way, after a reset."""
    bench = Bench(make_flash=CutFlash).at_factory()
    bench.power_on()
    bench.download(V2, until)
    bench.power_on(boot.RESET)
    return bench


def test_table_crashes_in_a_download_are_counted_and_bounded():
    for secondary in (states.WRITING, states.CANDIDATE):
        for cause in CAUSES:
            for crashes in range(boot.MAX_DOWNLOAD_CRASHES):
                state = state_of(secondary, 0, crashes)
                counted = crashes + 1 if cause in CRASHES else crashes
                dropped = reject.CRASHED if counted == boot.MAX_DOWNLOAD_CRASHES else 0
                assert boot.choose(state, cause) == (0, dropped)
                assert state.trial_crashes == counted


def test_a_download_that_crashes_the_running_firmware_is_dropped():
    bench = loading(until=700)
    for _ in range(boot.MAX_DOWNLOAD_CRASHES - 1):
        handover = bench.power_on(boot.CRASH)
        assert bench.store.downloading and handover.dropped == 0
    handover = bench.power_on(boot.WATCHDOG)
    assert (handover.dropped, handover.reverted, handover.slot) == (reject.CRASHED, 0, 0)
    assert not bench.store.downloading
    assert bench.store.rejected_before(V2.offer())
    # Told once.
    assert bench.power_on(boot.CRASH).dropped == 0


def test_losses_of_power_drop_no_download():
    bench = loading(until=700)
    for _ in range(3 * boot.MAX_DOWNLOAD_CRASHES):
        assert bench.power_on(boot.POWER_ON).dropped == 0
        assert bench.power_on(boot.RESET).dropped == 0
    assert bench.store.downloading


def test_crashes_between_which_a_unit_was_written_drop_no_download():
    bench = Bench(128, 16, 32, 16, CutFlash).at_factory()
    bench.power_on()
    bench.download(V2, 520)
    for end in range(640, len(V2.data) - 8, 128):
        assert bench.power_on(boot.CRASH).dropped == 0
        with RememberedSignatures():
            bench.store.resume()
        bench.feed(V2, end + 8)
        assert bench.store.state.durable == end
        assert bench.store.state.trial_crashes == 1
    assert bench.store.downloading
    for _ in range(boot.MAX_DOWNLOAD_CRASHES - 1):
        assert bench.power_on(boot.CRASH).dropped == 0
    assert bench.power_on(boot.CRASH).dropped == reject.CRASHED


def test_a_long_life_clears_the_count():
    bench = loading(until=700)
    for _ in range(3 * boot.MAX_DOWNLOAD_CRASHES):
        assert bench.power_on(boot.CRASH).dropped == 0
        bench.store.steady()
    assert bench.store.downloading
    operations = bench.flash.operations
    bench.store.steady()
    assert bench.flash.operations == operations  # nothing to forget, nothing to write


def test_another_download_starts_a_new_count():
    bench = loading(until=700)
    for _ in range(boot.MAX_DOWNLOAD_CRASHES - 1):
        bench.power_on(boot.CRASH)
    bench.download(V3, 700)
    assert bench.store.state.file_version == V3.file_version
    assert bench.power_on(boot.CRASH).dropped == 0
    assert bench.store.state.trial_crashes == 1


# Recovery


def recovering():
    """A device neither of whose slots may run, in recovery."""
    bench = Bench(make_flash=CutFlash).at_factory()
    spoil(bench, 0, 900)
    raises(boot.NothingBoots, bench.power_on)
    handover = boot.recover(bench.store, boot.POWER_ON)
    assert (handover.slot, handover.manifest, handover.trial) == (boot.NO_SLOT, None, False)
    return bench


def test_recovery_takes_an_image_and_tries_it():
    bench = recovering()
    bench.stage(V2)
    handover = bench.power_on(boot.RESET)
    assert handover.trial and handover.slot == 1
    bench.store.accept()
    handover = bench.power_on()
    assert (handover.slot, handover.trial) == (1, False)
    assert bench.store.state.security_counter == V2.sequence_number


def test_recovery_again_after_a_trial_that_failed():
    bench = recovering()
    bench.stage(V2)
    for _ in range(boot.MAX_TRIAL_CRASHES):
        assert bench.power_on(boot.CRASH).trial
    raises(boot.NothingBoots, bench.power_on, boot.CRASH)
    boot.recover(bench.store, boot.CRASH)
    assert bench.store.rejected_before(V2.offer())
    bench.stage(V3)
    assert bench.power_on(boot.RESET).trial
    bench.store.accept()
    assert bench.power_on().slot == 1


def test_recovery_keeps_a_download_that_was_under_way():
    bench = Bench(256, 16, 16, make_flash=CutFlash).at_factory()
    bench.power_on()
    bench.download(V2, 800)
    spoil(bench, 0, 900)
    raises(boot.NothingBoots, bench.power_on)
    boot.recover(bench.store, boot.POWER_ON)
    assert bench.store.downloading
    bench.fetched = 0
    with RememberedSignatures():
        bench.store.resume()
    assert bench.feed(V2) == COMPLETE
    assert bench.fetched <= len(V2.data) - 768
    bench.verify()
    bench.store.install()
    assert bench.power_on(boot.RESET).trial


def test_recovery_refuses_what_is_older_than_the_security_counter():
    bench = Bench(make_flash=CutFlash).at_factory()
    bench.power_on()
    bench.update(V3)
    bench.power_on()
    spoil(bench, 1, 900)
    raises(boot.NothingBoots, bench.power_on)
    boot.recover(bench.store, boot.POWER_ON)
    assert refusal(bench.download, V2) == reject.ROLLBACK
    # The very version that has rotted may come again.
    assert bench.download(V3) == COMPLETE


def test_the_numbers_and_words_of_boot_are_what_its_documents_say():
    # The events, the emulator and docs/store.md have them in words.
    assert (boot.MAX_TRIAL_CRASHES, boot.MAX_TRIAL_BOOTS, boot.MAX_DOWNLOAD_CRASHES) == (3, 100, 5)
    words = (boot.POWER_ON, boot.RESET, boot.WATCHDOG, boot.CRASH)
    assert words == ("power-on", "reset", "watchdog", "crash")
    assert boot.SLOT_NAMES == ("A", "B") and boot.NO_SLOT == -1


def test_the_handover_says_what_was_decided_and_why():
    bench = Bench(256, 16, 16, make_flash=CutFlash).at_factory()
    handover = bench.power_on(boot.RESET)
    assert (handover.cause, handover.reverted, handover.dropped) == (boot.RESET, 0, 0)
    assert bench.store.device.file_version == handover.manifest.file_version
    bench.download(V2, 800)
    handover = bench.power_on(boot.WATCHDOG)
    assert (handover.cause, handover.reverted, handover.dropped) == (boot.WATCHDOG, 0, 0)
    spoil(bench, 0, 900)
    raises(boot.NothingBoots, bench.power_on)
    handover = boot.recover(bench.store, boot.CRASH)
    assert (handover.cause, handover.reverted, handover.dropped) == (boot.CRASH, 0, 0)


def test_a_trial_is_the_secondary_slot_in_its_trial_and_nothing_else():
    class Store:
        secondary = 1

    for state, slot, trial in ((states.TRIAL, 1, True), (states.TRIAL, 0, False), (states.READY, 1, False)):
        Store.state = state_of(state)
        assert boot.Handover(Store, slot, None, boot.RESET).trial is trial
