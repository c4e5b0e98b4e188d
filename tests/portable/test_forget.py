"""What nobody uses any more gives its memory back, and comes back when it is imported again."""

import gc
import sys

from hal.modules import count, forget
from tests.portable.full_heap import filled

_MICROPYTHON = sys.implementation.name == "micropython"
_PACKAGE = "firmware_agent.trust"


def _in_use():
    gc.collect()
    return gc.mem_alloc()  # type: ignore[attr-defined]  # MicroPython's


def test_a_package_is_unloaded_and_can_be_imported_again():
    __import__(_PACKAGE + ".manifest")

    forget(_PACKAGE)

    left = [name for name in sys.modules if name.startswith(_PACKAGE + ".")]
    assert (left == []) == _MICROPYTHON
    assert _PACKAGE in sys.modules
    assert hasattr(sys.modules[_PACKAGE], "manifest") != _MICROPYTHON
    from firmware_agent.trust import manifest

    assert manifest.head_length(b"", 0) == 0


def test_a_module_is_unloaded_and_its_neighbours_stay():
    __import__(_PACKAGE + ".cbor")
    __import__(_PACKAGE + ".known_keys")

    forget(_PACKAGE + ".known_keys")

    assert (_PACKAGE + ".known_keys" in sys.modules) != _MICROPYTHON
    assert _PACKAGE + ".cbor" in sys.modules


def test_what_is_kept_of_a_package_stays():
    __import__(_PACKAGE + ".cbor")
    __import__(_PACKAGE + ".known_keys")
    before = count()

    forget(_PACKAGE, "bor cbor")

    assert (_PACKAGE + ".known_keys" in sys.modules) != _MICROPYTHON
    assert _PACKAGE + ".cbor" in sys.modules
    assert (count() < before) == _MICROPYTHON


def test_what_was_forgotten_takes_no_memory():
    if not _MICROPYTHON:
        return
    __import__(_PACKAGE + ".acceptance")  # and what it needs from elsewhere, which stays
    forget(_PACKAGE)
    before = _in_use()
    for _ in range(3):
        __import__(_PACKAGE + ".acceptance")
        assert _in_use() - before > 10000  # the classes and functions of its modules, from source
        forget(_PACKAGE)
    assert _in_use() - before < 500


def test_a_full_heap_is_enough_to_forget_in():
    if not _MICROPYTHON:
        return
    __import__(_PACKAGE + ".cbor")
    __import__(_PACKAGE + ".known_keys")
    others = ["other%d" % n for n in range(50)]  # a list of so many modules takes a large piece
    for name in others:
        sys.modules[name] = sys
    rest = filled(64)
    try:
        forget(_PACKAGE)
    finally:
        del rest
        for name in others:
            del sys.modules[name]
    assert [name for name in sys.modules if name.startswith(_PACKAGE + ".")] == []
