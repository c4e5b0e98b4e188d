"""What commands are run on."""

import pytest

from tests.command_line.running import PAYLOAD, run


@pytest.fixture
def place(tmp_path):
    """A directory with keys/ and payload.bin."""
    run("keygen", "--out", tmp_path / "keys")
    (tmp_path / "payload.bin").write_bytes(PAYLOAD)
    return tmp_path


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
