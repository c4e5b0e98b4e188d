"""`hanota powercut` when it is stopped early, and when a device fails: what was done is told all the same."""

import asyncio
import os
import signal

import pytest
from click.testing import CliRunner

from tools.commands import powercut


@pytest.fixture(name="campaign")
def campaign_of_three_cuts_a_device(monkeypatch):
    """In place of the devices: each cut is told of at once; what comes after them is the test's."""

    def put(after):
        async def campaign(payload, seed, cuts, each, tally, told):
            for _ in range(3):
                tally.cuts += 1
                tally.phases["accepted"] = tally.phases.get("accepted", 0) + 1
                told()
            await after(seed, tally)

        monkeypatch.setattr(powercut, "campaign", campaign)
        monkeypatch.setattr(powercut, "_SAID_EVERY", 2)

    return put


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_campaign_tells_what_was_done(campaign, number):
    async def stopped(seed, tally):
        if seed == 1:  # the second device: by now both have their cuts
            os.kill(os.getpid(), number)
        await asyncio.sleep(60)

    campaign(stopped)
    result = CliRunner().invoke(powercut.command, ["--cuts", "500"])
    assert result.exit_code == 1
    assert "6 cuts, 0 updates, 0 failures, at most 0 bytes fetched twice a cut" in result.output
    assert "Error: stopped after 6 of 500 cuts" in result.output
    assert "4 of 500 cuts, 0 updates, 0 failures" in result.stderr  # progress, although this is no terminal


def test_the_failure_of_one_device_is_told_with_its_seed_and_fails_the_campaign(campaign):
    async def fails(seed, tally):
        if seed == 1:
            tally.failures.append("seed 1, update to 0x00020000, cut 3: nothing boots")

    campaign(fails)
    result = CliRunner().invoke(powercut.command, ["--cuts", "6"])
    assert result.exit_code == 1
    assert "seed 1, update to 0x00020000, cut 3: nothing boots" in result.output
    assert "6 cuts, 0 updates, 1 failures" in result.output
