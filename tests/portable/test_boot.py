"""Boot: its table row by row, the bounds of a trial, and what it does where the flash fails."""

from firmware_agent import boot, reject
from firmware_agent.store import state as states
from hal.sim.cut_flash import NOTHING, CutFlash, PowerCut
from tests.portable.bench import Bench, raises
from tests.portable.boot_device import CAUSES, CRASHES, on_trial, spoil, state_of
from tests.portable.store_device import V1, V2, V3, running

HEAP = "1M"


def test_table_anything_else_boots_the_primary_as_it_was():
    for secondary in (states.READY, states.REJECTED, states.FAILED):
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
    bench = running()
    bench.stage(V2)
    for operation in (1, 2):  # the bank's erase, the record's program
        bench.flash.power_on()
        bench.flash.arm(operation, NOTHING)
        raises(PowerCut, bench.power_on)
        bench.flash.power_on()
    assert bench.power_on().trial and bench.store.state.trial_boots == 1


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
