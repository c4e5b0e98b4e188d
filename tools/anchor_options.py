"""Trust anchors, key ids and EUI64s on the command line."""

from pathlib import Path

import click

from firmware_agent.trust.anchors import TEST, USAGE_NAMES, Anchor
from firmware_agent.trust.envelope import KEY_ID_SIZE, key_id
from firmware_agent.trust.manifest import EUI64_SIZE
from tools import keys
from tools.errors import UnusableArguments

USAGES = ", ".join(name for _, name in USAGE_NAMES)


class AnchorAdded(click.ParamType):
    """``USAGE[,USAGE]=public.pem``, an Anchor."""

    name = "anchor"

    def convert(self, value, param, ctx):
        if isinstance(value, Anchor):
            return value
        usages, equals, path = value.partition("=")
        if not equals:
            self.fail(f"{value!r}: write it as firmware,anchors=public.pem", param, ctx)
        usage = 0
        for name in usages.split(","):
            bits = [bit for bit, known in USAGE_NAMES if known == name.strip()]
            if not bits:
                self.fail(f"{name.strip()!r} is no usage: they are {USAGES}", param, ctx)
            usage |= bits[0]
        return Anchor(keys.load_public(Path(path)), usage)


class AnchorRevoked(click.ParamType):
    """A key id in hexadecimal, or a public key's file: 8 bytes."""

    name = "key"

    def convert(self, value, param, ctx):
        if isinstance(value, bytes):
            return value
        if len(value) == 2 * KEY_ID_SIZE:
            try:
                return bytes.fromhex(value)
            except ValueError:
                pass
        return key_id(keys.load_public(Path(value)))


class EUI64(click.ParamType):
    """16 hexadecimal digits as people write them, most significant byte first; 8 bytes as on the air."""

    name = "eui64"

    def convert(self, value, param, ctx):
        if isinstance(value, bytes):
            return value
        try:
            found = bytes.fromhex(value.replace(":", "").replace("-", ""))
        except ValueError:
            found = b""
        if len(found) != EUI64_SIZE:
            self.fail(f"{value!r} is no EUI64; write 02:11:22:33:44:55:66:77", param, ctx)
        return found[::-1]


def check_change(signer: bytes, new: Anchor | None, revoked: bytes | None) -> None:
    """Refuse a change of anchors that no device takes. ``signer``: the key id."""
    if revoked is not None and revoked == signer:
        raise UnusableArguments(
            "--revoke-anchor names the key that signs this: no device forgets the key of what it runs; "
            "sign with the new key"
        )
    if new is not None and new.key_id == revoked:
        raise UnusableArguments("--add-anchor and --revoke-anchor name one key")
    if new is not None and new.for_test() and not new.usage & TEST:
        raise UnusableArguments(
            f"--add-anchor {new.key_id.hex()} is a key that everybody knows: only with the usage test"
        )
