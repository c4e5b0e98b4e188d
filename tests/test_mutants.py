"""The tool behind ``make mutants``: what it changes, how it judges, and that no survivor passes unargued."""

import importlib
import os
import resource
import signal
import sys

import pytest
from click.testing import CliRunner

from tools import layout
from tools.mutants import __main__ as command
from tools.mutants import arguments, making, trying
from tools.mutants.making import Mutant
from tools.seeded_bugs import Replaced

SOURCE = '''
"""Page 1."""
LIMIT = 4

class Thing:
    @property
    def full(self):
        return self.size >= LIMIT and not self.open

    def add(self, size):
        if size < 1:
            raise ValueError("a size of %d" % size)
        self.size += size
        self.commit()
'''
SLOT_WRITER = "firmware_agent/store/slot_writer.py"


def changes(source=SOURCE):
    return {(mutant.line, mutant.instead) for mutant in making.mutants_of("thing.py", source)}


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        ("LIMIT = 4", "LIMIT = 5"),
        # What mutmut's runner leaves out: properties, constants, calls for their effect.
        ("return self.size >= LIMIT and not self.open", "return self.size > LIMIT and not self.open"),
        ("return self.size >= LIMIT and not self.open", "return self.size >= LIMIT or not self.open"),
        ("return self.size >= LIMIT and not self.open", "return self.size >= LIMIT and self.open"),
        ("if size < 1:", "if size <= 1:"),
        ("if size < 1:", "if True:"),
        ("if size < 1:", "if False:"),
        ('raise ValueError("a size of %d" % size)', "pass"),
        ("self.size += size", "self.size -= size"),
        ("self.commit()", "pass"),
    ],
)
def test_each_place_is_changed(line, instead):
    assert (line, instead) in changes()


def test_what_an_error_says_is_no_rule():
    assert [new for old, new in changes() if "a size of" in old] == ["pass"]


def test_each_mutant_is_another_program_and_only_one_place_differs():
    found = list(making.mutants_of("thing.py", SOURCE))
    assert len({mutant.source for mutant in found}) == len(found) > 12
    for mutant in found:
        old, new = SOURCE.splitlines(), mutant.source.splitlines()
        assert sum(one not in new for one in old) <= 1, mutant


def mutant_of(path, line, instead):
    (found,) = [mutant for mutant in making.mutants(path) if (mutant.line, mutant.instead) == (line, instead)]
    return found


def test_every_module_of_store_and_boot_is_tried_by_tests_that_are_there():
    store = (layout.ROOT / "firmware_agent/store").glob("*.py")
    paths = {f"firmware_agent/store/{path.name}" for path in store if path.name != "__init__.py"}
    assert set(trying.MODULES) == paths | {"firmware_agent/boot.py", "firmware_agent/handover.py"}
    for path in trying.MODULES:
        names = trying.tests_of(path)
        assert len(names) == len(set(names)) and sorted(names) == sorted(trying.tests_of(SLOT_WRITER))
        assert all((layout.ROOT / f"tests/portable/{name}.py").exists() for name in names)


@pytest.mark.parametrize("which", [0, 1], ids=["tests", "simulator"])
def test_the_tests_and_the_simulator_kill_a_mutant_and_pass_the_code_as_it_is(which):
    # As in a whole run of the tests: all of it is here already, without the mutation.
    for name in ("tests.portable.test_slot_writer", "tools.simulator.stories"):
        importlib.import_module(name)
    missing_erase = mutant_of(SLOT_WRITER, "self._area.erase(at // erase_size)", "pass")
    judge, seconds = trying.JUDGES[which], trying.SECONDS[which]
    assert trying.judge(missing_erase, SLOT_WRITER, judge, seconds) != trying.LIVES
    assert trying.judge(None, SLOT_WRITER, judge, seconds) == trying.LIVES


def processor_time():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_a_mutant_that_never_ends_is_stopped_and_killed():
    source = "while True:\n    pass\n"
    endless = Mutant(SLOT_WRITER, 1, "", "while True:", source)
    assert trying.judge(endless, SLOT_WRITER, trying.JUDGES[0], 1) != trying.LIVES


def test_a_test_that_never_ends_is_stopped_and_its_mutant_killed():
    # Only this test loops, and the bound on the whole run is far away.
    refuses = 'raise ValueError("a slot is resumed at an erase unit, or behind its first page")'
    source = (layout.ROOT / SLOT_WRITER).read_text().replace(refuses, "while True: pass")
    endless = Mutant(SLOT_WRITER, 1, "", "while True: pass", source)
    started = processor_time()
    assert trying.judge(endless, SLOT_WRITER, trying.JUDGES[0], 30) != trying.LIVES
    assert processor_time() - started < 10


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_tells_what_was_done(monkeypatch, number):
    try_all = trying.try_all

    def stopped_after_three(*settings):
        for count, verdict in enumerate(try_all(*settings), 1):
            yield verdict
            if count == 3:
                os.kill(os.getpid(), number)

    def kills_all(path):
        return trying.KILLED if isinstance(sys.meta_path[0], Replaced) else trying.LIVES

    monkeypatch.setattr(trying, "try_all", stopped_after_three)
    monkeypatch.setattr(trying, "pass_the_tests", kills_all)
    monkeypatch.setattr(trying, "JUDGES", (kills_all,))
    monkeypatch.setattr(trying, "warm", lambda: None)  # would take this process's modules away
    monkeypatch.setattr(command, "_SAID_EVERY", 2)
    result = CliRunner().invoke(command.main, [SLOT_WRITER, "--no-simulate"])
    count = len(making.mutants(SLOT_WRITER))
    # The fourth was being tried, and comes to its end.
    assert result.exit_code == 1 and f"Error: stopped after 4 of {count} mutants" in result.output
    assert "4 mutants, 4 killed by the tests, 0 by the simulator, 0 survivors" in result.output
    assert f"2 of {count} mutants, 0 survivors" in result.stderr  # progress, although this is no terminal
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_a_survivor_needs_an_argument_and_an_argument_a_survivor():
    survivor = Mutant("thing.py", 3, 'say("a\\b")', "pass", "")
    other = Mutant("thing.py", 3, 'say("a\\b")', "None", "")
    text = arguments.entries([survivor]).replace('why = ""', 'why = "nobody hears it"')
    argued = arguments.Arguments(text)
    assert argued.why(survivor) == "nobody hears it" and argued.why(other) == ""
    assert argued.unused([survivor], {"thing.py"}) == []
    assert len(argued.unused([other], {"thing.py"})) == 1
    assert argued.unused([other], {"else.py"}) == []


def test_changes_of_one_line_may_share_an_argument_and_each_must_survive():
    survivors = [Mutant("thing.py", 3, "size = 1", instead, "") for instead in ("size = 2", "size = None")]
    text = arguments.entries(survivors)
    assert text.count("[[survivor]]") == 1
    argued = arguments.Arguments(text.replace('why = ""', 'why = "nobody asks for it"'))
    assert [argued.why(survivor) for survivor in survivors] == ["nobody asks for it"] * 2
    assert argued.unused(survivors, {"thing.py"}) == []
    assert argued.unused(survivors[:1], {"thing.py"}) == ["thing.py size = 1 size = None"]


def test_what_is_argued_is_a_mutant_still():
    argued = arguments.Arguments(arguments.FILE.read_text())
    for path in sorted(argued.paths):
        made = making.mutants(path)
        assert argued.unused(made, {path}) == []
        assert all(argued.why(mutant).strip() for mutant in made if argued.has(mutant))
