"""Where the signing key may be: in a file, behind a passphrase, in another program, on another machine."""

import hashlib
import os
import sys

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from firmware_agent.trust.envelope import Envelope
from tests.command_line.running import inspect, run, sign
from tools import keys, signing

DESCRIBED = ["--device", "ppmid", "--manufacturer-code", "0x1234", "--file-version", "0x00020000"]

# A program that signs with KEY_FILE, as one in front of an HSM would. argv: key file, form of the answer.
SIGNER = """
import sys
sys.path.insert(0, {root!r})
from pathlib import Path
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

line = sys.stdin.readline()
assert line.endswith("\\n") and len(line) == 65 and not sys.stdin.read(), "not one line with a digest"
key = load_pem_private_key(Path(sys.argv[1]).read_bytes(), None)
der = key.sign(bytes.fromhex(line), ec.ECDSA(Prehashed(SHA256())))
r, s = decode_dss_signature(der)
raw = r.to_bytes(32, "big") + s.to_bytes(32, "big")
answers = {{
    "raw": raw,
    "hex": raw.hex().encode(),
    "line": raw.hex().upper().encode() + b"\\n",
    "der": der,
    "short": raw[:63],
    "nothing": b"",
    "words": b"Enter PIN:",
    "swapped": raw[32:] + raw[:32],
}}
sys.stdout.buffer.write(answers[sys.argv[2]])
"""


@pytest.fixture
def signer(place):
    """signer(form) -> a --signer-command"""
    program = place / "a signer.py"
    program.write_text(SIGNER.format(root=os.fspath(place)))

    def command(form, key="keys/private.pem"):
        return f"'{sys.executable}' '{program}' '{place / key}' {form}"

    return command


def by_command(place, command, *more, code=0, public="keys/public.pem"):
    output = place / "out.ota"
    arguments = ["sign", place / "payload.bin", "-o", output, "--signer-command", command]
    return run(*arguments, "--public", place / public, *DESCRIBED, *more, code=code)


def offline(place, digest, key="keys/private.pem"):
    """What the other machine does: r || s over the digest."""
    private = load_pem_private_key((place / key).read_bytes(), None)
    return private.sign(bytes.fromhex(digest), ec.ECDSA(Prehashed(SHA256()), deterministic_signing=True))


def prepare(place, *more):
    """The digest that --prepare prints; the file is unsigned.ota."""
    output = run(
        "sign",
        place / "payload.bin",
        "-o",
        place / "unsigned.ota",
        "--prepare",
        "--public",
        place / "keys/public.pem",
        *DESCRIBED,
        *more,
    )
    return output.splitlines()[-1].removeprefix("sign this digest: ")


def attach(place, signature, *more, code=0, public="keys/public.pem", prepared="unsigned.ota"):
    (place / "signature").write_bytes(signature)
    arguments = ["sign", place / prepared, "-o", place / "out.ota", "--attach", place / "signature"]
    return run(*arguments, "--public", place / public, *more, code=code)


def accepted(place):
    (report,) = inspect(place / "out.ota", "--trust", place / "keys/public.pem")
    return report["verdict"] == "accepted"


# --- in a file


def test_a_passphrase_in_a_file_opens_the_key(place):
    (place / "secret").write_bytes(b"correct horse\r\nbattery staple\n")
    run("keygen", "--out", place / "sealed", "--passphrase-file", place / "secret")
    pem = (place / "sealed/private.pem").read_bytes()
    assert pem.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    load_pem_private_key(pem, b"correct horse")
    key = ("--key", place / "sealed/private.pem", "--passphrase-file", place / "secret")
    run("sign", place / "payload.bin", "-o", place / "out.ota", *DESCRIBED, *key)
    (report,) = inspect(place / "out.ota", "--trust", place / "sealed/public.pem")
    assert report["verdict"] == "accepted"


def test_a_wrong_passphrase_is_said_and_an_empty_one_is_none(place):
    for name, text in (("secret", b"right"), ("wrong", b"wrong"), ("empty", b"\nright")):
        (place / name).write_bytes(text)
    run("keygen", "--out", place / "sealed", "--passphrase-file", place / "secret")
    key = ("--key", place / "sealed/private.pem")
    signing_it = ["sign", place / "payload.bin", "-o", place / "out.ota", *DESCRIBED, *key]
    assert "does not open it" in run(*signing_it, "--passphrase-file", place / "wrong", code=1)
    assert "first line is empty" in run(*signing_it, "--passphrase-file", place / "empty", code=2)
    # No terminal to ask at: said, not waited for.
    assert "--passphrase-file" in run(*signing_it, code=2)
    assert not (place / "out.ota").exists()


def test_at_a_terminal_the_passphrase_is_asked_for(place, monkeypatch):
    (place / "secret").write_bytes(b"right")
    run("keygen", "--out", place / "sealed", "--passphrase-file", place / "secret")
    monkeypatch.setattr(signing.sys, "stdin", type("Terminal", (), {"isatty": lambda self: True})())
    asked = []

    def prompt(text, hide_input, err):
        asked.append((text, hide_input, err))
        return "right"

    monkeypatch.setattr(signing.click, "prompt", prompt)
    key = keys.load_private(place / "sealed/private.pem", signing.passphrase_source(None))
    assert key.public_key == keys.load_public(place / "sealed/public.pem")
    assert asked == [("Passphrase", True, True)]


def test_keygen_never_prints_a_private_key(place, tmp_path):
    (tmp_path / "secret").write_bytes(b"a secret phrase")
    for more in ([], ["--passphrase-file", tmp_path / "secret"]):
        directory = tmp_path / f"new{len(more)}"
        said = run("keygen", "--out", directory, *more)
        pem = (directory / "private.pem").read_text()
        scalar = load_pem_private_key(pem.encode(), b"a secret phrase" if more else None).private_numbers()
        secrets = [f"{scalar.private_value:x}", str(scalar.private_value), "a secret phrase", "PRIVATE KEY"]
        secrets += pem.splitlines()
        # Not a piece of it either.
        pieces = [secret[at : at + 12] for secret in secrets for at in range(max(1, len(secret) - 11))]
        assert len(pieces) > 100
        assert [piece for piece in pieces if piece and piece in said] == []


# --- in another program


@pytest.mark.parametrize("form", ["raw", "hex", "line", "der"])
def test_a_signer_command_signs(place, signer, form):
    by_command(place, signer(form))
    assert accepted(place)


@pytest.mark.parametrize("form", ["short", "nothing", "words"])
def test_what_a_signer_command_says_must_be_a_signature(place, signer, form):
    assert "r || s" in by_command(place, signer(form), code=1)
    assert not (place / "out.ota").exists()


def test_a_signature_by_another_key_never_gets_into_a_file(place, signer):
    run("keygen", "--out", place / "other")
    assert "does not verify" in by_command(place, signer("raw", "other/private.pem"), code=1)
    assert "does not verify" in by_command(place, signer("swapped"), code=1)
    assert not (place / "out.ota").exists()


def test_a_signer_command_that_fails_fails_the_signing(place):
    assert "status 3" in by_command(place, f"'{sys.executable}' -c 'raise SystemExit(3)'", code=1)
    assert "cannot run" in by_command(place, "/no/such/program", code=2)
    assert "empty" in by_command(place, " ", code=2)
    assert "No closing quotation" in by_command(place, "'half", code=2)
    assert not (place / "out.ota").exists()


def test_a_signer_command_that_says_nothing_is_given_up(place, monkeypatch):
    monkeypatch.setattr(signing, "COMMAND_PATIENCE", 0.2)
    sleeper = f"'{sys.executable}' -c 'import time; time.sleep(60)'"
    assert "no answer" in by_command(place, sleeper, code=1)


# --- on another machine


@pytest.mark.parametrize("layout", ["gbcs", "elements"])
def test_two_steps_give_the_bytes_of_one(place, layout):
    digest = prepare(place, "--layout", layout)
    attach(place, offline(place, digest))
    assert (place / "out.ota").read_bytes() == sign(place, "--layout", layout, output="direct.ota")
    assert accepted(place)


def test_what_is_prepared_is_refused_until_it_is_signed(place):
    digest = prepare(place)
    (report,) = inspect(place / "unsigned.ota", "--trust", place / "keys/public.pem", code=1)
    assert report["reason"].startswith("bad-signature")
    assert report["manifest"]["file_version"] == "0x00020000"  # so the second machine can see what it signs
    image = (place / "unsigned.ota").read_bytes()[60:]
    assert hashlib.sha256(Envelope(image, len(image)).signed).hexdigest() == digest


def test_attach_takes_every_form_of_a_signature(place):
    der = offline(place, prepare(place))
    raw = signing.parse_signature(der)
    for form in (raw, raw.hex().encode(), raw.hex().encode() + b"\n", der):
        (place / "out.ota").unlink(missing_ok=True)
        attach(place, form)
        assert accepted(place)


def test_attach_refuses_what_does_not_belong_together(place):
    digest = prepare(place)
    good = offline(place, digest)
    run("keygen", "--out", place / "other")
    assert digest in attach(place, offline(place, digest, "other/private.pem"), code=1)
    assert "prepared for the key" in attach(place, good, public="other/public.pem", code=1)
    assert "r || s" in attach(place, b"nonsense", code=2)
    # Prepared again with another version, the old signature is of no use.
    prepare(place, "--file-version", "0x00030000")
    assert "not this key's" in attach(place, good, code=1)
    assert "no file of --prepare" in attach(place, good, prepared="payload.bin", code=2)
    assert not (place / "out.ota").exists()
    prepare(place)
    attach(place, good)
    (place / "signed.ota").write_bytes((place / "out.ota").read_bytes())
    assert "has a signature already" in attach(place, good, prepared="signed.ota", code=1)


def test_attach_changes_nothing_that_was_prepared(place):
    good = offline(place, prepare(place))
    for option in (["--file-version", "3"], ["--layout", "elements"], ["--expires", "2030-01-01"]):
        assert option[0] in attach(place, good, *option, code=2)


def test_one_way_to_sign_at_a_time(place):
    start = ["sign", place / "payload.bin", "-o", place / "out.ota", *DESCRIBED]
    key = ["--key", place / "keys/private.pem"]
    public = ["--public", place / "keys/public.pem"]
    for options in (
        [],
        public,
        [*key, "--prepare", *public],
        [*key, *public],
        ["--prepare"],
        ["--signer-command", "x"],
        ["--prepare", *public, "--passphrase-file", place / "payload.bin"],
    ):
        assert "Error" in run(*start, *options, code=2)
    for missing in ("--manufacturer-code", "--file-version"):
        at = DESCRIBED.index(missing)
        rest = DESCRIBED[:at] + DESCRIBED[at + 2 :]
        assert missing in run("sign", place / "payload.bin", "-o", place / "out.ota", *rest, *key, code=2)
    assert not (place / "out.ota").exists()


def test_parse_signature_is_strict():
    good = encode_dss_signature(1, 2)
    assert signing.parse_signature(good) == (1).to_bytes(32, "big") + (2).to_bytes(32, "big")
    for wrong in (good + b"\0", good[:-1], bytes(63), b"z" * 128, encode_dss_signature(1, 1 << 256), b""):
        with pytest.raises(ValueError, match="no signature"):
            signing.parse_signature(wrong)


# --- what a manifest may ask for


def test_sign_writes_every_condition(place):
    run("keygen", "--out", place / "next")
    run("keygen", "--out", place / "old")
    new_id = keys.key_id(keys.load_public(place / "next/public.pem")).hex()
    old_id = keys.key_id(keys.load_public(place / "old/public.pem")).hex()
    data = sign(
        place,
        *("--upgrade-from", "0x00010000", "--eui64", "02:11:22:33:44:55:66:77"),
        *("--expires", "2027-01-31T18:00+01:00"),
        *("--add-anchor", f"firmware,anchors={place / 'next/public.pem'}"),
        *("--revoke-anchor", place / "old/public.pem"),
    )
    (report,) = inspect(place / "out.ota", "--trust", place / "keys/public.pem")
    assert report["verdict"] == "accepted"
    found = report["manifest"]
    assert found["upgrade_from"] == "0x00010000"
    assert found["destination"] == report["header"]["destination"] == "0211223344556677"
    assert data[56:64] == bytes.fromhex("7766554433221102")  # on the air the least significant byte is first
    assert found["expiry"] == "2027-01-31T17:00:00Z"
    assert found["new_anchor"] == f"{new_id} (firmware, anchors)"
    assert found["revoked"] == old_id
    sign(place, "--revoke-anchor", old_id)
    (report,) = inspect(place / "out.ota", "--trust", place / "keys/public.pem")
    assert report["manifest"]["revoked"] == old_id
    sign(place)
    (report,) = inspect(place / "out.ota", "--trust", place / "keys/public.pem")
    names = ("upgrade_from", "destination", "expiry", "new_anchor", "revoked")
    assert [report["manifest"][name] for name in names] == [None] * 5


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--upgrade-from", "0x00020001"], "nothing could take it"),
        (["--eui64", "02:11"], "EUI64"),
        (["--expires", "soon"], "2026-12-31"),
        (["--expires", "1999-12-31"], "2000-01-01"),
        (["--expires", "2200-01-01"], "2136"),
        (["--add-anchor", "keys/public.pem"], "firmware,anchors=public.pem"),
        (["--add-anchor", "fireware=keys/public.pem"], "no usage"),
        (["--add-anchor", "firmware=nothing.pem"], "cannot read"),
        (["--add-anchor", "firmware=known.pem"], "everybody knows"),
        (["--revoke-anchor", "keys/public.pem"], "sign with the new key"),
        (["--revoke-anchor", "0123456789abcdeg"], "cannot read"),
        (["--add-anchor", "firmware=other/public.pem", "--revoke-anchor", "other/public.pem"], "one key"),
    ],
)
def test_sign_refuses_what_no_device_takes(place, monkeypatch, options, said):
    run("keygen", "--out", place / "other")
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    known = ec.derive_private_key(0x1234567, ec.SECP256R1()).public_key()
    (place / "known.pem").write_bytes(known.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    monkeypatch.chdir(place)
    start = ["sign", "payload.bin", "-o", "out.ota", "--key", "keys/private.pem", *DESCRIBED]
    assert said in run(*start, *options, code=2)
    assert not (place / "out.ota").exists()
