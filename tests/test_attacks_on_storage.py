"""Attacks that worked on others: what is on flash is changed behind the device's back."""

import random

import pytest

from firmware_agent import boot, reject
from firmware_agent.reject import Rejected
from firmware_agent.store.firmware_store import COMPLETE
from firmware_agent.trust import envelope as outer
from tests import attacked_device
from tests.attacked_device import PAYLOAD, deliver, made
from tests.make_envelope_vectors import IDENTITY, OTHER_KEY
from tests.portable.bench import Image, raises
from tools import envelope

V1 = Image("v1")


@pytest.fixture(name="device")
def device_under_attack():
    return attacked_device.running_v1()


def image_of(data):
    """The Manufacturer Image in a file without elements."""
    return bytes(data[int.from_bytes(data[6:8], "little") :])


# Row 3: Silicon Labs CVE-2022-24936: the parser of an unverified file wrote over the signing key.


def test_nothing_is_written_outside_the_journal_before_the_signature__cve_2022_24936(device):
    chance = random.Random(3)
    good = made()
    for _ in range(150):
        data = bytearray(good)
        for _ in range(chance.randrange(1, 4)):
            at = chance.randrange(10, 56 + 300)
            data[at] = chance.randrange(256)
        if image_of(data) == image_of(good):
            continue
        store = device.store
        try:
            deliver(device, bytes(data))
        except (Rejected, AssertionError):
            store.cancel()
            assert device.flash.in_slots(device) == []
        else:
            # Only where nothing that is signed or compared was changed.
            assert bytes(data[outer.HEAD_LIMIT :]) == good[outer.HEAD_LIMIT :]
            device.flash.log.clear()
            store.cancel()


# Row 7: RAUC CVE-2020-25860: bytes changed between check and use.


@pytest.mark.parametrize("moment", ["received", "verified", "staged", "on trial", "confirmed"])
@pytest.mark.parametrize("what", ["head", "payload", "all of it, to another genuine image"])
def test_bytes_changed_between_check_and_use_never_run__cve_2020_25860(device, moment, what):
    data = made()
    other = image_of(made(bytes(reversed(PAYLOAD))))
    assert deliver(device, data) == COMPLETE
    if moment != "received":
        device.verify()
    if moment in ("staged", "on trial", "confirmed"):
        device.store.install()
    if moment in ("on trial", "confirmed"):
        assert device.power_on(boot.RESET).trial
    if moment == "confirmed":
        device.store.accept()
    start = (device.journal_units + device.slot_units) * device.erase_size
    image = image_of(data)
    changed = bytearray(image)
    if what == "head":
        changed[200] ^= 1
    elif what == "payload":
        changed[-1] ^= 1
    else:
        changed[:] = other
    device.memory[start : start + len(image)] = changed
    store = device.store
    try:
        if moment == "received":
            device.verify()
        if moment in ("received", "verified"):
            store.install()
    except Rejected as refused:
        store.reject(refused.number)
    if moment != "confirmed":
        handover = device.power_on(boot.RESET)
        assert (handover.slot, handover.trial) == (0, False)
        assert handover.manifest.sequence_number == 1
    elif what.startswith("all"):
        # The same key, the same number: as good as a re-install.
        assert device.power_on(boot.RESET).slot == 1
    else:
        assert raises(boot.NothingBoots, device.power_on, boot.RESET).reasons[1] != 0


# Row 9: ESP-IDF CVE-2024-28183: swapped between the check of the version and the boot.


def test_an_older_image_swapped_in_after_the_version_check_does_not_boot__cve_2024_28183(device):
    old = image_of(made(identity=IDENTITY, sequence=1))  # genuine, and allowed until now
    data = made()
    assert deliver(device, data) == COMPLETE
    device.verify()
    device.store.install()
    start = (device.journal_units + device.slot_units) * device.erase_size
    device.memory[start : start + len(old)] = old
    handover = device.power_on(boot.RESET)
    assert (handover.slot, handover.reverted) == (0, reject.DIGEST_MISMATCH)
    # After the new one was confirmed, the counter refuses it, too.
    device.update(Image("v3"))
    primary = device.store.state.primary
    start = (device.journal_units + primary * device.slot_units) * device.erase_size
    device.memory[start : start + len(old)] = old
    assert raises(boot.NothingBoots, device.power_on).reasons[primary] == reject.ROLLBACK


# Row 20: midad: after a revert the old slot booted without a check of its signature.


def test_the_old_slot_is_checked_when_it_boots_again_after_a_revert__midad_160(device):
    assert deliver(device, made()) == COMPLETE
    device.verify()
    device.store.install()
    assert device.power_on(boot.RESET).trial
    start = device.journal_units * device.erase_size
    device.memory[start + len(V1.data) - 1] ^= 1
    for cause in (boot.CRASH, boot.WATCHDOG):
        assert device.power_on(cause).slot == 1
    failure = raises(boot.NothingBoots, device.power_on, boot.CRASH)
    assert failure.reasons[0] == reject.DIGEST_MISMATCH
    # The signature, not only a hash that an attacker computes again.
    forged = envelope.wrap(envelope.build_manifest(IDENTITY, 1, PAYLOAD), PAYLOAD, OTHER_KEY)
    device.memory[start : start + len(forged)] = forged
    failure = raises(boot.NothingBoots, device.power_on, boot.POWER_ON)
    assert failure.reasons[0] == reject.UNKNOWN_KEY
