"""hanota build: what goes into a payload, and what never does."""

import pytest
from mpremote.romfs import VfsRomWriter

from tests.command_line.running import run
from tools import interface, layout


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
    everything = {
        path.relative_to(layout.ROOT).as_posix() for path in (layout.ROOT / "firmware_agent").rglob("*.py")
    }
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
