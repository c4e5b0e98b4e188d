"""hanota sign: upgrade files as hubs and devices take them."""

import re
import stat
import struct

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from zigpy.ota.image import parse_ota_image

from tests.command_line.running import PAYLOAD, inspect, run, sign, sign_arguments
from tools import interface


@pytest.mark.parametrize(("device", "image_type"), [("ppmid", 0x0084), ("ihd", 0x0080), ("hcalcs", 0x000D)])
def test_sign_elements_is_what_zigpy_takes(place, device, image_type):
    data = sign(place, "--layout", "elements", device=device)
    image, rest = parse_ota_image(data)
    assert not rest
    header = image.header
    assert (header.manufacturer_id, header.image_type, header.file_version) == (
        0x1234,
        image_type,
        0x00020000,
    )
    assert header.header_length == 56 and header.field_control == 0 and header.stack_version == 2
    assert [element.tag_id for element in image.subelements] == [0]
    assert image.subelements[0].data == data[62:]
    assert data[62:64] == b"\xd8\x6b" and data.endswith(PAYLOAD)


def test_sign_by_default_puts_the_image_right_behind_the_header(place):
    data = sign(place)
    assert struct.unpack_from("<IHHH", data) == (0x0BEEF11E, 0x0100, 60, 0x0004)
    assert struct.unpack_from("<IHH", data, 52) == (len(data), 0, 0xFFFF)
    assert data[60:62] == b"\xd8\x6b" and data.endswith(PAYLOAD)


@pytest.mark.parametrize(
    ("options", "limits"),
    [
        (["--hardware-min", "2", "--hardware-max", "0x0105"], (2, 0x0105)),
        (["--hardware-min", "2"], (2, 0xFFFF)),
        (["--hardware-max", "5"], (0, 5)),
    ],
)
def test_sign_with_a_hardware_limit_writes_the_60_byte_header(place, options, limits):
    data = sign(place, *options)
    assert struct.unpack_from("<HH", data, 6) == (60, 0x0004)
    assert struct.unpack_from("<HH", data, 56) == limits
    (report,) = inspect(place / "out.ota", "--trust", place / "keys/public.pem")
    assert (report["manifest"]["hardware_min"], report["manifest"]["hardware_max"]) == limits


def test_sign_gives_the_same_bytes_for_the_same_input(place):
    assert sign(place, output="1.ota") == sign(place, output="2.ota")


def test_sign_takes_sequence_and_image_type(place):
    sign(place, "--sequence", "9", "--image-type", "0x0099")
    (report,) = inspect(place / "out.ota", "--trust", place / "keys/public.pem")
    assert report["manifest"]["sequence_number"] == 9
    assert report["manifest"]["image_type"] == report["header"]["image_type"] == "0x0099"
    sign(place, "--image-type", "7", device=None)
    (report,) = inspect(place / "out.ota", "--trust", place / "keys/public.pem")
    assert report["manifest"]["sequence_number"] == 0x00020000
    assert report["manifest"]["image_type"] == "0x0007"


def test_sign_says_which_interface_the_payload_needs(application, place):
    def signed(*options):
        text = run(*sign_arguments(place, "--device", "ppmid", *options))
        (report,) = inspect(place / "out.ota", "--trust", place / "keys/public.pem")
        return text, report["manifest"]["interface"]

    text, found = signed()
    assert found is None and ", interface" not in text
    text, found = signed("--interface", "3")
    assert found == 3 and "interface 3, " in text
    # What is built says it by itself; whoever signs has the last word.
    run("build", application, "-o", place / "payload.bin")
    text, found = signed()
    assert found == interface.needed() and f"interface {found}, " in text
    text, found = signed("--interface", "65535")
    assert found == 65535 and "interface 65535, " in text
    shown = run("inspect", place / "out.ota", "--trust", place / "keys/public.pem")
    assert re.search(r"^    interface +65535$", shown, re.MULTILINE)


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--device", "ppmid", "--interface", "65536"],
        ["--device", "esme"],
        ["--device", "ppmid", "--image-type", "0xffff"],
        ["--device", "ppmid", "--file-version", "0xffffffff"],
        ["--device", "ppmid", "--file-version", "0x100000000"],
        ["--device", "ppmid", "--file-version", "-1"],
        ["--device", "ppmid", "--file-version", "two"],
        ["--device", "ppmid", "--manufacturer-code", "0x10000"],
        ["--device", "ppmid", "--manufacturer-code", "0xffff"],
        ["--device", "ppmid", "--hardware-min", "3", "--hardware-max", "2"],
        ["--device", "ppmid", "--layout", "zip"],
        ["--device", "ppmid", "--key", "no.pem"],
        ["--device", "ppmid", "--sequence", "4294967296"],
    ],
)
def test_sign_refuses_unusable_arguments(place, options):
    assert "Error" in run(*sign_arguments(place, *options), code=2)
    assert not (place / "out.ota").exists()


def test_sign_needs_a_private_p256_key_and_a_payload(place):
    run(*sign_arguments(place, "--device", "ppmid", "--key", place / "keys/public.pem"), code=2)
    run(*sign_arguments(place, "--device", "ppmid", "--key", place / "payload.bin"), code=2)
    other = ec.generate_private_key(ec.SECP384R1())
    pem = place / "p384.pem"
    from cryptography.hazmat.primitives import serialization as form

    pem.write_bytes(other.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()))
    assert "not a P-256 key" in run(*sign_arguments(place, "--device", "ppmid", "--key", pem), code=2)
    sealed = place / "sealed.pem"
    key = ec.generate_private_key(ec.SECP256R1())
    sealed.write_bytes(
        key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.BestAvailableEncryption(b"x"))
    )
    assert "passphrase" in run(*sign_arguments(place, "--device", "ppmid", "--key", sealed), code=2)
    (place / "payload.bin").write_bytes(b"")
    assert "empty" in run(*sign_arguments(place, "--device", "ppmid"), code=2)


def test_sign_never_writes_over_its_input(place):
    before = (place / "keys/private.pem").read_bytes()
    run(*sign_arguments(place, "--device", "ppmid", output="keys/private.pem"), code=2)
    run(*sign_arguments(place, "--device", "ppmid", output="payload.bin"), code=2)
    assert (place / "keys/private.pem").read_bytes() == before
    assert (place / "payload.bin").read_bytes() == PAYLOAD


def test_output_is_whole_and_alone(place):
    sign(place)
    assert sorted(path.name for path in place.iterdir()) == ["keys", "out.ota", "payload.bin"]
    assert stat.S_IMODE((place / "out.ota").stat().st_mode) & 0o600 == 0o600
