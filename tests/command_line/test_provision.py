"""provision: a device leaves the factory with its trust anchors, and with no test key."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.command_line.running import run, sign
from tools import keys, native_modules, pinned_table


@pytest.fixture
def factory(place):
    """provision(*options, code=0) with v1.ota and the keys manufacturer and supplier."""
    for name in ("supplier", "spare", "spare2", "spare3"):
        run("keygen", "--out", place / name)
    sign(place, output="v1.ota")

    def provision(*options, state="device", image="v1.ota", key="keys", code=0):
        start = ["provision", "--state", place / state, "--factory", place / image]
        return run(*start, "--manufacturer-key", place / key / "public.pem", *options, code=code)

    return provision


def anchors(place, state="device"):
    shown = json.loads(run("slots", "--state", place / state, "--json"))
    return [(one["key_id"], one["usage"]) for one in shown["trust_anchors"]]


def key_id(place, name):
    return keys.key_id(keys.load_public(place / name / "public.pem")).hex()


def test_a_device_gets_its_anchors_each_with_its_usage(place, factory):
    spare = f"firmware,activation={place / 'spare/public.pem'}"
    text = factory("--supplier-key", place / "supplier/public.pem", "--anchor", spare)
    assert anchors(place) == [
        (key_id(place, "keys"), "firmware, anchors"),
        (key_id(place, "supplier"), "activation"),
        (key_id(place, "spare"), "firmware, activation"),
    ]
    assert key_id(place, "supplier") in text
    shown = run("slots", "--state", place / "device")
    assert f"trust anchor {key_id(place, 'supplier')}: activation" in shown
    # They are in the flash and nowhere else.
    assert "anchor" not in (place / "device/device.json").read_text()
    assert keys.load_public(place / "supplier/public.pem")[1:] in (place / "device/flash.bin").read_bytes()


def test_a_device_keeps_who_it_is(place, factory):
    factory("--eui64", "02:11:22:33:44:55:66:77", "--device", "ppmid")
    identity = json.loads((place / "device/device.json").read_text())
    assert identity["eui64"] == "7766554433221102"
    before = (place / "device/flash.bin").read_bytes()
    assert "holds a device already" in factory(code=2)
    assert (place / "device/flash.bin").read_bytes() == before


def test_what_its_rules_refuse_no_factory_installs(place, factory):
    assert "wrong-class" in factory("--device", "ihd", code=1)
    assert "unknown-key" in factory(key="supplier", code=1)
    sign(place, "--eui64", "0211223344556677", output="for-one.ota")
    assert "wrong-device" in factory("--eui64", "0211223344556678", image="for-one.ota", code=1)
    factory("--eui64", "0211223344556677", image="for-one.ota")
    # An image that asks for an older one first is still a first image.
    sign(place, "--upgrade-from", "0x00010000", output="later.ota")
    factory(state="other", image="later.ota")


def test_test_keys_never_leave_the_factory(place, factory):
    known = ec.derive_private_key(0x1234567, ec.SECP256R1()).public_key()
    (place / "known").mkdir()
    pem = known.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (place / "known/public.pem").write_bytes(pem)
    assert "is a test key" in factory(key="known", code=2)
    assert "is a test key" in factory("--supplier-key", place / "known/public.pem", code=2)
    assert "is a test key" in factory("--anchor", f"firmware,test={place / 'spare/public.pem'}", code=2)
    assert not (place / "device").exists()
    # Nor by the short way, which asks the device's own rules.
    arguments = ["emulate", "--state", place / "device", "--factory", place / "v1.ota"]
    (place / "known/private.pem").write_bytes(_private_pem())
    run(*_signed_with(place, "known/private.pem", "v0.ota"))
    arguments[4] = place / "v0.ota"
    text = run(*arguments, "--trust", place / "known/public.pem", "--listen", "127.0.0.1:0", code=1)
    assert "test-key" in text


def _private_pem():
    from cryptography.hazmat.primitives.serialization import NoEncryption, PrivateFormat

    private = ec.derive_private_key(0x1234567, ec.SECP256R1())
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _signed_with(place, key, output):
    return [
        *("sign", place / "payload.bin", "-o", place / output, "--key", place / key),
        *("--device", "ppmid", "--manufacturer-code", "0x1234", "--file-version", "1"),
    ]


def test_what_checks_signatures_is_chosen_at_the_factory(place, factory):
    assert "signatures checked by: python" in factory()
    table = pinned_table.make(keys.load_public(place / "keys/public.pem"))
    native = native_modules.module("x64").read_bytes()
    holds = {}
    for choice in ("python", "pinned", "native", "native-pinned"):
        assert f"signatures checked by: {choice}" in factory("--verifier", choice, state=choice)
        assert json.loads((place / choice / "device.json").read_text())["verifier"] == choice
        rom = (place / choice / "rom.bin").read_bytes()
        holds[choice] = (table in rom, native in rom)
    assert holds == {
        "python": (False, False),
        "pinned": (True, False),
        "native": (False, True),
        "native-pinned": (True, True),
    }
    assert "is not one of" in factory("--verifier", "none", state="none", code=2)


def test_four_anchors_at_most_and_no_two_alike(place, factory):
    more = [f"firmware={place / name / 'public.pem'}" for name in ("spare", "spare2", "spare3")]
    options = [option for anchor in more for option in ("--anchor", anchor)]
    factory(*options)
    assert len(anchors(place)) == 4
    supplier = ["--supplier-key", place / "supplier/public.pem"]
    assert "4 is the most" in factory(*options, *supplier, state="fifth", code=2)
    twin = ["--anchor", f"activation={place / 'keys/public.pem'}"]
    assert "two anchors with one key id" in factory(*twin, state="fifth", code=2)
    assert not (place / "fifth").exists()


def test_emulate_needs_no_key_once_there_is_a_device_and_refuses_another_s(place, factory):
    arguments = ["emulate", "--state", place / "device", "--listen", "127.0.0.1:0"]
    assert "give it a firmware" in run(*arguments, code=2)
    assert "--trust" in run(*arguments, "--factory", place / "v1.ota", code=2)
    factory()
    text = run(*arguments, "--trust", place / "spare/public.pem", code=2)
    assert f"trust anchor {key_id(place, 'keys')}" in text and key_id(place, "spare") in text
