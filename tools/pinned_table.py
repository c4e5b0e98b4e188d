"""The comb table of a pinned key, for ``firmware_agent.trust.p256_pinned`` and for the native module.

``python -m tools.pinned_table PUBLIC.pem OUT.py`` writes it as a module for a board to freeze. The arithmetic
is affine and slow, and shares nothing with the agent's, so a fault in one of them cannot hide in both.
"""

import functools
import hashlib
import sys
from pathlib import Path

import click
from cryptography.hazmat.primitives.asymmetric import ec

from tools import files, keys

P = 2**256 - 2**224 + 2**192 + 2**96 - 1
GENERATOR = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
TEETH = 6
COLUMNS = 43
LINE = 24

Point = tuple[int, int]


def make(public_key: bytes) -> bytes:
    """The table, 4,193 bytes, of a public key (65 bytes: 4, x, y); its layout is p256_pinned's.

    ValueError if the key is no point of the curve.
    """
    numbers = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public_key).public_numbers()
    table = public_key + _comb(GENERATOR) + _comb((numbers.x, numbers.y))
    return table + hashlib.sha256(table).digest()


@functools.lru_cache(maxsize=4)
def _comb(base: Point) -> bytes:
    teeth = [base]
    for _ in range(TEETH - 1):
        point = teeth[-1]
        for _ in range(COLUMNS):
            point = _add(point, point)
        teeth.append(point)
    out = b""
    for number in range(1 << TEETH - 1):
        total = teeth[-1]
        for place, (x, y) in enumerate(teeth[:-1]):
            total = _add(total, (x, y if number >> place & 1 else P - y))
        out += total[0].to_bytes(32, "big") + (2 * total[1] % P).to_bytes(32, "big")
    return out


def _add(a: Point, b: Point) -> Point:
    # Sums of less than n different multiples of one point: never infinity, and equal only when doubled.
    if a == b:
        slope = 3 * (a[0] * a[0] - 1) * pow(2 * a[1], -1, P)
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, P)
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def as_module(public_key: bytes) -> str:
    """The source of a module with ``TABLE``: frozen, it stays in flash and takes no heap."""
    table = make(public_key)
    lines = [
        '"""The pinned key\'s table, made by tools/pinned_table.py: do not edit."""\n',
        "TABLE = (",
        *(f'    b"{_escaped(table[at : at + LINE])}"' for at in range(0, len(table), LINE)),
        ")\n",
    ]
    return "\n".join(lines)


def _escaped(data: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in data)


@click.command("pinned_table")
@click.argument("public_key", type=click.Path(dir_okay=False, path_type=Path))
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
def command(public_key: Path, out: Path) -> None:
    """Write the pinned table of PUBLIC_KEY (a PEM file) to OUT, a module for a board to freeze."""
    files.write(out, as_module(keys.load_public(public_key)).encode())
    click.echo(f"{out}  the table of this key alone; freeze it into the board")


if __name__ == "__main__":
    sys.exit(command())
