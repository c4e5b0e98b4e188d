"""zigbee-herdsman's own OTA code, the one in zigbee2mqtt, against the emulated device on real MicroPython.

The hub is herdsman/hub.mjs; herdsman is unmodified, only its radio is ours. test_two_hubs.py holds what both
hubs do; here is what herdsman does that zigpy does not: it never answers a second query, it offers a plain
file whatever device it is for, it takes a Default Response to a Notify for a refusal, it says "apply in 1 s".
"""

import hashlib

from boards.common.flash_map import ERASE_SIZE
from firmware_agent import reject
from tests.interop.conftest import ADDRESS, V1, V2

SLOW = ("--delay", 5)  # milliseconds between blocks: an update of some 3 s, to have something happen in it


def assert_runs(device, version, payload):
    """The slot that boots holds a confirmed image of that version, with the payload's very bytes."""
    slots = device.slots()
    slot = slots["slots"][slots["boots"]]
    assert slot["state"] == "updated"
    assert slot["file_version"] == f"0x{version:08x}"
    assert slot["sha256"] == hashlib.sha256(payload.read_bytes()).hexdigest()


def assert_updated(device, hub, images):
    """Herdsman saw the device come back and report version 2, and the device kept it."""
    assert hub.exit_code() == 0, hub.events
    result = hub.wait("result")
    assert result["ok"] and result["file_version"] == V2
    assert result["basic"]["swBuildId"] == "0.2.0.0"
    confirmed = device.process.wait("confirmed")
    assert confirmed["file_version"] == f"0x{V2:08x}"
    assert_runs(device, V2, images.payload)
    return result


def assert_untouched(device, images):
    """Version 1 runs and nothing of the other slot was used."""
    assert_runs(device, V1, images.payload)
    assert [boot["file_version"] for boot in device.process.all("boot")] == [f"0x{V1:08x}"]
    assert not device.process.all("verified")


def failure_of(hub):
    assert hub.exit_code() == 1, hub.events
    result = hub.wait("result")
    assert not result["ok"]
    return result


def names_of(events):
    return [event["event"] for event in events]


# rule: hub-interview
def test_an_interview_is_answered_by_the_device_itself(make_device, start_herdsman):
    hub = start_herdsman(make_device(), "--interview")
    assert hub.exit_code() == 0, hub.events
    interview = hub.wait("interview")
    assert interview["address"] == int(ADDRESS, 16)
    assert interview["type"] == "EndDevice"
    assert interview["manufacturer_code"] == 0x1234
    endpoint = {"id": 1, "profile": 0x0104, "device_id": 0x0506, "in": [0x0000], "out": [0x0019]}
    assert interview["endpoints"] == [endpoint]
    basic = interview["basic"]
    assert basic.pop("dateCode").isdigit()
    assert basic == {
        "zclVersion": 8,
        "appVersion": V1 >> 24,
        "stackVersion": 2,
        "hwVersion": 1,
        "manufacturerName": "hanota",
        "modelId": "PPMID",
        "powerSource": 1,
        "swBuildId": "0.1.0.0",
    }


# rule: hub-pages
def test_an_update_by_image_pages(make_device, start_herdsman, images):
    """Herdsman sends a page's blocks under the request's sequence number, as fast as it can."""
    device = make_device("--setting", "page_size=1024")
    hub = start_herdsman(device, "--image", images.v2)
    result = assert_updated(device, hub, images)
    size = images.v2.stat().st_size
    assert result["pages"] >= size // 1024 and result["blocks"] <= 10
    assert result["largest_step_back"] == 0, "every byte was fetched once"


# rule: hub-after-reboot, hub-query-once
def test_after_a_power_cut_the_device_goes_on_with_block_requests(make_device, start_herdsman, images):
    device = make_device()
    hub = start_herdsman(device, "--image", images.v2, *SLOW)
    seen = device.process.wait("block", lambda event: event["offset"] > ERASE_SIZE)["offset"]
    device.power_cut()
    hub.wait("disconnected")
    device.power_on()
    resumed = device.process.wait("resume")
    assert resumed["offset"] > seen - ERASE_SIZE
    result = assert_updated(device, hub, images)
    assert result["largest_step_back"] <= ERASE_SIZE, "at most one erase unit was fetched twice"
    # Herdsman answers one query a session: the device finished without another one.
    life = names_of(device.process.events)
    assert device.process.events[0]["event"] == "listening"
    assert device.process.wait("boot")["cause"] == "power-on"
    assert "query" not in life[: life.index("verified")]
    (check,) = hub.all("check")
    assert check["available"]
    assert check["current"] == {
        "fieldControl": 1,
        "manufacturerCode": 0x1234,
        "imageType": 0x0084,
        "fileVersion": V1,
        "hardwareVersion": 1,
    }
    assert [progress["percent"] for progress in hub.all("progress")] == [0, 100]
    assert device.process.wait("countdown")["seconds"] == 1


# rule: end-invalid, hub-end-failure-told
def test_an_image_of_another_key_is_refused_and_herdsman_is_told(make_device, start_herdsman, images):
    device = make_device()
    result = failure_of(start_herdsman(device, "--image", images.forged))
    assert result["error"].endswith("failed with reason: INVALID_IMAGE")
    assert device.process.wait("rejected")["number"] == reject.UNKNOWN_KEY
    assert not device.process.all("accepted")
    assert result["blocks"] < 15, "it was refused on its first few hundred bytes"
    assert_untouched(device, images)


# rule: hub-plain-file
def test_a_plain_file_for_another_manufacturer_is_declined(make_device, start_herdsman, images):
    device = make_device()
    hub = start_herdsman(device, "--image", images.foreign, "--patience", 1)
    result = failure_of(hub)
    assert not hub.wait("check")["available"], "by its index herdsman would not have offered it"
    assert hub.all("progress"), "by the plain file it did"
    assert "did not start/finish firmware download" in result["error"]
    assert result["blocks"] == 0
    again = start_herdsman(device, "--interview", "--address", ADDRESS)
    assert again.exit_code() == 0, again.events
    assert again.wait("interview")["basic"]["swBuildId"] == "0.1.0.0"
    assert_untouched(device, images)
