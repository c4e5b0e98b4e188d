"""Runs every tests/portable/test_*.py twice: on CPython as usual, and on the real MicroPython.

A portable file holds plain ``test_*`` functions with bare asserts, no fixtures and no pytest import. Its
functions are found in the source (never by running it) and become items named ``test_x[micropython]``.
One MicroPython process serves a file; its heap is HEAP_SIZE unless the file has a line ``HEAP = "128k"``.

``pytest --target cpython|micropython|all`` (default all) chooses. ``pytest --bench NAME`` runs them on a
board instead, items named ``test_x[bench NAME]`` (tests/on_bench.py).

The rule that everything here keeps: an item passes only when MicroPython itself has reported it as passed
and, for the last one of a file, has then ended with status 0. All else is a failure with a text of its own.
"""

import ast
import json
import queue
import re
import secrets
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.processes import (  # noqa: F401  hooks, and a fixture
    pytest_collection_modifyitems,
    pytest_configure,
    pytest_xdist_make_scheduler,
    tell,
)

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
PORTABLE = TESTS / "portable"
RUNNER = TESTS / "run_on_micropython.py"
HEAP_SIZE = "512k"
TARGETS = ("cpython", "micropython", "all")
FRAME = re.compile(r'^(\s*)File "(.+)", line (\d+)')


def pytest_addoption(parser):
    group = parser.getgroup("portable tests")
    group.addoption("--target", choices=TARGETS, default="all", help="what to run tests on (default all)")
    group.addoption(
        "--micropython-timeout",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="the longest that one test may take on MicroPython (default 60)",
    )
    group.addoption("--bench", metavar="NAME", help="run tests on this bench's board instead (docs/rig.md)")
    group.addoption("--benches", metavar="FILE", help="the bench file (default boards/benches.toml)")


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path, parent):
    collectors = yield
    if parent.config.getoption("bench") and is_portable(file_path):
        from tests.on_bench import BenchFile

        return [BenchFile.from_parent(parent, path=file_path)]
    target = parent.config.getoption("target")
    if target == "micropython":
        collectors = []
    if target != "cpython" and is_portable(file_path):
        collectors = [*collectors, MicroPythonFile.from_parent(parent, path=file_path)]
    return collectors


def is_portable(path):
    return path.match("test_*.py") and path.resolve().is_relative_to(PORTABLE)


class PortableSource:
    """What is read from a portable file without running it: ``functions`` (name to line) and ``heap``."""

    def __init__(self, path):
        self.functions = {}
        self.heap = HEAP_SIZE
        for node in ast.parse(path.read_bytes(), str(path)).body:
            name = getattr(node, "name", "")
            if isinstance(node, ast.FunctionDef) and name.startswith("test"):
                self._add_function(path, node)
            elif name.startswith(("test", "Test")):
                raise ValueError(f"{path}:{node.lineno}: {name}: a portable test is a plain function")
            elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "HEAP":
                self._read_heap(path, node)
        if not self.functions:
            raise ValueError(f"{path}: no test_* function at the top level: nothing here would be tested")

    def _add_function(self, path, node):
        where = f"{path}:{node.lineno}: {node.name}"
        if ast.unparse(node.args):
            raise ValueError(f"{where} takes arguments; MicroPython has no fixtures, call a helper instead")
        if node.decorator_list:
            raise ValueError(f"{where} has a decorator; a portable test loops over its cases itself")
        if node.name in self.functions:
            raise ValueError(f"{where} is defined twice; the first one would never run")
        self.functions[node.name] = node.lineno

    def _read_heap(self, path, node):
        value = getattr(node.value, "value", None)
        if not isinstance(value, str) or not re.fullmatch(r"[1-9][0-9]*[kKmM]?", value):
            raise ValueError(f'{path}:{node.lineno}: HEAP must be a literal such as "128k"')
        self.heap = value


class PortableFile(pytest.File):
    """One file's functions, as items of another interpreter than this one."""

    item: type["PortableItem"]

    def collect(self):
        try:
            self.source = PortableSource(self.path)
        except (ValueError, SyntaxError) as error:
            raise self.CollectError(str(error)) from error
        return [self.item.from_parent(self, function_name=name) for name in self.source.functions]


class PortableItem(pytest.Item):
    """One function; ``where``: what stands in brackets behind its name."""

    # Not "function": pytest takes an item's attribute of that name for the function itself.
    def __init__(self, *, function_name, where, **kwargs):
        super().__init__(name=f"{function_name}[{where}]", **kwargs)
        self.function_name = function_name

    def reportinfo(self):
        return self.path, self.parent.source.functions[self.function_name] - 1, self.name

    def judge(self, result, place):
        """Pass or fail by what the other interpreter reported."""
        self.user_properties.append((f"seconds_on_{place}", result["seconds"]))
        if not result["ok"]:
            raise MicroPythonFailure(result["traceback"])

    def repr_failure(self, excinfo):
        if isinstance(excinfo.value, MicroPythonFailure):
            return with_source_lines(str(excinfo.value))
        return super().repr_failure(excinfo)


class MicroPythonItem(PortableItem):
    def __init__(self, **kwargs):
        super().__init__(where="micropython", **kwargs)

    def runtest(self):
        result, output = self.parent.result_of(self.function_name)
        if output:
            self.add_report_section("call", "output on MicroPython", output)
        self.judge(result, "micropython")


class MicroPythonFile(PortableFile):
    """Collects one file's functions, and owns the process that runs them."""

    item = MicroPythonItem
    process = None

    def result_of(self, name):
        """The runner's report on one function; starts the process for all selected ones at the first call."""
        if self.process is None:
            names = [item.function_name for item in self.session.items if item.parent is self]
            self.process = MicroPythonProcess(self.path, self.source.heap, names)
        return self.process.result_of(name, self.config.getoption("micropython_timeout"))

    def teardown(self):
        if self.process is not None:
            self.process.stop()
            self.process = None


class MicroPythonFailure(Exception):
    """A portable test did not pass on MicroPython; the text says why."""


class MicroPythonProcess:
    """One interpreter that runs ``names`` in order; ``result_of`` waits for evidence about one of them."""

    def __init__(self, path, heap, names):
        interpreter = Path(sys.executable).parent / "micropython"
        if not interpreter.exists():
            raise MicroPythonFailure(f"no {interpreter}: run `make setup`, then .venv/bin/pytest")
        self.heap = heap
        self.token = "result-" + secrets.token_hex(8)
        self.unreported = list(names)
        self.results = {}
        self.output = []
        self.lines = queue.Queue()
        module = ".".join(path.resolve().relative_to(ROOT).with_suffix("").parts)
        script = [str(RUNNER), str(ROOT), str(path.parent), module, self.token, *names]
        self.process = subprocess.Popen(
            [str(interpreter), "-X", f"heapsize={heap}", *script],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            text=True,
            errors="backslashreplace",
        )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.reader.join()
        self.process.stdout.close()

    def result_of(self, name, timeout):
        """(the runner's report, what was printed before it), or MicroPythonFailure if there is no report."""
        deadline = time.monotonic() + timeout
        while name not in self.results:
            self._take_line(self._next_line(name, timeout, deadline))
        result, output = self.results[name]
        if result["ok"] and not self.unreported:
            self._expect_clean_end(timeout, deadline)
        return result, output

    def _next_line(self, name, timeout, deadline):
        try:
            line = self.lines.get(timeout=max(0, deadline - time.monotonic()))
        except queue.Empty:
            self.process.kill()
            raise MicroPythonFailure(f"{name} took more than {timeout:g} s, MicroPython was killed") from None
        if line is None:
            # Every later item of the file finds the end of the output too.
            self.lines.put(None)
            raise MicroPythonFailure(f"no result for {name}: in {self.unreported[0]}, {self._ending()}")
        return line

    def _take_line(self, line):
        if not line.startswith(self.token + " "):
            self.output.append(line)
            return
        result = json.loads(line[len(self.token) :])
        output = "".join(self.output).strip("\n")
        self.output = []
        if result["name"] is None:
            # The file does not import: that is every one of its tests' result.
            for name in self.unreported:
                self.results[name] = (result, output)
            self.unreported = []
        else:
            self.results[result["name"]] = (result, output)
            self.unreported.remove(result["name"])

    def _expect_clean_end(self, timeout, deadline):
        try:
            status = self.process.wait(max(0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.process.kill()
            text = f"all tests have reported, but MicroPython did not end in {timeout:g} s and was killed"
            raise MicroPythonFailure(text) from None
        if status != 0:
            raise MicroPythonFailure(f"all tests have reported, but then {self._ending()}")

    def _ending(self):
        status = self.process.wait()
        how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        output = "".join(self.output[-20:]).strip()
        return f"MicroPython (heap {self.heap}) {how}" + (f"; its last output:\n{output}" if output else "")


def with_source_lines(traceback):
    """A MicroPython traceback with the source under each frame, without the runner's own frames.

    The exception comes first, because pytest's one-line summary shows only the first line.
    """
    given = traceback.strip().splitlines()
    lines = ["on MicroPython: " + given[-1], *given[:-1]] if given[0].startswith("Traceback") else given
    given, lines = lines, []
    for line in given:
        frame = FRAME.match(line)
        if not frame:
            lines.append(line)
        elif Path(frame[2]) != RUNNER:
            lines.append(line)
            lines.extend(f"{frame[1]}  {text}" for text in source_at(Path(frame[2]), int(frame[3])))
    return "\n".join(lines)


def source_at(path, number):
    """The lines of the statement around a line: MicroPython may name the last line of a long assert."""
    try:
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
    except (OSError, SyntaxError, UnicodeDecodeError):
        return []
    lines = text.splitlines()
    first = last = number
    for node in ast.walk(tree):
        simple = isinstance(node, ast.stmt) and not hasattr(node, "body")
        if simple and node.lineno <= number <= node.end_lineno:
            first, last = node.lineno, node.end_lineno
    found = lines[first - 1 : last]
    indent = min((len(line) - len(line.lstrip()) for line in found if line.strip()), default=0)
    return [line[indent:] for line in found]
