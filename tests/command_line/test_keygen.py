"""hanota keygen: pairs of keys, private whatever happens."""

import os
import stat

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from tests.command_line.running import run
from tools import keys


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
