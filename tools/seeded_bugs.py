"""Seeded bugs: one-line patches to the device's code, each of which some judge must catch.

A bug is hunted in a process of its own: the patched source takes the module's place before anything
imports it. A patch whose line is not in the source any more is an error, never a pass.
"""

import importlib.abc
import importlib.util
import subprocess
import sys
from dataclasses import dataclass

from tools import layout

_SECONDS = 300
CAUGHT = 3  # exit code of a hunt that caught its bug


@dataclass(frozen=True)
class Bug:
    """``line`` of ``path`` becomes ``instead``; caught on these stories and geometries."""

    name: str
    path: str
    line: str
    instead: str
    stories: str = "update"
    geometries: str = "256/16x8 4096/16x1"
    depth: int = 1


class Replaced(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """On sys.meta_path before the module at ``path`` is imported: ``source`` takes its place."""

    def __init__(self, path: str, source: str):
        self._name = path.removesuffix(".py").replace("/", ".")
        self._code = compile(source, path, "exec")

    def find_spec(self, fullname, path, target=None):
        return importlib.util.spec_from_loader(fullname, self) if fullname == self._name else None

    def exec_module(self, module):
        exec(self._code, module.__dict__)


class Patched(Replaced):
    """Put into sys.meta_path: imports the bug's module with the bug in it."""

    def __init__(self, bug: Bug):
        source = (layout.ROOT / bug.path).read_text()
        if source.count(bug.line) != 1:
            raise SystemExit(
                f"{bug.name}: {bug.path} has {source.count(bug.line)} times {bug.line!r}, not once"
            )
        super().__init__(bug.path, source.replace(bug.line, bug.instead))


def hunt(module: str, bug: Bug, *arguments: str) -> tuple[Bug, str | None]:
    """The bug, and what ``python -m module NAME *arguments`` told of it; None if it noticed nothing.

    That ends with CAUGHT and a text if it caught the bug, with 0 if not.
    """
    command = [sys.executable, "-m", module, bug.name, *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=_SECONDS, check=False, cwd=layout.ROOT
    )
    if done.returncode == CAUGHT:
        return bug, done.stdout.strip()
    if done.returncode != 0:
        raise RuntimeError(f"hunting {bug.name}: {done.stderr.strip() or done.stdout.strip()}")
    return bug, None
