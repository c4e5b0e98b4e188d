"""Recovery: neither slot may run, and the device takes an image all the same."""

from firmware_agent import boot, reject
from firmware_agent.store.firmware_store import COMPLETE
from hal.sim.cut_flash import CutFlash
from tests.portable.bench import Bench, RememberedSignatures, raises, refusal
from tests.portable.boot_device import spoil
from tests.portable.store_device import V2, V3, running

HEAP = "1M"


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
    bench = running()
    bench.update(V3)
    bench.power_on()
    spoil(bench, 1, 900)
    raises(boot.NothingBoots, bench.power_on)
    boot.recover(bench.store, boot.POWER_ON)
    assert refusal(bench.download, V2) == reject.ROLLBACK
    # The very version that has rotted may come again.
    assert bench.download(V3) == COMPLETE
