"""Where a signature comes from: a key in a file, a command that asks a token, or another machine.

All of them sign the same thing: SHA-256 of COSE's Sig_structure (docs/envelope.md). A signature is
taken as r || s, raw (64 bytes) or in hexadecimal (128 digits), or as DER, which OpenSSL writes. One
that came from elsewhere is checked against the public key before anything is written.
"""

import hashlib
import shlex
import subprocess
import sys
from pathlib import Path

import click
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from firmware_agent.trust import envelope as outer
from firmware_agent.trust.envelope import Envelope, key_id
from tools import files, keys
from tools.errors import Failed, UnusableArguments

COMMAND_PATIENCE = 300.0  # seconds: a person may have to touch a token or type its PIN
_SIGNATURE_MAXIMUM = 1024  # bytes of a signature's file or a command's answer
UNSIGNED = bytes(outer.SIGNATURE_SIZE)


def parse_signature(data: bytes) -> bytes:
    """r || s, 64 bytes, from raw, hexadecimal or DER. ValueError if it is none of them."""
    if len(data) == outer.SIGNATURE_SIZE:
        return data
    text = data.strip()
    if len(text) == 2 * outer.SIGNATURE_SIZE:
        try:
            return bytes.fromhex(text.decode("ascii"))
        except ValueError:
            pass
    try:
        r, s = decode_dss_signature(data)
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")
    except (ValueError, OverflowError):
        raise ValueError(
            f"{len(data)} bytes are no signature: r || s as 64 bytes or 128 hexadecimal digits, or DER"
        ) from None


class CommandSigner:
    """A key that another program has: a token's, an HSM's, a signing service's.

    The program gets the SHA-256 digest as 64 hexadecimal digits and a line's end on standard input, and
    answers with the signature on standard output. Its standard error is the user's.
    """

    def __init__(self, command: str, public_key: bytes):
        try:
            self._arguments = shlex.split(command)
        except ValueError as error:
            raise UnusableArguments(f"--signer-command {command!r}: {error}") from error
        if not self._arguments:
            raise UnusableArguments("--signer-command is empty")
        self.public_key = public_key
        self.key_id = key_id(public_key)

    def sign(self, message: bytes) -> bytes:
        """Ask the program; Failed if it fails, or answers with anything but this key's signature."""
        name = self._arguments[0]
        digest = hashlib.sha256(message).hexdigest()
        try:
            done = subprocess.run(
                self._arguments,
                input=digest.encode() + b"\n",
                stdout=subprocess.PIPE,
                timeout=COMMAND_PATIENCE,
                check=False,
            )
        except OSError as error:
            raise UnusableArguments(f"cannot run the signer command {name}: {error.strerror}") from error
        except subprocess.TimeoutExpired as error:
            raise Failed(f"the signer command {name} gave no answer in {COMMAND_PATIENCE:g} s") from error
        if done.returncode != 0:
            raise Failed(f"the signer command {name} ended with status {done.returncode}")
        try:
            signature = parse_signature(done.stdout[:_SIGNATURE_MAXIMUM])
        except ValueError as error:
            raise Failed(f"the signer command {name} answered with something else: {error}") from error
        if not keys.verify(self.public_key, signature, message):
            raise Failed(f"the signer command {name} answered with a signature that --public does not verify")
        return signature


class LaterSigner:
    """Leaves the signature's place empty, for ``attach``; no device takes such an image."""

    def __init__(self, public_key: bytes):
        self.public_key = public_key
        self.key_id = key_id(public_key)
        self.digest = ""  # of what is to be signed, in hexadecimal

    def sign(self, message: bytes) -> bytes:
        """64 zeros."""
        self.digest = hashlib.sha256(message).hexdigest()
        return UNSIGNED


def attach(data: bytes, image_offset: int, signature: bytes, public_key: bytes) -> bytes:
    """The prepared upgrade file ``data`` with the signature in its place.

    Failed if the file is not prepared for this key, or the signature is not this key's over this file.
    """
    image = data[image_offset:]
    envelope = Envelope(image, len(image))
    if envelope.signature != UNSIGNED:
        raise Failed("it has a signature already; hanota sign --prepare makes files without one")
    if envelope.key_id != key_id(public_key):
        raise Failed(
            f"it is prepared for the key {envelope.key_id.hex()}, --public is {key_id(public_key).hex()}"
        )
    if not keys.verify(public_key, signature, envelope.signed):
        digest = hashlib.sha256(envelope.signed).hexdigest()
        raise Failed(f"the signature is not this key's over the digest {digest}")
    place = image.index(UNSIGNED, 0, envelope.head_length)
    return data[: image_offset + place] + signature + data[image_offset + place + len(signature) :]


def passphrase_source(path: Path | None):
    """A callable that gives the passphrase: the file's first line, or what a person types."""

    def ask() -> bytes:
        if path is not None:
            return read_passphrase(path)
        if not sys.stdin.isatty():
            raise UnusableArguments("the key is protected by a passphrase; give --passphrase-file FILE")
        return click.prompt("Passphrase", hide_input=True, err=True).encode()

    return ask


def read_passphrase(path: Path) -> bytes:
    """A file's first line, without its end."""
    line = files.read(path, 4096).split(b"\n")[0].removesuffix(b"\r")
    if not line:
        raise UnusableArguments(f"{path} holds no passphrase: its first line is empty")
    return line


def read_signature(path: Path) -> bytes:
    """The signature in a file: r || s."""
    try:
        return parse_signature(files.read(path, _SIGNATURE_MAXIMUM))
    except ValueError as error:
        raise UnusableArguments(f"{path}: {error}") from error
