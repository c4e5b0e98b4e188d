"""P-256 keys on the host: PEM files, deterministic signatures, never a key printed."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from firmware_agent.trust.envelope import key_id
from tools import files
from tools.errors import Failed, UnusableArguments

PRIVATE_NAME = "private.pem"
PUBLIC_NAME = "public.pem"
_COORDINATE_SIZE = 32
_FILE_MAXIMUM = 1 << 16


class Signer(Protocol):
    """Whatever signs: a key in a file, in a token, or offline.

    ``public_key``  65 bytes, 04 || x || y
    ``key_id``      8 bytes, as the envelope names it
    """

    @property
    def public_key(self) -> bytes: ...

    @property
    def key_id(self) -> bytes: ...

    def sign(self, message: bytes) -> bytes:
        """r || s, 64 bytes, ECDSA with SHA-256 over ``message``."""
        ...


class SigningKey:
    """A private P-256 key.

    ``public_key``  65 bytes, 04 || x || y
    ``key_id``      8 bytes, as the envelope names it
    """

    def __init__(self, private_key: ec.EllipticCurvePrivateKey):
        self._private_key = private_key
        self.public_key = _point(private_key.public_key())
        self.key_id = key_id(self.public_key)

    def sign(self, message: bytes) -> bytes:
        """r || s, 64 bytes, ECDSA with SHA-256 over ``message``; RFC 6979, so the same every time."""
        algorithm = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
        r, s = decode_dss_signature(self._private_key.sign(message, algorithm))
        return r.to_bytes(_COORDINATE_SIZE, "big") + s.to_bytes(_COORDINATE_SIZE, "big")


def from_scalar(scalar: int) -> SigningKey:
    """The key of a known scalar: for tests and documents, whose keys are public."""
    return SigningKey(ec.derive_private_key(scalar, ec.SECP256R1()))


def generate(directory: Path, passphrase: bytes | None = None) -> tuple[Path, Path]:
    """Write a new key pair into ``directory`` (made if missing); never over a file that exists.

    passphrase: protects the private key, PKCS#8 in either case.
    """
    private_path, public_path = directory / PRIVATE_NAME, directory / PUBLIC_NAME
    for path in (private_path, public_path):
        if path.exists() or path.is_symlink():
            raise Failed(f"{path} exists: keygen does not overwrite keys; give another --out")
    key = ec.generate_private_key(ec.SECP256R1())
    protection: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase is not None:
        protection = serialization.BestAvailableEncryption(passphrase)
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    try:
        directory.mkdir(parents=True, exist_ok=True)
        _create(private_path, private, 0o600)
        try:
            _create(public_path, public, 0o644)
        except OSError:
            private_path.unlink()
            raise
    except OSError as error:
        raise Failed(f"cannot write keys to {directory}: {error.strerror}") from error
    return private_path, public_path


def _create(path: Path, data: bytes, mode: int) -> None:
    # O_EXCL: a file that appears meanwhile is not overwritten either, and the private
    # key is never readable by others, not even for a moment.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), mode)  # whatever the umask
        file.write(data)


def load_private(path: Path, passphrase: Callable[[], bytes] | None = None) -> SigningKey:
    """The signing key in a PEM file. ``passphrase`` is called if the key is protected by one."""
    data = files.read(path, _FILE_MAXIMUM)
    try:
        key = _load_private(path, data, passphrase)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UnusableArguments(f"{path}: not a private key in PEM; make one with hanota keygen") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise UnusableArguments(f"{path}: not a P-256 key; make one with hanota keygen")
    return SigningKey(key)


def _load_private(path: Path, data: bytes, passphrase: Callable[[], bytes] | None):
    try:
        return serialization.load_pem_private_key(data, password=None)
    except TypeError:  # what the library says of a key that wants a passphrase
        pass
    if passphrase is None:
        raise UnusableArguments(f"{path}: the key is protected by a passphrase; give --passphrase-file")
    try:
        return serialization.load_pem_private_key(data, password=passphrase())
    except ValueError as error:
        raise Failed(f"{path}: the passphrase does not open it") from error


def verify(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether ``signature`` (r || s) over ``message`` is good."""
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public_key)
    r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
    try:
        key.verify(encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def load_public(path: Path) -> bytes:
    """The public key in a PEM file: 65 bytes, 04 || x || y."""
    data = files.read(path, _FILE_MAXIMUM)
    try:
        key = serialization.load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm) as error:
        what = "a private key" if b"PRIVATE KEY" in data else "not a public key in PEM"
        raise UnusableArguments(f"{path}: {what}; give keygen's {PUBLIC_NAME}") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise UnusableArguments(f"{path}: not a P-256 key")
    return _point(key)


def public_pem(public_key: bytes) -> bytes:
    """The PEM file of a public key, 65 bytes."""
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public_key)
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def _point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
