"""A board's choice of what checks signatures: it gets what it chose, or what is left, and a reason."""

import sys

from boards.common import verifier
from firmware_agent.trust import p256, signature
from tests.portable import p256_choices
from tests.portable.p256_signatures import NIST, SAMPLE, TEST


class Module:
    """A module as import finds it."""

    def __init__(self, **members):
        for name, value in members.items():
            setattr(self, name, value)


class Native:
    """Stands for the native module: p256, and who called."""

    def __init__(self, verdict=None):
        self.verdict = verdict
        self.tables = []

    def verify(self, key, digest, signed, hook=None, table=None):
        self.tables.append(table)
        return p256.verify(key, digest, signed) if self.verdict is None else self.verdict


def choose(choice, native=None, table=None):
    """verifier.choose() on a board that has these modules; the calls of native are then the last ones."""
    modules = {verifier.NATIVE_MODULE: native, verifier.TABLE_MODULE: table}
    for name, module in modules.items():
        sys.modules.pop(name, None)
        if module is not None:
            sys.modules[name] = module
    try:
        used, why = verifier.choose(choice)
        # Whatever it is, it tells a good signature from a bad one.
        assert signature.verify(*SAMPLE) is True
        assert signature.verify(SAMPLE[0], TEST[1], SAMPLE[2]) is False
        assert signature.verify(*NIST[0]) is True
        return used, why
    finally:
        signature.choose()
        for name in modules:
            sys.modules.pop(name, None)


def table():
    return Module(TABLE=p256_choices.table_of(SAMPLE[0]))


def test_python_needs_nothing():
    native = Native()
    assert choose(verifier.PYTHON, native, table()) == (verifier.PYTHON, "")
    assert native.tables == []


def test_each_gets_what_it_chose():
    native = Native()
    assert choose(verifier.NATIVE, native, table()) == (verifier.NATIVE, "")
    # Two calls of the self-test, and three of ours, without a table.
    assert native.tables == [None] * 5
    assert choose(verifier.PINNED, native, table()) == (verifier.PINNED, "")
    assert len(native.tables) == 5
    assert choose(verifier.NATIVE_PINNED, native, table()) == (verifier.NATIVE_PINNED, "")
    assert [len(bytes(one)) for one in native.tables[7:]] == [4193] * 3


def test_pinned_uses_the_table():
    called = []
    kept = p256.verify
    sys.modules[verifier.TABLE_MODULE] = table()
    p256.verify = lambda *arguments: called.append(arguments) or kept(*arguments)
    try:
        verifier.choose(verifier.PINNED)
        assert signature.verify(*SAMPLE) is True and called == []
        assert signature.verify(*NIST[0]) is True and len(called) == 1
    finally:
        p256.verify = kept
        signature.choose()
        del sys.modules[verifier.TABLE_MODULE]


def test_what_does_not_load_costs_speed_alone():
    used, why = choose(verifier.NATIVE)
    assert used == verifier.PYTHON and why.startswith("p256_native: ")
    used, why = choose(verifier.PINNED)
    assert used == verifier.PYTHON and why.startswith("pinned_key: ")
    used, why = choose(verifier.NATIVE_PINNED, None, table())
    assert used == verifier.PINNED and why.startswith("p256_native: ")
    used, why = choose(verifier.NATIVE_PINNED, Native())
    assert used == verifier.NATIVE and why.startswith("pinned_key: ")
    used, why = choose(verifier.NATIVE_PINNED)
    assert used == verifier.PYTHON and "p256_native: " in why and "; pinned_key: " in why


def test_native_code_that_gives_one_answer_to_all_is_not_used():
    for wrong in (Native(True), Native(False), Native(1), Module()):
        used, why = choose(verifier.NATIVE, wrong)
        assert (used, why) == (verifier.PYTHON, "p256_native: fails its self-test"), wrong


def test_a_table_of_another_key_is_not_used():
    good = p256_choices.table_of(SAMPLE[0])
    for damaged in (NIST[0][0] + good[65:], good[:-1], good[:100] + bytes([good[100] ^ 1]) + good[101:]):
        used, why = choose(verifier.PINNED, None, Module(TABLE=damaged))
        assert used == verifier.PYTHON and why.startswith("pinned_key: pinned table: "), why
        used, why = choose(verifier.NATIVE_PINNED, Native(), Module(TABLE=damaged))
        assert used == verifier.NATIVE and why.startswith("pinned_key: pinned table: "), why


def test_a_choice_that_is_none_is_python():
    assert choose("fastest") == (verifier.PYTHON, "fastest: no such choice")
