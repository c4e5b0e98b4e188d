"""inspect, held to the contract of the command line: any bytes at all, and the device's verdict."""

import hashlib
import json
import os
import struct

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from firmware_agent import reject
from firmware_agent.trust.envelope import key_id
from tests.command_line.running import PAYLOAD, inspect, run, sign
from tests.test_known_keys import DCC_SUPPLIER
from tools import envelope, inspection, keys, layout, upgrade_file

DATA = layout.ROOT / "tests" / "data"
KEY = keys.from_scalar(0x1234567)
ANCHORS = [KEY.public_key]


@pytest.mark.parametrize("options", [[], ["--layout", "elements"], ["--hardware-min", "1"]])
def test_inspect_accepts_what_was_signed(place, options):
    data = sign(place, *options)
    (report,) = inspect(place / "out.ota", "--trust", place / "keys/public.pem")
    assert set(report) == {"file", "header", "elements", "manifest", "gbcs", "verdict", "reason"}
    assert report["file"] == str(place / "out.ota")
    assert (report["verdict"], report["reason"]) == ("accepted", "")
    assert report["header"]["file_version"] == report["manifest"]["file_version"] == "0x00020000"
    assert report["header"]["image_size"] == len(data)
    assert report["manifest"]["image_digest"] == hashlib.sha256(PAYLOAD).hexdigest()
    assert report["manifest"]["image_size"] == len(PAYLOAD)
    if "elements" in options:
        (element,) = report["elements"]
        assert (element["tag"], element["offset"], element["length"]) == ("0x0000", 62, len(data) - 62)
    else:
        assert report["elements"] == []
    text = run("inspect", place / "out.ota", "--trust", place / "keys/public.pem")
    assert "accepted" in text and "0x00020000" in text


def test_inspect_without_trust_refuses(place):
    sign(place)
    (report,) = inspect(place / "out.ota", code=1)
    assert (report["verdict"], report["reason"]) == ("refused", "no trust anchor")
    assert report["manifest"]["file_version"] == "0x00020000"
    assert "refused: no trust anchor" in run("inspect", place / "out.ota", code=1)


def test_inspect_one_refused_file_among_others_ends_with_1(place):
    sign(place)
    (place / "noise").write_bytes(b"noise")
    reports = inspect(place / "out.ota", place / "noise", "--trust", place / "keys/public.pem", code=1)
    assert [report["verdict"] for report in reports] == ["accepted", "refused"]


def test_inspect_needs_files_and_public_keys(place):
    sign(place)
    run("inspect", place / "nothing.ota", code=2)
    run("inspect", place, code=2)
    text = run("inspect", place / "out.ota", "--trust", place / "keys/private.pem", code=2)
    assert "public.pem" in text
    run("inspect", place / "out.ota", "--trust", place / "out.ota", code=2)


def test_inspect_takes_any_file_name(place):
    name = os.fsdecode(b"bad\xff\nname.ota")
    (place / name).write_bytes(sign(place))
    (report,) = inspect(place / name, "--trust", place / "keys/public.pem")
    assert report["file"] == str(place / name)
    assert "accepted" in run("inspect", place / name, "--trust", place / "keys/public.pem")


IDENTITY = envelope.Identity(0x1234, 0x84, 0x00020000)
LIMITED = envelope.Identity(0x1234, 0x84, 0x00020000, hardware=(1, 2))


def made(layout_elements=True, identity=IDENTITY, **header):
    """An upgrade file of ours; ``header`` relabels it after signing."""
    image = envelope.build(PAYLOAD, identity, 0x00020000, KEY)
    relabelled = envelope.Identity(**{**vars(identity), **header})
    return upgrade_file.build(image, relabelled, b"test", layout_elements)


def with_size(data):
    """The file with the header's image size made right again."""
    return data[:52] + struct.pack("<I", len(data)) + data[56:]


def flipped(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


WRONG = {
    "another file version in the header": (made(file_version=0x00030000), reject.HEADER_MISMATCH),
    "another manufacturer in the header": (made(manufacturer_code=0x4321), reject.HEADER_MISMATCH),
    "another image type in the header": (made(image_type=0x80), reject.HEADER_MISMATCH),
    "a hardware range in the header alone": (made(hardware=(1, 2)), reject.HEADER_MISMATCH),
    "no hardware range in the header": (
        made(identity=LIMITED, hardware=None),
        reject.HEADER_MISMATCH,
    ),
    "one bit of the payload": (flipped(made(), len(made()) - 1), reject.DIGEST_MISMATCH),
    "one bit of the manifest": (flipped(made(), 62 + 200), reject.BAD_SIGNATURE),
    "one bit of the signature": (flipped(made(), 62 + 100), reject.BAD_SIGNATURE),
    "one bit of the key id": (flipped(made(), 62 + 56), reject.UNKNOWN_KEY),
    "a byte missing at the end": (made()[:-1], reject.SIZE_MISMATCH),
    "a byte more at the end": (made() + b"\0", reject.SIZE_MISMATCH),
    "a byte missing, sizes mended": (with_size(made(False)[:-1]), reject.SIZE_MISMATCH),
    "a byte more, sizes mended": (with_size(made(False) + b"\0"), reject.SIZE_MISMATCH),
    "a second element": (with_size(made() + struct.pack("<HI", 3, 16) + bytes(16)), reject.MALFORMED_FILE),
    "a Telink element": (
        with_size(made()[:56] + struct.pack("<HIH", 0xF000, 20, 7) + bytes(20)),
        reject.MALFORMED_FILE,
    ),
    "an element that overruns": (
        with_size(made()[:56] + struct.pack("<HI", 0, 999) + bytes(20)),
        reject.MALFORMED_FILE,
    ),
    "no element": (with_size(made()[:56]), reject.MALFORMED_FILE),
    "a vendor's prefix": (b"NGIS" + bytes(60) + made(), reject.MALFORMED_FILE),
    "a header without its options": (
        with_size(made()[:8] + struct.pack("<H", 4) + made()[10:]),
        reject.MALFORMED_FILE,
    ),
    "header version 2": (made()[:4] + b"\x00\x02" + made()[6:], reject.MALFORMED_FILE),
    "header length 0": (made()[:6] + b"\x00\x00" + made()[8:], reject.MALFORMED_FILE),
    "header length 65535": (made()[:6] + b"\xff\xff" + made()[8:], reject.MALFORMED_FILE),
    "half a header": (made()[:40], reject.MALFORMED_FILE),
    "nothing": (b"", reject.MALFORMED_FILE),
}


@pytest.mark.parametrize("what", WRONG)
def test_inspect_names_what_is_wrong(what):
    data, number = WRONG[what]
    report = inspection.examine(data, ANCHORS)
    assert report.verdict == "refused"
    assert report.reason.startswith(reject.name(number) + ": "), report.reason
    assert "no trust anchor" in inspection.examine(data, []).reason


def test_what_names_the_wrong_was_right_before():
    for data in (made(), made(False), made(identity=LIMITED)):
        assert inspection.examine(data, ANCHORS).verdict == "accepted"


def test_inspect_helps_with_what_is_seen_in_the_field():
    reason = inspection.examine(WRONG["a vendor's prefix"][0], ANCHORS).reason
    assert "starts at 64" in reason
    assert "Telink" in inspection.examine(WRONG["a Telink element"][0], ANCHORS).reason
    assert (
        "runs past the end: 999 bytes, 20 are left"
        in inspection.examine(WRONG["an element that overruns"][0], ANCHORS).reason
    )


def test_inspect_reads_the_dcc_s_samples():
    ppmid, esme = inspect(DATA / "dcc_sr11_4_ppmid.ota", DATA / "dcc_sr11_1_esme.ota", code=1)
    assert ppmid["header"]["image_type"] == "0x0084" and esme["header"]["image_type"] == "0x0000"
    for report in (ppmid, esme):
        assert report["header"]["manufacturer_code"] == "0x121d"
        assert report["header"]["file_version"] == "0xacdcacdc"
        assert (report["header"]["hardware_min"], report["header"]["hardware_max"]) == (0x1111, 0x1211)
        assert report["header"]["header_string"].startswith("I am a GFI")
        assert report["elements"] == [] and report["manifest"] is None
        assert report["verdict"] == "refused" and report["reason"].startswith("malformed-file: ")


def test_inspect_says_what_the_dcc_s_samples_are(tmp_path):
    """The figures are facts of the samples: the image's hash, and whose the supplier's signature is."""
    supplier = tmp_path / "supplier.pem"
    point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), DCC_SUPPLIER)
    supplier.write_bytes(point.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    options = [DATA / "dcc_sr11_4_ppmid.ota", DATA / "dcc_sr11_1_esme.ota"]
    ppmid, esme = (report["gbcs"] for report in inspect(*options, "--trust", supplier, code=1))
    digest = "7542f475e3f12eae887d81e32c46d313741d67076b13caec2f82e00ba5e1bb36"
    assert ppmid == {
        "for": "PPMID",
        "manufacturer_image_size": 235,
        "manufacturer_image_hash": digest,
        "force_replace": None,
        "supplier_signature": None,
        "supplier_signature_by": None,
    }
    assert (esme["for"], esme["manufacturer_image_size"]) == ("ESME", 235)
    assert (esme["manufacturer_image_hash"], esme["force_replace"]) == (digest, 0)
    assert esme["supplier_signature"].startswith("0eb4a9c72102790d")
    assert esme["supplier_signature_by"] == key_id(DCC_SUPPLIER).hex()
    # Anyone else's key did not make it, nor is it good for another image.
    (without,) = inspect(DATA / "dcc_sr11_1_esme.ota", code=1)
    assert without["gbcs"]["supplier_signature_by"] == "no key that was given"
    changed = bytearray((DATA / "dcc_sr11_1_esme.ota").read_bytes())
    changed[100] ^= 1
    (tmp_path / "changed.ota").write_bytes(changed)
    (altered,) = inspect(tmp_path / "changed.ota", "--trust", supplier, code=1)
    assert altered["gbcs"]["supplier_signature_by"] == "no key that was given"


def test_inspect_tells_the_hash_that_an_activation_command_names(place):
    for device, kind in (("ppmid", "PPMID"), ("hcalcs", "HCALCS"), ("ihd", "another device")):
        data = sign(place, "--device", device)
        (report,) = inspect(place / "out.ota", code=1)
        assert report["gbcs"]["for"] == kind and report["gbcs"]["supplier_signature"] is None
        assert report["gbcs"]["manufacturer_image_hash"] == hashlib.sha256(data[60:]).hexdigest()
    sign(place, "--layout", "elements")
    (report,) = inspect(place / "out.ota", code=1)
    assert report["gbcs"] is None


ORIGINALS = [
    made(),
    made(False),
    *[data for data, _ in WRONG.values()],
    *[path.read_bytes() for path in sorted(DATA.glob("*.ota"))],
]


@st.composite
def damaged(draw):
    """An upgrade file with a few pieces replaced, cut out or put in."""
    data = bytearray(draw(st.sampled_from(ORIGINALS)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, min(len(data), draw(st.sampled_from([20, 80, 400, len(data)])))))
        data[at : at + draw(st.integers(0, 6))] = draw(st.binary(max_size=6))
    return bytes(data)


def without_unused(data):
    """The file without what nobody signs and nothing uses: field control, stack version, header string."""
    return data[:8] + data[10:18] + data[52:]


@given(
    damaged() | st.binary(max_size=200) | st.binary(max_size=200).map(lambda rest: upgrade_file.MAGIC + rest)
)
def test_inspect_judges_any_bytes_at_all(data):
    names = [reject.name(number) for number in reject.numbers()]
    for anchors in (ANCHORS, []):
        report = inspection.as_json("x", inspection.examine(data, anchors))
        assert json.loads(json.dumps(report)) == report
        if report["verdict"] == "accepted":
            assert anchors
            assert without_unused(data) in (without_unused(made()), without_unused(made(False)))
        elif report["reason"] != "no trust anchor":
            assert report["reason"].split(": ")[0] in names


@given(st.binary(max_size=120))
def test_inspect_prints_any_header_on_a_terminal(data):
    data = made()[:20] + data.ljust(32, b"\x1b")[:32] + made()[52:]
    shown = inspection.as_json("x", inspection.examine(data, ANCHORS))
    assert shown["verdict"] == "accepted"
    assert shown["header"]["header_string"].isprintable()
