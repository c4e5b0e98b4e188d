"""The runner of the portable tests must not be able to pass a test that did not pass on MicroPython.

Each test here puts a small file into tests/portable of a project of its own and looks at pytest's verdict.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

HERE = Path(__file__).resolve().parent
# Nothing here needs these two; hypothesis would be imported anew, two seconds each time.
PLUGINS = ["-p", "no:cacheprovider", "-p", "no:hypothesispytest"]


@pytest.fixture
def project(pytester):
    """A project with nothing but the runner: ``project(source, *options)`` runs pytest on a portable file."""
    pytester.mkdir("tests")
    portable = pytester.mkdir("tests/portable")
    for name in ("conftest.py", "processes.py", "run_on_micropython.py"):
        shutil.copy(HERE / name, pytester.path / "tests" / name)

    def run(source, *options):
        (portable / "test_sample.py").write_text(source, encoding="utf-8")
        return pytester.runpytest_inprocess(*PLUGINS, "-rA", *options, "tests")

    return run


def summary(result):
    """{(outcome, item's name)} as pytest -rA reports it."""
    words = [line.split() for line in result.outlines]
    return {
        (word[0], word[1].split("::")[-1])
        for word in words
        if len(word) > 1 and word[0] in ("PASSED", "FAILED", "ERROR") and "::" in word[1]
    }


def test_each_function_is_run_on_both_interpreters(project):
    source = "import sys\ndef test_a():\n    print('I am', sys.implementation)\ndef test_b():\n    pass\n"
    result = project(source)
    assert result.ret == 0
    names = {"test_a", "test_b", "test_a[micropython]", "test_b[micropython]"}
    assert summary(result) == {("PASSED", name) for name in names}
    result.stdout.fnmatch_lines_random(["I am *name='cpython'*", "I am *name='micropython'*"])


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--target", "cpython"], {"test_a", "test_b"}),
        (["--target", "micropython"], {"test_a[micropython]", "test_b[micropython]"}),
        (["--target", "micropython", "-k", "test_b"], {"test_b[micropython]"}),
    ],
)
def test_target_and_selection(project, options, expected):
    result = project("def test_a():\n    pass\ndef test_b():\n    pass\n", *options)
    assert summary(result) == {("PASSED", name) for name in expected}


def test_failing_assert_shows_its_source(project):
    source = (
        "def check(seen):\n    assert (seen ==\n        {'b': 2}), ('seen', seen)\n"
        "def test_bad():\n    check({'a': 1})\ndef test_good():\n    pass\n"
    )
    result = project(source, "--target", "micropython")
    assert result.ret == 1
    assert summary(result) == {("FAILED", "test_bad[micropython]"), ("PASSED", "test_good[micropython]")}
    result.stdout.fnmatch_lines(
        [
            "on MicroPython: AssertionError: ('seen', {'a': 1})",
            '  File "*test_sample.py", line 5, in test_bad',
            "    check({'a': 1})",
            "    assert (seen ==",
            "        {'b': 2}), ('seen', seen)",
        ]
    )
    result.stdout.no_fnmatch_line("*run_on_micropython.py*")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("1 // 0", "ZeroDivisionError: *"),
        ("raise SystemExit(0)", "SystemExit: 0"),
        ("bytearray(1000000)", "MemoryError: *"),
    ],
)
def test_exception_is_a_failure_of_its_item_only(project, body, text):
    result = project(f"def test_bad():\n    {body}\ndef test_good():\n    pass\n", "--target", "micropython")
    assert summary(result) == {("FAILED", "test_bad[micropython]"), ("PASSED", "test_good[micropython]")}
    result.stdout.fnmatch_lines([f"on MicroPython: {text}", f"    {body}"])


CRASH = "import uctypes\n    uctypes.bytearray_at(0, 1)[0] = 1"


def test_crash_of_the_interpreter_fails_every_test_without_a_result(project):
    source = f"def test_a():\n    pass\ndef test_b():\n    {CRASH}\ndef test_c():\n    pass\n"
    result = project(source, "--target", "micropython")
    outcomes = {"test_a": "PASSED", "test_b": "FAILED", "test_c": "FAILED"}
    assert summary(result) == {(outcome, name + "[micropython]") for name, outcome in outcomes.items()}
    ending = "in test_b, MicroPython (heap 512k) was ended by signal 11"
    result.stdout.fnmatch_lines([f"no result for test_b: {ending}*", f"no result for test_c: {ending}*"])


def test_missing_result_is_a_failure(project, pytester):
    """A runner that ends early, with status 0 and no result, has not shown that a test passed."""
    runner = pytester.path / "tests" / "run_on_micropython.py"
    with runner.open("r+", encoding="utf-8") as file:
        text = file.read().replace("ok, traceback = call(function)", "function()\n            sys.exit(0)")
        file.seek(0)
        file.write(text)
        file.truncate()
    result = project("def test_a():\n    print('last words')\n", "--target", "micropython")
    assert summary(result) == {("FAILED", "test_a[micropython]")}
    ending = "in test_a, MicroPython (heap 512k) ended with status 0; its last output:"
    result.stdout.fnmatch_lines([f"no result for test_a: {ending}", "last words"])


def test_bad_status_after_the_last_result_is_a_failure(project, pytester):
    runner = pytester.path / "tests" / "run_on_micropython.py"
    with runner.open("a", encoding="utf-8") as file:
        file.write("    sys.exit(3)\n")
    result = project("def test_a():\n    pass\ndef test_b():\n    pass\n", "--target", "micropython")
    assert summary(result) == {("PASSED", "test_a[micropython]"), ("FAILED", "test_b[micropython]")}
    result.stdout.fnmatch_lines(["all tests have reported, but then MicroPython * ended with status 3"])


def test_printed_text_is_never_taken_for_a_result(project):
    forged = "result-0123456789abcdef " + '{"name": "test_a", "ok": true, "seconds": 0, "traceback": ""}'
    source = f"def test_a():\n    print({forged!r}, end='')\n    assert False\n"
    result = project(source, "--target", "micropython")
    assert summary(result) == {("FAILED", "test_a[micropython]")}
    result.stdout.fnmatch_lines(["on MicroPython: AssertionError:*", "*result-0123456789abcdef*"])


def test_import_error_fails_every_test(project):
    source = "import sys\nif sys.implementation.name == 'micropython':\n    import no_such_module\n"
    result = project(source + "def test_a():\n    pass\ndef test_b():\n    pass\n")
    assert summary(result) == {
        ("PASSED", "test_a"),
        ("PASSED", "test_b"),
        ("FAILED", "test_a[micropython]"),
        ("FAILED", "test_b[micropython]"),
    }
    reason = "on MicroPython: ImportError: no module named 'no_such_module'"
    result.stdout.fnmatch_lines([reason, "Traceback*", "*", "    import no_such_module"])


def test_function_that_the_module_does_not_have_is_a_failure(project):
    result = project("def test_a():\n    pass\ndel test_a\n", "--target", "micropython")
    assert summary(result) == {("FAILED", "test_a[micropython]")}
    result.stdout.fnmatch_lines(["*the imported module has no such function*"])


def test_test_that_hangs_is_killed_and_fails(project):
    hang = "    while True:\n        pass\n"
    source = f"def test_a():\n    pass\ndef test_b():\n{hang}def test_c():\n    pass\n"
    result = project(source, "--target", "micropython", "--micropython-timeout", "2")
    outcomes = {"test_a": "PASSED", "test_b": "FAILED", "test_c": "FAILED"}
    assert summary(result) == {(outcome, name + "[micropython]") for name, outcome in outcomes.items()}
    result.stdout.fnmatch_lines(["test_b took more than 2 s, MicroPython was killed"])


@pytest.mark.parametrize(("heap", "free"), [("", 512), ('HEAP = "96k"\n', 96)])
def test_heap_is_512k_unless_the_file_says_otherwise(project, heap, free):
    source = f"{heap}import gc\ndef test_a():\n    total = gc.mem_free() + gc.mem_alloc()\n"
    source += f"    assert {free * 900} < total < {free * 1024}, total\n"
    result = project(source, "--target", "micropython")
    assert summary(result) == {("PASSED", "test_a[micropython]")}


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("HEAP = 64 * 1024\ndef test_a():\n    pass\n", '*:1: HEAP must be a literal such as "128k"'),
        ("def test_a(tmp_path):\n    pass\n", "*test_sample.py:1: test_a takes arguments; *"),
        ("import functools\n@functools.cache\ndef test_a():\n    pass\n", "*:3: test_a has a decorator; *"),
        ("def test_a():\n    assert 0\ndef test_a():\n    pass\n", "*:3: test_a is defined twice; *"),
        ("class TestA:\n    def test_a(self):\n        pass\n", "*:1: TestA: a portable test is *"),
        ("def check_a():\n    pass\n", "*test_sample.py: no test_[*] function at the top level*"),
        ("def test_a(:\n", "*invalid syntax*"),
    ],
)
def test_file_that_would_not_be_tested_is_an_error(project, source, text):
    result = project(source, "--target", "micropython")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines([text])


def test_missing_interpreter_is_a_failure_that_names_the_remedy(project, pytester):
    """The same Python, started from a directory that has no ``micropython`` beside it."""
    project("def test_a():\n    pass\n")
    python = pytester.mkdir("bin") / "python"
    python.symlink_to(sys.executable)
    result = subprocess.run(
        [python, "-m", "pytest", *PLUGINS, "--target", "micropython", "tests"],
        env={**os.environ, "PYTHONPATH": sysconfig.get_path("purelib")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 1, result.stdout + result.stderr
    assert f"no {python.parent / 'micropython'}: run `make setup`, then .venv/bin/pytest" in result.stdout
