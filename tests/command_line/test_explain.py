"""inspect --explain: one device's verdict, rule by rule, and the same as the device's own."""

import json

import pytest
from hypothesis import given

from firmware_agent import INTERFACE, OLDEST_INTERFACE, reject
from firmware_agent.protocol.upgrade_file import UpgradeFile
from firmware_agent.reject import Rejected
from firmware_agent.store import facts
from firmware_agent.trust import acceptance
from firmware_agent.trust.anchors import ANCHORS, FIRMWARE, Anchor, Anchors
from firmware_agent.trust.verifier import SlotVerifier
from tests.command_line.running import run, sign
from tests.command_line.test_inspect import IDENTITY, WRONG, damaged, made
from tests.make_envelope_vectors import KEY
from tools import envelope, explanation, keys, upgrade_file

RULES = ["upgrade file", *[name for name, _, _ in acceptance.RULES], "payload"]


def asked(**changes):
    """A device that takes made(), unless changed."""
    device = facts.Device(
        0x1234,
        0x84,
        1,
        envelope.vendor_id(0x1234),
        envelope.class_id(0x1234, 0x84),
        0,
        1 << 20,
        Anchors([Anchor(KEY.public_key, FIRMWARE | ANCHORS)]),
        bytes(8),
        True,
    )
    for name, value in changes.items():
        setattr(device, name, value)
    return device


def explain_json(place, *options, code=0):
    arguments = ["inspect", place / "out.ota", "--explain", "--json", *options]
    (report,) = [json.loads(line) for line in run(*arguments, code=code).splitlines()]
    assert [rule["rule"] for rule in report["rules"]] == RULES
    return report


def test_an_accepted_image_passes_every_rule(place):
    sign(place)
    report = explain_json(place, "--trust", place / "keys/public.pem")
    assert report["verdict"] == "accepted" and report["reason"] == ""
    assert {rule["verdict"] for rule in report["rules"]} == {"passed"}
    assert all(rule["detail"] and rule["reason"] is None for rule in report["rules"])


def test_a_person_sees_every_rule_and_where_the_device_stops(place):
    sign(place, "--upgrade-from", "2", "--expires", "2030-01-01")
    public = place / "keys/public.pem"
    text = run("inspect", place / "out.ota", "--explain", "--trust", public, "--running-version", "1", code=1)
    for rule in RULES:
        assert f"│ {rule} " in text, rule
    assert "left out" in text and "does not know the time" in text
    assert "A device stops at 'upgrade pathway'; the rules below it are for you." in text
    assert "refused: upgrade-pathway: " in text
    run("keygen", "--out", place / "other")
    public = place / "other/public.pem"
    text = run("inspect", place / "out.ota", "--explain", "--trust", public, code=1)
    assert "A device stops at 'known key'; what is below it is read from unproven bytes." in text


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--image-type", "0x80"], "wrong-class"),
        (["--device", "ihd"], "wrong-class"),
        (["--manufacturer-code", "0x4321"], "wrong-vendor"),
        (["--hardware-version", "9"], "wrong-hardware"),
        (["--security-counter", "0x00020001"], "rollback"),
        (["--running-version", "0x00020001", "--security-counter", "0x00020000"], "downgrade"),
        (["--running-version", "0x00000001"], "upgrade-pathway"),
        (["--device-eui64", "0211223344556678"], "wrong-device"),
        (["--slot-size", "1000"], "too-large"),
        (["--now", "2030-01-01"], "expired"),
        ([], None),
    ],
)
def test_each_option_describes_the_device(place, options, reason):
    sign(
        place,
        *("--upgrade-from", "0x00010000", "--expires", "2030-01-01", "--hardware-max", "5"),
        *("--eui64", "0211223344556677"),
    )
    right = ["--device-eui64", "0211223344556677", "--running-version", "0x00010000", "--now", "2029-12-31"]
    trust = ["--trust", place / "keys/public.pem"]
    report = explain_json(place, *trust, *right, *options, code=0 if reason is None else 1)
    refused = [rule["reason"] for rule in report["rules"] if rule["verdict"] == "refused"]
    assert refused[:1] == ([] if reason is None else [reason])
    assert report["reason"].startswith(reason or "")
    assert report["device"]["trust_anchors"][0]["usage"] == "firmware, anchors"


def test_an_interface_that_the_boot_files_do_not_offer_is_refused_by_name(place):
    trust = ["--trust", place / "keys/public.pem"]
    sign(place, "--interface", str(INTERFACE))
    offered = f"{INTERFACE}, these boot files offer "
    (rule,) = [rule for rule in explain_json(place, *trust)["rules"] if rule["rule"] == "interface"]
    assert rule["verdict"] == "passed" and rule["detail"].startswith(offered)
    sign(place, "--interface", str(INTERFACE + 1))
    reason = explain_json(place, *trust, code=1)["reason"]
    assert reason.startswith("wrong-interface: the image was built for boot files of another interface (")
    assert f"interface {INTERFACE + 1}, these boot files offer {OLDEST_INTERFACE} to {INTERFACE})" in reason


def test_anchors_have_usages_and_test_keys_their_device(place):
    sign(place)
    public = place / "keys/public.pem"
    report = explain_json(place, "--anchor", f"activation={public}", code=1)
    assert report["reason"].startswith("wrong-key-usage: ")
    report = explain_json(place, "--anchor", f"firmware,test={public}", code=1)
    assert report["reason"].startswith("test-key: ")
    explain_json(place, "--anchor", f"firmware,test={public}", "--built-for-test")
    assert "two anchors with one key id" in run(
        *("inspect", place / "out.ota", "--explain", "--trust", public, "--anchor", f"anchors={public}"),
        code=2,
    )


def test_a_device_in_a_directory_is_asked_as_it_is(place):
    sign(place, "--file-version", "0x00010000", output="v1.ota")
    run("keygen", "--out", place / "supplier")
    supplier = keys.key_id(keys.load_public(place / "supplier/public.pem")).hex()
    run(
        *("provision", "--state", place / "device", "--factory", place / "v1.ota"),
        *("--manufacturer-key", place / "keys/public.pem"),
        *("--supplier-key", place / "supplier/public.pem", "--eui64", "07:06:05:04:03:02:01:00"),
    )
    sign(place)
    report = explain_json(place, "--device-state", place / "device")
    assert report["device"] == {
        "manufacturer_code": "0x1234",
        "image_type": "0x0084",
        "hardware_version": 1,
        "eui64": "0706050403020100",
        "file_version": "0x00010000",
        "security_counter": 0x00010000,
        "slot_size": 64 * 4096,
        "interfaces": [OLDEST_INTERFACE, INTERFACE],
        "time": None,
        "built_for_test": False,
        "trust_anchors": [
            {"key_id": report["manifest"]["key_id"], "usage": "firmware, anchors"},
            {"key_id": supplier, "usage": "activation"},
        ],
    }
    sign(place, "--file-version", "0x0000ffff")
    report = explain_json(place, "--device-state", place / "device", code=1)
    assert report["reason"].startswith("rollback: ")
    assert "2030" not in json.dumps(report)
    for more in (["--trust", place / "keys/public.pem"], ["--running-version", "1"]):
        text = run(
            "inspect", place / "out.ota", "--explain", "--device-state", place / "device", *more, code=2
        )
        assert "says who the device is" in text


def test_a_device_is_described_only_to_explain(place):
    sign(place)
    assert "--explain" in run("inspect", place / "out.ota", "--now", "2030-01-01", code=2)
    assert "--explain" in run("inspect", place / "out.ota", "--device-state", place, code=2)
    assert "no device" in run("inspect", place / "out.ota", "--explain", "--device-state", place, code=2)


@pytest.mark.parametrize("what", WRONG)
def test_the_first_refusal_is_the_device_s_own(what):
    data, _ = WRONG[what]
    found = explanation.refusal(explanation.explain(data, asked()))
    assert found is not None and found.reason == reject.name(verdict_of(data, asked())), found


def verdict_of(data, device):
    """What the device itself says: its parser, accept(), its verifier. 0 if it takes the image."""
    file = UpgradeFile()
    try:
        file.feed(data, 0, len(data))
        if not file.ready:
            return reject.MALFORMED_FILE
        if file.size != len(data):
            return reject.SIZE_MISMATCH
        image = data[file.image_offset :]
        manifest = acceptance.accept(image, len(image), file.image_length, file, device)

        def read(offset, buf):
            buf[:] = image[offset : offset + len(buf)]

        check = SlotVerifier(read, manifest)
        while not check.step():
            pass
    except Rejected as refusal:
        return refusal.number
    return 0


@given(damaged())
def test_any_bytes_are_explained_and_never_against_the_device(data):
    device = asked(file_version=1)
    findings = explanation.explain(data, device)
    assert [finding.rule for finding in findings] == RULES
    found = explanation.refusal(findings)
    assert (found is None) == (verdict_of(data, device) == 0)
    if found is not None:
        assert found.reason == reject.name(verdict_of(data, device))
    assert json.loads(json.dumps(explanation.as_json(findings))) == explanation.as_json(findings)


def test_what_a_file_says_cannot_steer_the_terminal():
    # Rich reads [red] in a string as markup; a Text is only text. No device option or file gets that far.
    file = upgrade_file.build(envelope.build(b"x", IDENTITY, 1, KEY), IDENTITY, b"[red]\x1b[2J", False)
    (first, *_) = explanation.explain(file, asked())
    assert first.verdict == "passed" and made()
