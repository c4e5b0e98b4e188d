"""A device that fails in `hanota powercut` is a failure of the campaign, however it fails."""

import asyncio

import pytest

from tools.powercut import driver


def run(monkeypatch, events, ends):
    """The tally of a campaign whose device tells ``events`` in each life, then ends or tells no more."""

    async def power_on(self, factory):
        self.told = list(events)
        return 1

    async def event(self):
        if self.told:
            return self.told.pop(0)
        if not ends:
            await asyncio.sleep(60)
        return None

    async def serve(hub, host, port, notify):
        await asyncio.sleep(60)

    monkeypatch.setattr(driver.Device, "power_on", power_on)
    monkeypatch.setattr(driver.Device, "event", event)
    monkeypatch.setattr(driver.Device, "memory", b"")
    monkeypatch.setattr(driver.wire, "serve", serve)
    monkeypatch.setattr(driver.Oracle, "at_cut", lambda self, memory, past: None)
    monkeypatch.setattr(driver, "_UPDATE_DEADLINE", 0.2)
    monkeypatch.setattr(driver, "_START", 0.0)
    monkeypatch.setattr(driver, "_LIFE", 0.01)
    tally = driver.Tally()
    asyncio.run(driver.campaign(b"payload", 7, 3, 3, tally, lambda: None))
    return tally


@pytest.mark.parametrize(
    ("events", "ends", "failure"),
    [
        ([], True, "cut 0: the emulator ended by itself"),
        ([{"event": "failed"}], False, "cut 0: nothing boots"),
        ([{"event": "rejected", "text": "too old"}], False, "cut 0: rejected: too old"),
        # Cut once, before it told anything; the next life waits for what never comes.
        ([], False, "cut 1: 0x00020000 was not confirmed in 0 s"),
    ],
)
def test_a_failure_ends_the_campaign_and_names_the_seed_and_the_cut(monkeypatch, events, ends, failure):
    tally = run(monkeypatch, events, ends)
    assert tally.failures == [f"seed 7, update to 0x00020000, {failure}"]
    assert tally.updates == 0
