"""Firmware that fails on trial: version 1 runs again, and says so."""

from firmware_agent.boot import CRASH, MAX_TRIAL_CRASHES, WATCHDOG
from tests import sample_apps
from tests.end_to_end.device_and_hub import (
    EVENT_S,
    VERSION_1,
    VERSION_2,
    hub_of,
    names,
    update_to_the_end,
    version_becomes,
)
from tests.scenarios import scenario
from tools.demo.images import V1, V2
from tools.together import beside

# Three hangs, each ended by the watchdog after 10 s, and boots in between.
HANGS_S = 120.0


@scenario
async def test_firmware_that_hangs_on_trial_is_ended_by_the_watchdog_and_reverted(place):
    await given_up(place, sample_apps.HANGS, WATCHDOG, HANGS_S)


async def given_up(place, app, cause, timeout_s=EVENT_S):
    """Version 2 fails in each of its trial boots: version 1 runs again, and says so."""
    place.may_crash = True
    path = await place.image(app, V2)
    async with place.device() as device:
        await device.power_on()
        async with hub_of(device) as session, beside(update_to_the_end(session, path)):
            reverted = await device.wait_for("reverted", timeout_s)
            assert reverted.matches(
                "reverted", {"slot": "A", "file_version": VERSION_1, "reason": "crashed", "number": 20}
            )
            await version_becomes(session, V1)
        events = device.events
        trials = [event for event in events if event.matches("boot", {"slot": "B", "state": "trial"})]
        assert [event.fields["cause"] for event in trials] == ["reset", *[cause] * (MAX_TRIAL_CRASHES - 1)]
        last = [event for event in events if event.name == "boot"][-1]
        assert (last.fields["slot"], last.fields["cause"]) == ("A", cause)
        check_gave_up(device)


def check_gave_up(device):
    assert "confirmed" not in names(device.events)
    found = device.slots()
    assert found["boots"] == "A" and found["security_counter"] == V1
    assert found["slots"]["A"]["state"] == "updated" and found["slots"]["A"]["file_version"] == VERSION_1
    assert found["slots"]["B"]["state"] == "failed"


@scenario
async def test_firmware_that_raises_on_trial_is_reverted(place):
    await given_up(place, sample_apps.RAISES, CRASH)


@scenario
async def test_firmware_that_fails_its_self_test_is_reverted(place):
    path = await place.image(sample_apps.FAILS_SELF_TEST, V2)
    async with place.device() as device:
        await device.power_on()
        async with hub_of(device) as session, beside(update_to_the_end(session, path)):
            await device.wait_for("rejected", EVENT_S, reason="self-test-failed", file_version=VERSION_2)
            back = {"slot": "A", "file_version": VERSION_1}
            await device.wait_for("reverted", EVENT_S, reason="self-test-failed", **back)
            boot = await device.wait_for("boot", EVENT_S, len(device.events) - 1, **back)
            assert boot.fields["state"] == "updated"
            await version_becomes(session, V1)
        assert names(device.events).count("trial") == 1
        check_gave_up(device)
