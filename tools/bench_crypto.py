"""``make bench-crypto``: what a P-256 verification costs, beside other libraries.

Prints figures of this machine and of an emulated Cortex-M3 (tools/bench_cortex_m3.py); asserts nothing. Every
figure is the median over the same good signatures.
"""

import hashlib
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    decode_dss_signature,
    encode_dss_signature,
)
from rich.console import Console
from rich.table import Table

from firmware_agent.trust import p256
from tools import bench_cortex_m3, bench_native_builds, romfs

SIGNATURES = 9
# (the interpreter's heap, bytes left free in it or None for all)
HEAPS = (("4m", None), ("256k", None), ("64k", None), ("128k", 32768), ("128k", 16384), ("128k", 8192))

# Runs on MicroPython: fills the heap but for ``left`` bytes, then prints each verification's microseconds.
ON_MICROPYTHON = """
import gc, sys, time
sys.path.insert(0, {folder!r})
from p256 import verify
filler = []
gc.collect()
left = {left}
while left and gc.mem_free() > left + 4096:
    filler.append(bytearray(2048))
while left and gc.mem_free() > left:
    filler.append(bytearray(64))
for key, digest, signature in {triples!r}:
    gc.collect()
    began = time.ticks_us()
    verdict = verify(key, digest, signature)
    print(time.ticks_diff(time.ticks_us(), began) if verdict else "refused")
"""


def main():
    triples = make_triples()
    console = Console()
    table = Table(title=f"P-256 verification, median of {SIGNATURES}, on this machine")
    table.add_column("what")
    table.add_column("free heap")
    table.add_column("ms", justify="right")
    with tempfile.TemporaryDirectory() as folder:
        mpy_size = compile_module(folder)
        for heap, left in HEAPS:
            free = f"{left:,} of {heap}" if left else heap
            table.add_row("p256 on MicroPython", free, on_micropython(triples, folder, heap, left))
    table.add_row("p256 on CPython", "", timed(triples, p256.verify))
    table.add_row("p256 on CPython, with a hook", "", timed(triples, with_hook))
    table.add_row("python-ecdsa", "", timed(triples, python_ecdsa))
    table.add_row("cryptography (OpenSSL)", "", timed(triples, openssl))
    console.print(table)
    products, remainders = count_operations(triples[0])
    calls: list[None] = []
    key, digest, signature = triples[0]
    p256.verify(key, digest, signature, lambda: calls.append(None))
    sizes = Table(title="P-256: size and work")
    sizes.add_column("figure")
    sizes.add_column("", justify="right")
    sizes.add_row("table of the generator, bytes", f"{len(p256._G):,}")
    sizes.add_row(".mpy without it, bytes", f"{mpy_size - len(p256._G):,}")
    sizes.add_row("products of two field elements", f"{products:,}")
    sizes.add_row("remainders of a product", f"{remainders:,}")
    sizes.add_row("calls of the hook", f"{len(calls):,}")
    code, why_not = python_ecdsa_on_micropython()
    sizes.add_row("python-ecdsa as .mpy, bytes", f"{code:,}")
    sizes.add_row("python-ecdsa on MicroPython", why_not)
    console.print(sizes)
    console.print("Emulating a Cortex-M3, then others, about a minute ...")
    try:
        figures = list(bench_cortex_m3.measure(triples[:3]))
        builds = list(bench_native_builds.measure(triples[:3]))
    except click.ClickException as error:
        raise SystemExit(error.format_message()) from error
    console.print(bench_cortex_m3.table_of(figures))
    console.print(bench_native_builds.table_of(builds))


def make_triples():
    """Good signatures of random keys: (key 65 bytes, digest 32, signature 64). The keys are fixed."""
    source = random.Random("P-256")
    triples = []
    for number in range(SIGNATURES):
        private = ec.derive_private_key(source.getrandbits(255) + 1, ec.SECP256R1())
        point = private.public_key().public_numbers()
        digest = hashlib.sha256(bytes([number])).digest()
        # Deterministic: the same signatures, so the same figures, in every run.
        algorithm = ec.ECDSA(Prehashed(hashes.SHA256()), deterministic_signing=True)
        r, s = decode_dss_signature(private.sign(digest, algorithm))
        key = b"\x04" + point.x.to_bytes(32, "big") + point.y.to_bytes(32, "big")
        triples.append((key, digest, r.to_bytes(32, "big") + s.to_bytes(32, "big")))
    return triples


def compile_module(folder):
    """Compiles p256 into ``folder`` as a board gets it; the .mpy's size in bytes."""
    out = Path(folder, "p256.mpy")
    source = Path(p256.__file__)
    out.write_bytes(romfs.compiled(source.name, source.read_bytes())[1])
    return out.stat().st_size


def on_micropython(triples, folder, heap, left):
    script = Path(folder, "bench.py")
    script.write_text(ON_MICROPYTHON.format(folder=folder, left=left, triples=triples))
    interpreter = Path(sys.executable).parent / "micropython"
    done = subprocess.run([interpreter, "-X", f"heapsize={heap}", script], capture_output=True, text=True)
    if done.returncode or "refused" in done.stdout:
        return (done.stdout + done.stderr).strip().splitlines()[-1]
    return f"{statistics.median(map(int, done.stdout.split())) / 1000:.2f}"


def timed(triples, verify):
    took = []
    for triple in triples:
        began = time.perf_counter()
        verify(*triple)
        took.append(time.perf_counter() - began)
    return f"{statistics.median(took) * 1000:.2f}"


def with_hook(key, digest, signature):
    return p256.verify(key, digest, signature, lambda: None)


def python_ecdsa(key, digest, signature):
    # In the test extra only; without it the others' figures are still worth having.
    try:
        import ecdsa
    except ImportError as error:
        raise SystemExit("python-ecdsa is missing: install the project's test extra") from error
    ecdsa.VerifyingKey.from_string(key, ecdsa.NIST256p).verify_digest(signature, digest)


def python_ecdsa_on_micropython():
    """(bytes of the modules that verifying imports, compiled; what MicroPython says when it imports them)."""
    used = "import sys, ecdsa; print(*(m.__file__ for n, m in sys.modules.items() if n.startswith('ecdsa')))"
    paths = subprocess.run([sys.executable, "-c", used], capture_output=True, text=True, check=True)
    size = 0
    for path in map(Path, paths.stdout.split()):
        size += len(romfs.compiled(path.name, path.read_bytes())[1])
    interpreter = Path(sys.executable).parent / "micropython"
    where = Path(paths.stdout.split()[0]).parent.parent
    program = f"import sys\nsys.path.append({str(where)!r})\nimport ecdsa\nprint('runs')"
    done = subprocess.run([interpreter, "-c", program], capture_output=True, text=True)
    return size, (done.stdout + done.stderr).strip().splitlines()[-1]


def openssl(key, digest, signature):
    r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
    public_key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key)
    public_key.verify(encode_dss_signature(r, s), digest, ec.ECDSA(Prehashed(hashes.SHA256())))


class Counted(int):
    """An integer whose results are Counted too, and which counts the field multiplications it is part of."""

    products = 0
    remainders = 0


def counted(name):
    plain = getattr(int, name)

    def method(self, other):
        if name in ("__mul__", "__rmul__") and min(self.bit_length(), other.bit_length()) > 128:
            Counted.products += 1
        if name == "__mod__" and self.bit_length() > 384:
            Counted.remainders += 1
        result = plain(self, other)
        return tuple(map(Counted, result)) if isinstance(result, tuple) else Counted(result)

    return method


for _name in "add radd sub rsub mul rmul mod divmod rdivmod lshift".split():
    setattr(Counted, f"__{_name}__", counted(f"__{_name}__"))


def count_operations(triple):
    """(products, remainders) of one verification: p256's source again, where every number read is Counted."""
    module = {"int": Counted}
    exec(Path(p256.__file__).read_text(), module)
    module["verify"](*triple)
    return Counted.products, Counted.remainders


if __name__ == "__main__":
    main()
