"""Writes docs/conformance.md from the rules and from the tests that name them.

A test names its rules in a comment of their own lines, right above it and its decorators::

    # rule: notify-unicast, hub-notify-no-response
    def test_...

``python -m tools.conformance.page`` prints the page; ``--write`` writes it (`make docs`). A rule that no test
names, or a name that is no rule, is an error: ValueError, exit code 1.
"""

import ast
import re
import sys
from pathlib import Path

from tools import layout
from tools.conformance.client_rules import CLIENT
from tools.conformance.hub_rules import HUBS
from tools.conformance.rule import Rule
from tools.conformance.standing_rules import STANDING

PAGE = layout.ROOT / "docs/conformance.md"
TESTS = layout.ROOT / "tests"
_MARK = re.compile(r"# rule: (.*)")
_HEAD = """\
# Conformance

Each rule that an OTA Upgrade client meets, where it comes from, and the tests that hold us to it. Written
by `make docs` from `tools/conformance/` and from the tests, which name their rules; a test holds this
page to both. {count} rules, {tests} tests. Tests in `portable/` run on CPython and on MicroPython, those in
`interop/` against unmodified hubs. The standard's own text was not at hand: its chapters are cited as
implementations quote them.
"""


def all_rules() -> list[Rule]:
    """In the page's order."""
    return [rule for group in (CLIENT, STANDING, HUBS) for part in group.values() for rule in part]


def marks_in(source: str) -> list[tuple[str, str]]:
    """(rule's key, test) of each mark in a test file. ValueError for a mark that stands above no test."""
    lines = source.splitlines()
    marks = []
    used = set()
    for node in ast.parse(source).body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or not node.name.startswith("test_"):
            continue
        above = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)]) - 2
        while above >= 0 and (mark := _MARK.fullmatch(lines[above])):
            used.add(above)
            marks += [(key.strip(), node.name) for key in mark[1].split(",")]
            above -= 1
    stray = [number + 1 for number, line in enumerate(lines) if _MARK.fullmatch(line) and number not in used]
    if stray:
        raise ValueError(f"a rule is named above no test, in line {stray[0]}")
    return marks


def tests_by_rule(tests: Path = TESTS) -> dict[str, list[str]]:
    """The tests of each key, as ``file::test`` below ``tests``, sorted."""
    found: dict[str, list[str]] = {}
    for path in sorted(tests.rglob("test_*.py")):
        for key, name in marks_in(path.read_text(encoding="utf-8")):
            found.setdefault(key, []).append(f"{path.relative_to(tests).as_posix()}::{name}")
    return found


def page(tests: dict[str, list[str]]) -> str:
    """The page. ValueError names the rules without a test, and the names that are no rule."""
    keys = [rule.key for rule in all_rules()]
    twice = {key for key in keys if keys.count(key) > 1}
    missing = [key for key in keys if key not in tests]
    unknown = sorted(set(tests) - set(keys))
    if twice or missing or unknown:
        raise ValueError(
            f"rules without a test: {missing}; named but no rule: {unknown}; twice: {sorted(twice)}"
        )
    count = len({test for named in tests.values() for test in named})
    out = [_HEAD.format(count=len(keys), tests=count)]
    for title, groups in (("An update", CLIENT), ("At any time", STANDING), ("Real hubs", HUBS)):
        out.append(f"\n## {title}\n")
        for name, part in groups.items():
            out.append(f"\n### {name}\n\n| rule | source | tests |\n|---|---|---|\n")
            out += [_row(rule, tests[rule.key]) for rule in part]
    return "".join(out)


def _row(rule: Rule, tests: list[str]) -> str:
    named = "<br>".join(f"`{test}`" for test in tests)
    return f'| <a name="{rule.key}"></a>{rule.text} | {rule.source} | {named} |\n'


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--write"]):
        print("usage: python -m tools.conformance.page [--write]", file=sys.stderr)
        return 2
    try:
        text = page(tests_by_rule())
    except ValueError as error:
        print(f"hanota: {error}", file=sys.stderr)
        return 1
    if arguments:
        PAGE.write_text(text, encoding="utf-8")
    else:
        print(text, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
