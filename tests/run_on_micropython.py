"""Runs the tests of one file; this script itself runs on MicroPython (tests/conftest.py starts it).

Usage: micropython run_on_micropython.py ROOT FOLDER MODULE TOKEN [NAME ...]

ROOT and FOLDER (the file's own) go on the module path, MODULE is the dotted name below ROOT. The functions
NAME are called in the order given. Every result is one line ``TOKEN {json}``, as soon as the test ends,
with name, ok, seconds and traceback. A module that does not import gives one line whose name is null.
TOKEN is different in every run, so nothing that a test prints can be taken for a result.
"""

import gc
import io
import json
import sys
import time


def report(token, name, ok, seconds, traceback):
    """One line, in one write; the leading newline ends whatever the test printed."""
    line = json.dumps({"name": name, "ok": ok, "seconds": seconds, "traceback": traceback})
    sys.stdout.write("\n" + token + " " + line + "\n")


def traceback_of(error):
    """The traceback's text, and at least the exception's name where the heap is too full for that."""
    try:
        text = io.StringIO()
        sys.print_exception(error, text)
        return text.getvalue()
    except MemoryError:
        return type(error).__name__ + " (no memory left for its traceback)"


def call(function):
    """(ok, traceback) of one call. SystemExit is a failure too: a test must not end the run."""
    try:
        function()
    except BaseException as error:  # noqa: BLE001 whatever a test raises is its result
        return False, traceback_of(error)
    return True, ""


def run(root, folder, module_name, token, names):
    sys.path.insert(0, folder)
    sys.path.insert(0, root)
    try:
        __import__(module_name)
        module = sys.modules[module_name]
    except BaseException as error:  # noqa: BLE001 reported as every test's result
        report(token, None, False, 0, traceback_of(error))
        return
    for name in names:
        # What the previous test left must not count against this one's heap.
        gc.collect()
        began = time.ticks_ms()
        function = getattr(module, name, None)
        if function is None:
            ok, traceback = False, "the file defines " + name + ", the imported module has no such function"
        else:
            ok, traceback = call(function)
        report(token, name, ok, time.ticks_diff(time.ticks_ms(), began) / 1000, traceback)


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4], sys.argv[5:])
