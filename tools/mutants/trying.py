"""Tries each mutant in a process of its own: it is forked, so what all of them need is imported once.

The tests run first, the quickest judge; what they let live goes through a slice of the simulator. Either ends
at its first failure. A mutant that never ends is stopped by its processor time, so a loaded machine judges as
an idle one does.
"""

import gc
import importlib
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tools.mutants.making import Mutant
from tools.seeded_bugs import Replaced

# Each module's own tests come first, so most mutants end early.
_PORTABLE = {
    "firmware_agent/store/journal.py": ("test_journal", "test_journal_records", "test_journal_cuts"),
    "firmware_agent/store/state.py": ("test_journal_records",),
    "firmware_agent/store/slot_writer.py": ("test_slot_writer",),
    "firmware_agent/store/app_settings.py": ("test_app_settings", "test_app_settings_cuts"),
    "firmware_agent/store/image_writer.py": ("test_store_download", "test_store_resume"),
    "firmware_agent/store/offer.py": ("test_firmware_store",),
    "firmware_agent/store/firmware_store.py": ("test_firmware_store",),
    "firmware_agent/store/checks.py": ("test_firmware_store", "test_activation"),
    "firmware_agent/store/facts.py": ("test_acceptance", "test_store_download"),
    "firmware_agent/handover.py": ("test_store_rest",),
    "firmware_agent/boot.py": ("test_boot",),
}
MODULES = tuple(_PORTABLE)
# The longest of them last.
_ALL = (
    "test_firmware_store",
    "test_store_download",
    "test_store_newcomer",
    "test_store_proof",
    "test_store_rest",
    "test_boot",
    "test_boot_download",
    "test_boot_recovery",
    "test_journal",
    "test_journal_records",
    "test_journal_worn",
    "test_slot_writer",
    "test_block_path",
    "test_store_resume",
    "test_acceptance",
    "test_activation",
    "test_anchor_rotation",
    "test_journal_cuts",
    "test_app_settings",
    "test_app_settings_cuts",
    "test_boot_proof",
    "test_store_boundary",
)

# Every story that ends another way, on a part with small units, then on the worst part there is.
_SLICE = (
    *(("256/16x8", story) for story in ("update", "replaced", "abort", "spoiled", "crash", "self-test")),
    *(("256/16x8", story) for story in ("flicker", "relabelled", "choke", "bare", "rotation")),
    *(("512/16x4-queued", story) for story in ("update", "replaced")),
    ("4096/16x1", "update"),
)

# Of processor time. The tests take about 4, the longest of them 1; the slice takes about 2.
_SECONDS = 15
_SECONDS_OF_A_TEST = 2.5
_SIMULATED_SECONDS = 12
_MEMORY = 2 << 30

LIVES, KILLED = 0, 1  # exit codes; anything else that a mutant ends with killed it, too


@dataclass
class Verdict:
    """``killed_by``: "tests", "simulator", or "" if the mutant survived."""

    mutant: Mutant
    killed_by: str


def tests_of(path: str) -> list[str]:
    """The portable tests that a mutant of the module has to pass, its own first."""
    return [*_PORTABLE[path], *(name for name in _ALL if name not in _PORTABLE[path])]


def warm() -> None:
    """Import here what every fork would import again, but nothing that a mutant is in."""
    for name in (*(f"tests.portable.{name}" for name in _ALL), "tools.simulator.explorer"):
        importlib.import_module(name)
    _forget_imports()
    gc.collect()
    gc.freeze()


def pass_the_tests(path: str) -> int:
    """LIVES if the tests pass. They are plain functions, called here without pytest, a file at a time:
    most mutants are dead before the second file is imported."""
    calls = 0
    for name in tests_of(path):
        module = importlib.import_module(f"tests.portable.{name}")
        for test in [value for key, value in vars(module).items() if key.startswith("test_")]:
            signal.setitimer(signal.ITIMER_VIRTUAL, _SECONDS_OF_A_TEST)  # ends the process
            test()
            calls += 1
    return LIVES if calls else KILLED


def pass_the_simulator(path: str) -> int:
    """LIVES if every run of the slice does."""
    from tools.simulator import stories
    from tools.simulator.explorer import EVERY, Explorer

    for geometry, story in _SLICE:
        if story not in stories.STORIES:
            raise LookupError(story)
        share = EVERY if story == "update" else 0.3
        explorer = Explorer(stories.STORIES[story], stories.GEOMETRIES[geometry], 0, (share,))
        if explorer.explore().failures:
            return KILLED
    return LIVES


JUDGES = (pass_the_tests, pass_the_simulator)
SECONDS = (_SECONDS, _SIMULATED_SECONDS)


def try_all(
    mutants: list[Mutant], jobs: int, simulate: bool, stopped: Callable[[], bool]
) -> Iterator[Verdict]:
    """A verdict on each, survivors last. Once it is ``stopped`` no other one is begun."""
    # What made the mutants left much behind, and every fork would look through it.
    gc.collect()
    gc.freeze()
    survivors = []
    for mutant, code in _forked(mutants, pass_the_tests, _SECONDS, jobs, stopped):
        if code == LIVES:
            survivors.append(mutant)
        else:
            yield Verdict(mutant, "tests")
    if not simulate:
        yield from (Verdict(mutant, "") for mutant in survivors)
        return
    for mutant, code in _forked(survivors, pass_the_simulator, _SIMULATED_SECONDS, jobs, stopped):
        yield Verdict(mutant, "" if code == LIVES else "simulator")


def judge(mutant: Mutant | None, path: str, check: Callable[[str], int], seconds: int) -> int:
    """What ``check`` says in a fork of this process in which ``mutant`` stands in its module's place: LIVES
    or another code. None: the module as it is."""
    ((_, code),) = _forked([mutant or path], check, seconds, 1, lambda: False)
    return code


def _forked(
    subjects: list, check: Callable[[str], int], seconds: int, jobs: int, stopped: Callable[[], bool]
) -> Iterator[tuple]:
    """(subject, exit code or signal) as they end."""
    waiting = list(reversed(subjects))
    running: dict[int, Mutant | str] = {}
    while running or waiting and not stopped():
        while waiting and len(running) < jobs and not stopped():
            subject = waiting.pop()
            running[_start(subject, check, seconds)] = subject
        child, status = os.wait()
        yield running.pop(child), status


def _forget_imports() -> None:
    """What the parent had imported of the device, and all that took names from it, is imported anew."""
    for name in list(sys.modules):
        # The simulator's package, too: it has its modules as attributes.
        if f"{name}.".startswith(("boards.", "firmware_agent.", "hal.", "tests.", "tools.simulator.")):
            del sys.modules[name]


def _start(subject: Mutant | str, check: Callable[[str], int], seconds: int) -> int:
    child = os.fork()
    if child:
        return child
    code = KILLED
    try:
        # An interrupt from the terminal reaches every process there: it is the parent's, and no verdict.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        if isinstance(subject, Mutant):
            _forget_imports()
            sys.meta_path.insert(0, Replaced(subject.path, subject.source))
            subject = subject.path
        code = check(subject)
    finally:
        # Nothing of the parent's is cleaned up twice; what was raised is told by the code.
        os._exit(code)
