"""Mutants of a module: its source with one place changed."""

import ast
import difflib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import libcst
from libcst import matchers
from libcst.metadata import WhitespaceInclusivePositionProvider
from mutmut.mutation.mutators import mutation_operators, operator_arg_removal, operator_string

from tools import layout


@dataclass(frozen=True)
class Mutant:
    """``line`` of the module at ``path`` reads ``instead``; ``source``: all of the changed module."""

    path: str
    number: int
    line: str
    instead: str
    source: str

    def __str__(self) -> str:
        return f"{self.path}:{self.number}: {self.line}  ->  {self.instead}"


def mutants(path: str) -> list[Mutant]:
    """Every mutant of the module at ``path``, relative to the project's root, that is another program."""
    return list(mutants_of(path, (layout.ROOT / path).read_text()))


def mutants_of(path: str, source: str) -> Iterator[Mutant]:
    """The same, of a module's source. Texts of errors, type annotations and docstrings are not mutated."""
    wrapper = libcst.MetadataWrapper(libcst.parse_module(source))
    module = wrapper.module
    places = _Places()
    module.visit(places)
    spans = wrapper.resolve(WhitespaceInclusivePositionProvider)
    lines = [0, *itertools.accumulate(len(line) for line in source.splitlines(keepends=True))]
    known = {ast.dump(ast.parse(source))}
    for node, mutated in places.found:
        span = spans[node]
        start, end = (lines[place.line - 1] + place.column for place in (span.start, span.end))
        if source[start:end] == module.code_for_node(node):
            changed = source[:start] + module.code_for_node(mutated) + source[end:]
        else:  # a statement of several lines, whose text depends on its indentation; this takes longer
            changed = libcst.ensure_type(module.deep_replace(node, mutated), libcst.Module).code
        try:
            program = ast.dump(ast.parse(changed))
        except SyntaxError:
            continue
        if program not in known:
            known.add(program)
            number, line, instead = _difference(source, changed)
            yield Mutant(path, number, line, instead, changed)


class _Places(libcst.CSTVisitor):
    """``found``: (node, what takes its place)."""

    def __init__(self) -> None:
        self.found: list[tuple[libcst.CSTNode, libcst.CSTNode]] = []
        self._texts: set[libcst.CSTNode] = set()  # what an error says: no rule of the program

    def on_visit(self, node: libcst.CSTNode) -> bool:
        if isinstance(node, libcst.Annotation | libcst.Import | libcst.ImportFrom) or node in self._texts:
            return False
        if isinstance(node, libcst.Raise):
            for found in matchers.findall(node, matchers.Call()):
                call = libcst.ensure_type(found, libcst.Call)
                self._texts.update(argument.value for argument in call.args if _is_text(argument.value))
        for kind, operator in mutation_operators:
            if isinstance(node, kind):
                for mutated in operator(node):
                    if (
                        operator is operator_string
                        and "XX" in libcst.ensure_type(mutated, libcst.SimpleString).value
                    ):
                        continue  # no format of struct: it would only show that the line is reached
                    if operator is operator_arg_removal and self._loses_text(node, mutated):
                        continue
                    self.found.append((node, mutated))
        self.found += ((node, mutated) for mutated in _dropped(node))
        return True

    def _loses_text(self, call: libcst.CSTNode, mutated: libcst.CSTNode) -> bool:
        assert isinstance(call, libcst.Call) and isinstance(mutated, libcst.Call)
        kept = {id(argument.value) for argument in mutated.args}
        return any(argument.value in self._texts and id(argument.value) not in kept for argument in call.args)


def _is_text(value: libcst.BaseExpression) -> bool:
    if isinstance(value, libcst.BinaryOperation):
        return _is_text(value.left)
    return isinstance(value, libcst.BaseString) or matchers.matches(
        value, matchers.Call(func=matchers.Name("str"))
    )


def _dropped(node: libcst.CSTNode) -> Iterator[libcst.CSTNode]:
    """What mutmut has not: a call or a refusal left out, a branch always or never taken."""
    if isinstance(node, libcst.Raise) or matchers.matches(node, matchers.Expr(value=matchers.Call())):
        yield libcst.Pass()
    if isinstance(node, libcst.If):
        for name in ("True", "False"):
            test = libcst.Name(name)
            before = node.whitespace_before_test
            yield node.with_changes(test=test, whitespace_before_test=before or libcst.SimpleWhitespace(" "))


def _difference(source: str, changed: str) -> tuple[int, str, str]:
    """Where they first differ, and the lines there."""
    old, new = source.splitlines(), changed.splitlines()
    for tag, start, end, begin, finish in difflib.SequenceMatcher(
        None, old, new, autojunk=False
    ).get_opcodes():
        if tag != "equal":
            return start + 1, _joined(old[start:end]), _joined(new[begin:finish])
    raise ValueError("the mutant is the module itself")


def _joined(lines: list[str]) -> str:
    return " ".join(" ".join(line.split("  # ")[0] for line in lines).split())
