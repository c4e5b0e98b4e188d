"""No rule without the test that it is for: each rule is taken out, and its test must fail.

A seeded bug is one change in one module's source. The portable tests are imported afresh
against the changed module, and the named test is run; the unchanged modules come back after.
"""

import functools
import importlib
import importlib.abc
import importlib.util
import sys

import pytest

from tests import bugs_in_acceptance, bugs_in_formats, bugs_in_trust
from tools import layout
from tools.seeded_bugs import Replaced

BUGS = [*bugs_in_acceptance.BUGS, *bugs_in_trust.BUGS, *bugs_in_formats.BUGS]


@functools.cache
def compiled(name):
    """A portable test's code; pytest's rewriting of its asserts would take most of the time here."""
    path = layout.ROOT / (name.replace(".", "/") + ".py")
    return compile(path.read_text(), str(path), "exec")


class Plain(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports the portable tests as they stand."""

    def find_spec(self, name, path, target=None):
        return importlib.util.spec_from_loader(name, self) if name.startswith("tests.portable.") else None

    def exec_module(self, module):
        exec(compiled(module.__name__), module.__dict__)


def is_ours(name):
    return name == "firmware_agent" or name.startswith(("firmware_agent.", "boards.common", "tests.portable"))


@pytest.fixture
def fresh_modules():
    """The device's modules and their tests are imported again, and the old ones come back."""
    kept = {name: sys.modules.pop(name) for name in list(sys.modules) if is_ours(name)}
    path = list(sys.meta_path)
    sys.meta_path.insert(0, Plain())
    yield
    sys.meta_path[:] = path
    for name in list(sys.modules):
        if is_ours(name):
            del sys.modules[name]
    sys.modules.update(kept)
    if "tests.portable" in kept:
        sys.modules["tests"].portable = kept["tests.portable"]


def run(test):
    module, function = test.split(".")
    getattr(importlib.import_module(f"tests.portable.{module}"), function)()


@pytest.mark.parametrize(
    ("module", "standing", "bug", "test"),
    BUGS,
    ids=[f"{bug[3].split('.')[1]}-{at}" for at, bug in enumerate(BUGS)],
)
def test_a_rule_that_is_taken_out_is_missed(fresh_modules, module, standing, bug, test):
    path = module.replace(".", "/") + ".py"
    source = (layout.ROOT / path).read_text()
    assert source.count(standing) == 1, f"{module} has {source.count(standing)} times: {standing}"
    sys.meta_path.insert(0, Replaced(path, source.replace(standing, bug)))
    refused = importlib.import_module("firmware_agent.reject").Rejected
    waits = importlib.import_module("firmware_agent.trust.cbor").NeedMore
    lost = importlib.import_module("firmware_agent.boot").NothingBoots
    # An assertion of the test's, or what comes of going on with what should have been refused.
    goes_on = (
        AssertionError,
        AttributeError,
        ImportError,
        LookupError,
        TypeError,
        ValueError,
        refused,
        waits,
        lost,
    )
    with pytest.raises(goes_on):
        run(test)


@pytest.mark.parametrize("test", sorted({bug[3] for bug in BUGS}))
def test_with_no_rule_taken_out_nothing_is_missed(fresh_modules, test):
    run(test)
