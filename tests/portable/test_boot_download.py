"""Crashes of the firmware that runs, in a download: counted, bounded, and the download dropped."""

from firmware_agent import boot, reject
from firmware_agent.store import state as states
from hal.sim.cut_flash import CutFlash
from tests.portable.bench import Bench, RememberedSignatures
from tests.portable.boot_device import CAUSES, CRASHES, state_of
from tests.portable.store_device import LONG, V2, V3, running

HEAP = "1M"


def loading(until=None):
    """A device with v2's download under way, after a reset."""
    bench = running()
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


def test_a_page_that_is_put_back_is_no_progress():
    for cause in (boot.POWER_ON, boot.CRASH):
        bench = running(erase_size=512, slot_units=8)
        bench.download(LONG, 512 + 256)
        bench.power_on(cause)
        for crashes in range(bench.store.state.trial_crashes + 1, boot.MAX_DOWNLOAD_CRASHES):
            bench.store.resume()
            bench.feed(LONG, 512 + 256 + 100)
            assert bench.store.state.durable == 512 + 256
            assert bench.power_on(boot.CRASH).dropped == 0
            assert bench.store.state.trial_crashes == crashes
        bench.store.resume()
        bench.feed(LONG, 512 + 256 + 100)
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
