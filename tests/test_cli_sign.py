"""keygen, build and sign, held to the contract of the command line; inspect has test_cli_inspect.py."""

import json
import os
import re
import stat
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from mpremote.romfs import VfsRomWriter
from zigpy.ota.image import parse_ota_image

from tools import interface, keys, layout
from tools.cli import COMMANDS, main

ROOT = Path(__file__).resolve().parent.parent
PAYLOAD = bytes(range(256)) * 5


def run(*arguments, code=0):
    """Run a command; it must end with ``code``, and never with a traceback."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture
def place(tmp_path):
    """A directory with keys/ and payload.bin."""
    run("keygen", "--out", tmp_path / "keys")
    (tmp_path / "payload.bin").write_bytes(PAYLOAD)
    return tmp_path


def sign_arguments(place, *more, output="out.ota"):
    return [
        "sign",
        place / "payload.bin",
        "-o",
        place / output,
        "--key",
        place / "keys/private.pem",
        "--manufacturer-code",
        "0x1234",
        "--file-version",
        "0x00020000",
        *more,
    ]


def sign(place, *more, device="ppmid", output="out.ota"):
    """Sign payload.bin; returns the upgrade file's bytes."""
    chosen = () if device is None else ("--device", device)
    run(*sign_arguments(place, *chosen, *more, output=output))
    return (place / output).read_bytes()


def inspect(*arguments, code=0):
    """The objects that ``inspect --json`` prints."""
    return [json.loads(line) for line in run("inspect", "--json", *arguments, code=code).splitlines()]


# --- the group


def test_help_teaches_every_command_in_its_usual_order():
    text = run("--help")
    assert [line.split()[0] for line in text.split("Commands:")[1].strip().splitlines()] == list(COMMANDS)
    for step in ("keygen --out", "build ", "sign ", "inspect ", "emulate ", "serve "):
        assert f"hanota {step}" in text
    assert "0 done or accepted, 1 refused" in text


@pytest.mark.parametrize("name", ["keygen", "build", "sign", "inspect"])
def test_each_command_explains_itself_with_an_example(name):
    text = run(name, "--help")
    assert f"  hanota {name} " in text.split("Example:")[1]


def test_help_imports_no_command():
    code = (
        "import sys; from tools.cli import main; main(['--help'], standalone_mode=False); "
        "heavy = ('tools.commands', 'zigpy', 'cryptography', 'cbor2'); "
        "print([name for name in sys.modules if name.startswith(heavy)])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("program", [["-m", "tools"], [str(Path(sys.executable).with_name("hanota"))]])
def test_both_names_run_the_same_program(program, tmp_path):
    command = [sys.executable, *program]
    done = subprocess.run([*command, "--help"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "hanota keygen" in done.stdout
    (tmp_path / "noise").write_bytes(b"noise")
    done = subprocess.run(
        [*command, "inspect", str(tmp_path / "noise")], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and "refused: malformed-file" in done.stdout and not done.stderr


@pytest.mark.parametrize(
    "arguments", [["frobnicate"], ["sign"], ["inspect"], ["keygen"], ["build"], ["--frob"]]
)
def test_unusable_arguments_end_with_2(arguments):
    assert "Error" in run(*arguments, code=2)


# --- keygen


def test_keygen_writes_a_pair_that_belongs_together(tmp_path):
    text = run("keygen", "--out", tmp_path / "new" / "keys")
    private_path, public_path = tmp_path / "new/keys/private.pem", tmp_path / "new/keys/public.pem"
    private = load_pem_private_key(private_path.read_bytes(), None)
    public = load_pem_public_key(public_path.read_bytes())
    assert isinstance(private, ec.EllipticCurvePrivateKey) and isinstance(private.curve, ec.SECP256R1)
    assert private.public_key() == public
    assert stat.S_IMODE(private_path.stat().st_mode) == 0o600
    assert "PRIVATE KEY" not in text
    assert keys.load_private(private_path).key_id.hex() in text


def test_keygen_is_private_whatever_the_umask(tmp_path):
    old = os.umask(0)
    try:
        run("keygen", "--out", tmp_path)
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "private.pem").stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["private.pem", "public.pem"])
def test_keygen_never_overwrites(tmp_path, name):
    (tmp_path / name).write_bytes(b"mine")
    assert "does not overwrite" in run("keygen", "--out", tmp_path, code=1)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_bytes() == b"mine"


def test_keygen_where_a_file_stands_is_an_unusable_argument(tmp_path):
    (tmp_path / "file").touch()
    run("keygen", "--out", tmp_path / "file", code=2)


# --- build


@pytest.fixture
def application(tmp_path):
    """APP_DIR with a package ``show`` in it: two modules and a data file."""
    package = tmp_path / "apps" / "show"
    (package / "parts").mkdir(parents=True)
    (package / "app.py").write_text("from show.parts import face\n\n\ndef start():\n    return face.TEXT\n")
    (package / "parts" / "face.py").write_text("TEXT = 'hello'\n")
    (package / "font.bin").write_bytes(b"\x00\x01\x02")
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "app.cpython-311.pyc").write_bytes(b"junk")
    (package / ".hidden").write_bytes(b"junk")
    return tmp_path / "apps"


def romfs_files(data):
    """Path and contents of every file in a ROMFS image, in its order."""

    def number(at):
        value = 0
        while True:
            value = value << 7 | data[at] & 0x7F
            at += 1
            if not data[at - 1] & 0x80:
                return value, at

    def records(at, end, prefix):
        while at < end:
            kind, at = number(at)
            size, at = number(at)
            following = at + size
            if kind in (VfsRomWriter.ROMFS_RECORD_KIND_DIRECTORY, VfsRomWriter.ROMFS_RECORD_KIND_FILE):
                length, at = number(at)
                name = prefix + data[at : at + length].decode()
                if kind == VfsRomWriter.ROMFS_RECORD_KIND_DIRECTORY:
                    yield from records(at + length, following, name + "/")
                else:
                    _, at = number(at + length)
                    size, at = number(at)
                    yield name, data[at : at + size]
            at = following

    assert data[:3] == VfsRomWriter.ROMFS_HEADER
    size, at = number(3)
    return dict(records(at, at + size, ""))


def test_build_packs_the_application_the_agent_and_main(application, tmp_path):
    run("build", application, "-o", tmp_path / "app.romfs")
    found = romfs_files((tmp_path / "app.romfs").read_bytes())
    agent = {name.removesuffix(".py") + ".mpy" for name in layout.updatable_files()}
    own = {"show/app.mpy", "show/parts/face.mpy", "show/font.bin", "main.mpy"}
    assert set(found) == {*own, "interface.txt", *agent}
    assert found["interface.txt"] == b"%d\n" % interface.needed()
    assert found["show/font.bin"] == b"\x00\x01\x02"
    assert all(data[:2] == b"M\x06" for name, data in found.items() if name.endswith(".mpy"))
    assert "firmware_agent/agent.mpy" in agent and "firmware_agent/protocol/__init__.mpy" in agent


def test_build_leaves_out_what_must_never_be_replaced():
    fixed = layout.fixed_files()
    assert {"firmware_agent/__init__.py", "firmware_agent/boot.py", "firmware_agent/reject.py"} <= set(fixed)
    assert {"firmware_agent/trust/acceptance.py", "hal/__init__.py", "hal/flash.py"} <= set(fixed)
    assert not set(fixed) & set(layout.updatable_files())
    everything = {path.relative_to(ROOT).as_posix() for path in (ROOT / "firmware_agent").rglob("*.py")}
    assert everything <= set(fixed) | set(layout.updatable_files()), "a module is neither fixed nor updatable"


def test_build_takes_the_package_itself_and_gives_the_same_bytes_anywhere(application, tmp_path, monkeypatch):
    run("build", application, "-o", tmp_path / "1.romfs")
    run("build", application / "show", "-o", tmp_path / "2.romfs")
    elsewhere = tmp_path / "else" / "where"
    elsewhere.mkdir(parents=True)
    (application / "show").rename(elsewhere / "show")
    monkeypatch.chdir(elsewhere / "show")
    run("build", ".", "-o", "../3.romfs")
    images = [
        path.read_bytes() for path in (tmp_path / "1.romfs", tmp_path / "2.romfs", elsewhere / "3.romfs")
    ]
    assert images[0] == images[1] == images[2]
    assert str(tmp_path).encode() not in images[0]


def test_build_names_the_file_and_line_of_an_error(application, tmp_path):
    (application / "show" / "parts" / "face.py").write_text("A = 1\nB = = 2\n")
    text = run("build", application, "-o", tmp_path / "app.romfs", code=1)
    assert "show/parts/face.py" in text and "line 2" in text and "SyntaxError" in text
    assert not (tmp_path / "app.romfs").exists()


def test_build_needs_one_application(application, tmp_path):
    output = tmp_path / "app.romfs"
    (tmp_path / "empty").mkdir()
    assert "app.py" in run("build", tmp_path / "empty", "-o", output, code=2)
    assert "Error" in run("build", tmp_path / "nothing", "-o", output, code=2)
    (application / "other").mkdir()
    (application / "other" / "app.py").touch()
    assert "other, show" in run("build", application, "-o", output, code=2)
    assert not output.exists()


@pytest.mark.parametrize("name", ["firmware_agent", "hal", "main", "not-a-name", "class"])
def test_build_refuses_a_package_that_cannot_be_imported_beside_the_agent(tmp_path, name):
    (tmp_path / name).mkdir()
    (tmp_path / name / "app.py").touch()
    assert "rename" in run("build", tmp_path / name, "-o", tmp_path / "app.romfs", code=2)


def test_output_into_no_directory_is_an_unusable_argument(application, tmp_path):
    assert "no directory" in run("build", application, "-o", tmp_path / "no" / "app.romfs", code=2)


# --- sign


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
