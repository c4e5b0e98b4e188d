"""The tool behind ``make mutants``: what it changes, how it judges, and that no survivor passes unargued."""

import importlib

import pytest

from tools.mutants import arguments, making, trying
from tools.mutants.making import Mutant

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


def test_the_tests_kill_a_mutant_and_pass_the_code_as_it_is():
    # As in a whole run of the tests: it is here already, without the mutation.
    importlib.import_module("firmware_agent.store.slot_writer")
    importlib.import_module("tests.portable.test_slot_writer")
    missing_erase = mutant_of(SLOT_WRITER, "self._area.erase(at // erase_size)", "pass")
    judge, seconds = trying.JUDGES[0], trying.SECONDS[0]
    assert trying.judge(missing_erase, SLOT_WRITER, judge, seconds) != trying.LIVES
    assert trying.judge(None, SLOT_WRITER, judge, seconds) == trying.LIVES


def test_a_mutant_that_never_ends_is_stopped_and_killed():
    source = "while True:\n    pass\n"
    endless = Mutant(SLOT_WRITER, 1, "", "while True:", source)
    assert trying.judge(endless, SLOT_WRITER, trying.JUDGES[0], 1) != trying.LIVES


def test_a_survivor_needs_an_argument_and_an_argument_a_survivor():
    survivor = Mutant("thing.py", 3, 'say("a\\b")', "pass", "")
    other = Mutant("thing.py", 3, 'say("a\\b")', "None", "")
    text = arguments.entry(survivor).replace('why = ""', 'why = "nobody hears it"')
    argued = arguments.Arguments(text)
    assert argued.why(survivor) == "nobody hears it" and argued.why(other) == ""
    assert argued.unused([survivor], {"thing.py"}) == []
    assert len(argued.unused([other], {"thing.py"})) == 1
    assert argued.unused([other], {"else.py"}) == []


def test_what_is_argued_is_a_mutant_still():
    argued = arguments.Arguments(arguments.FILE.read_text())
    for path in sorted(argued.paths):
        made = making.mutants(path)
        assert argued.unused(made, {path}) == []
        assert all(argued.why(mutant).strip() for mutant in made if argued.has(mutant))
