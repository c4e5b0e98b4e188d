"""The threat model names tests that exist, and every attack of test_attacks_on_*.py."""

import ast
import re

from tools import layout

PAGE = (layout.ROOT / "docs/threat-model.md").read_text()
# Of those files, what is no attack.
NO_ATTACKS = ("test_what_is_no_attack_is_taken", "test_without_its_guard_an_attack_is_noticed")
NO_ATTACKS += ("test_each_guard_stands_where_it_is_taken_out",)


def names_in(path):
    tree = ast.parse((layout.ROOT / path).read_text())
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [node.name for node in tree.body if isinstance(node, functions) and node.name.startswith("test_")]


def test_every_test_named_is_there():
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", PAGE)
    assert len(named) > 40
    for path, name in named:
        assert name in names_in(path), f"{path}::{name}"


def test_every_row_of_a_table_of_defences_names_a_test():
    defended = PAGE.split("## What is defended")[1].split("## What is not defended")[0]
    rows = [line for line in defended.splitlines() if line.startswith("| ")]
    rows = [row for row in rows if row != "| attack | defence | test |"]
    assert len(rows) > 25
    assert [row for row in rows if not re.search(r"`tests/[\w/]+\.py::test_\w+`", row)] == []


def test_every_attack_that_is_tested_stands_in_it():
    files = sorted(layout.matches(["tests/test_attacks_on_*.py"]))
    assert len(files) == 3
    for file in files:
        missing = [name for name in names_in(file) if name not in PAGE]
        assert [name for name in missing if name not in NO_ATTACKS] == []
