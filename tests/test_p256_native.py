"""The native module: all tests of P-256 on it (MicroPython unix, x64), and that it is what its sources say.

tests/test_p256_vectors.py holds it to the published vectors; the other architectures' builds, on emulated
processors, are held to the same by ``make crypto-campaign``.
"""

import re
import subprocess

import pytest

from firmware_agent.trust import p256
from tests.p256_support import CHOICES, MICROPYTHON, NATIVE
from tests.portable import p256_choices
from tools import layout, native_modules, pinned_table

P = pinned_table.P

RUN = """
import sys
sys.path[:0] = {paths!r}
import p256_native
from tests.portable import p256_choices
choice = p256_choices.pinning if {pinned!r} else p256_choices.choosing
verify = choice(p256_native)
calls = []
assert verify(*p256_choices.p256_signatures.SAMPLE, lambda: calls.append(1))
print(p256_choices.run_tests_of_p256(verify, {hook_calls}), len(calls))
"""


@pytest.mark.parametrize("pinned, hook_calls", [(False, 250), (True, 40)])
def test_all_of_p256_s_tests_on_native_code(pinned, hook_calls, tmp_path):
    script = tmp_path / "run.py"
    paths = [str(layout.ROOT), str(NATIVE / "x64")]
    script.write_text(RUN.format(paths=paths, pinned=pinned, hook_calls=hook_calls))
    command = [MICROPYTHON, "-X", "heapsize=2m", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    tests, calls = map(int, done.stdout.split())
    assert tests == len(p256_choices.names()) > 20
    # A call for each doubling: so the table was used if there was one, and only then.
    assert calls < 60 if pinned else calls > 250


ANOTHER_KEY = """
import sys
sys.path[:0] = {paths!r}
import p256_native
from tests.portable import p256_choices
from tests.portable.p256_signatures import NIST, SAMPLE, TEST
table = p256_choices.table_of(SAMPLE[0])
for key, digest, signature in (SAMPLE, TEST) + NIST:
    print(p256_native.verify(key, digest, signature, None, table))
    print(p256_native.verify(key, bytes(32), signature, None, table))
# What is no table is not looked into.
for wrong in (table[:65], table[:-1], table + bytes(1)):
    print(p256_native.verify(SAMPLE[0], SAMPLE[1], SAMPLE[2], None, wrong))
    print(p256_native.verify(SAMPLE[0], TEST[1], SAMPLE[2], None, wrong))
"""


def test_the_table_of_a_key_is_used_for_no_other(tmp_path):
    script = tmp_path / "run.py"
    script.write_text(ANOTHER_KEY.format(paths=[str(layout.ROOT), str(NATIVE / "x64")]))
    done = subprocess.run([MICROPYTHON, script], capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["True", "False"] * 8, done.stdout + done.stderr


def test_the_kept_modules_are_those_built_of_these_sources():
    assert native_modules.SUMS.read_text() == native_modules.sums()


@pytest.mark.parametrize(
    "architecture, number",
    [("x64", 2), ("armv6m", 4), ("armv7m", 5), ("armv7emsp", 7), ("rv32imc", 11)],
)
def test_each_module_is_of_its_architecture_and_small(architecture, number):
    data = native_modules.module(architecture).read_bytes()
    # 'M', version 6, sub-version 3 and architecture, 31 bits in a small integer.
    assert data[:4] == bytes([ord("M"), 6, number << 2 | 3, 31])
    assert len(data) < 5000
    assert set(native_modules.COMPILERS) == {"x64", "armv6m", "armv7m", "armv7emsp", "rv32imc"}


def words_of(text):
    return [int(word, 0) for word in re.findall(r"0x[0-9a-f]+", text)]


def number_of(words):
    return sum(word << 32 * place for place, word in enumerate(words))


def test_the_table_of_the_generator():
    words = words_of((NATIVE / "p256_generator.h").read_text())
    numbers = [number_of(words[at : at + 8]) for at in range(0, len(words), 8)]
    plain = [int.from_bytes(p256._G[at : at + 32], "big") for at in range(0, 8 * 64, 32)]
    assert numbers == [number * 2**256 % P for number in plain]


def test_the_constants():
    source = (NATIVE / "p256_native.c").read_text()

    def constant(name):
        text = re.search(rf"const word {name}\[WORDS\] = \{{(.*?)\}};", source, re.DOTALL)[1]
        words = [
            eval(word.strip().replace("~0u", "0xffffffff"), {}) for word in text.split(",") if word.strip()
        ]
        assert len(words) == 8
        return number_of(words)

    assert (constant("P"), constant("N")) == (P, p256._N)
    assert constant("CURVE_B") == p256._B * 2**256 % P
    assert constant("FORM_OF_ONE") == 2**256 % P
    assert constant("SQUARE") == 2**512 % P
    assert len(CHOICES) == 4


def test_it_is_no_verifier_of_other_things():
    # Not every wrong call can be one of signature.verify's, which has the arguments right.
    script = (
        f"import sys\nsys.path.insert(0, {str(NATIVE / 'x64')!r})\nimport p256_native\n"
        "for arguments in ((), (1, 2), (b'', b'', b'', None, None, 1)):\n"
        "    try:\n"
        "        p256_native.verify(*arguments)\n"
        "    except TypeError:\n"
        "        print('TypeError')\n"
        "for arguments in ((b'', b'', b''), (1, 2, 3), ('', [], {})):\n"
        "    print(p256_native.verify(*arguments))\n"
    )
    done = subprocess.run([MICROPYTHON, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["TypeError"] * 3 + ["False"] * 3, done.stdout + done.stderr
