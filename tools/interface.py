"""What a payload uses of the boot files: the interface, written down, so that no change of it goes unseen.

``python -m tools.interface`` compares the source with tools/interface.txt; ``--write`` brings that up to
date. A line has the interface since which the thing is there, its name, and what must stay: parameters, or a
constant's value, which is folded into payloads. A change is refused that the two numbers in
firmware_agent/__init__.py do not tell:

- something new that a payload uses: INTERFACE rises, and payloads ask for it;
- something gone, or changed so that old payloads fail on it: OLDEST_INTERFACE rises to it, too.

It compares names, not meanings: what a thing means may change no more than what it is called.
"""

import ast
import sys
from collections.abc import Iterator

import click

from firmware_agent import INTERFACE, OLDEST_INTERFACE
from tools import layout
from tools.errors import Failed

RECORD = layout.ROOT / "tools" / "interface.txt"
# What a payload imports, or is handed with ``main(board, handover)``.
MODULES = [
    "firmware_agent/handover.py",
    "firmware_agent/reject.py",
    "firmware_agent/store/app_settings.py",
    "firmware_agent/store/facts.py",
    "firmware_agent/store/firmware_store.py",
    "firmware_agent/store/offer.py",
    "firmware_agent/store/state.py",
    "firmware_agent/trust/manifest.py",
    "hal/byte_loops.py",
    "hal/flash.py",
    "hal/modules.py",
    "boards/common/parts.py",
    "boards/host/board.py",  # as every board's, boards/PORTING.md
]
_SAMPLES = ["boards/applications/*/*.py"]
Surface = dict[str, str]  # dotted name: "(parameters)", "= value", or "" for an attribute or a class


def recorded() -> dict[str, tuple[int, str]]:
    """tools/interface.txt: {name: (since which interface, what must stay)}."""
    entries = {}
    for line in RECORD.read_text().splitlines():
        since, name, *stays = line.split(" ", 2)
        entries[name] = int(since), stays[0] if stays else ""
    return entries


def needed() -> int:
    """The interface that a payload built from this source needs."""
    return max(since for since, _ in recorded().values())


def used() -> Surface:
    """What there is in the boot files and is called by its name in a payload's half."""
    names: set[str] = set()
    for path in [*layout.updatable_files(), *layout.matches(_SAMPLES)]:
        names |= _mentioned((layout.ROOT / path).read_text())
    surface = {}
    for path in sorted(layout.matches(MODULES)):
        module = path.removesuffix(".py").replace("/", ".")
        for name, stays in public(ast.parse((layout.ROOT / path).read_text())):
            # A class is called by its own name.
            if name.removesuffix(".__init__").split(".")[-1] in names:
                surface[f"{module}.{name}"] = stays
    return surface


def _mentioned(source: str) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name):
            names.add(node.id)
        elif isinstance(node, ast.Attribute):
            names.add(node.attr)
        elif isinstance(node, ast.alias):
            names.add(node.name)
    return names


def public(tree: ast.Module | ast.ClassDef) -> Iterator[tuple[str, str]]:
    """(dotted name, what must stay) of what a module or class has for others, in the source's order."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            # Also of a class with a private name: a board's parts are handed over, and have one.
            yield node.name, ""
            for name, stays in public(node):
                yield f"{node.name}.{name}", stays
            for name in sorted(set(_attributes(node))):
                yield f"{node.name}.{name}", ""
        elif isinstance(node, ast.FunctionDef):
            if not node.name.startswith("_") or node.name == "__init__":
                property_ = any(ast.unparse(one) == "property" for one in node.decorator_list)
                yield node.name, "" if property_ else _parameters(node.args, isinstance(tree, ast.ClassDef))
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            if not node.targets[0].id.startswith("_"):
                yield node.targets[0].id, _value(node.value)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if alias.name.isupper():  # a constant that others have from here
                    yield alias.name, ""


def _parameters(arguments: ast.arguments, method: bool) -> str:
    given = [ast.arg(argument.arg) for argument in arguments.args[method:]]
    bare = ast.arguments([], given, arguments.vararg, arguments.kwonlyargs, arguments.kw_defaults, None, [])
    bare.defaults = arguments.defaults
    return f"({ast.unparse(bare)})"


def _value(node: ast.expr) -> str:
    """Of a constant that is written out; it is folded into payloads."""
    written = not any(isinstance(part, (ast.Name, ast.Call, ast.comprehension)) for part in ast.walk(node))
    return f"= {ast.unparse(node)}" if written else ""


def _attributes(tree: ast.ClassDef) -> Iterator[str]:
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.ctx, ast.Store)
            and not node.attr.startswith("_")
        ):
            if isinstance(node.value, ast.Name) and node.value.id == "self":
                yield node.attr


def serves(old: str, new: str) -> bool:
    """Whether a use of what was ``old`` works on ``new``: the same, or more parameters with defaults."""
    if old == new:
        return True
    if not (old.startswith("(") and new.startswith("(")):
        return False
    before, now = _split(old), _split(new)
    return now[: len(before)] == before and all("=" in parameter for parameter in now[len(before) :])


def _split(parameters: str) -> list[str]:
    (function,) = ast.parse(f"def f{parameters}: pass").body
    assert isinstance(function, ast.FunctionDef)
    arguments = function.args.args
    first_default = len(arguments) - len(function.args.defaults)
    return [
        one.arg
        if n < first_default
        else f"{one.arg}={ast.unparse(function.args.defaults[n - first_default])}"
        for n, one in enumerate(arguments)
    ]


def compare(now: Surface, entries: dict[str, tuple[int, str]]) -> tuple[list[str], list[str]]:
    """(what is gone or does not serve any more, what is new); both sorted."""
    gone = [name for name, (_, stays) in entries.items() if name not in now or not serves(stays, now[name])]
    return sorted(gone), sorted(set(now) - set(entries))


def updated(
    now: Surface, entries: dict[str, tuple[int, str]], newest: int, oldest: int
) -> dict[str, tuple[int, str]]:
    """The record for ``now``; Failed where the numbers do not tell what has changed."""
    gone, new = compare(now, entries)
    last = max((since for since, _ in entries.values()), default=0)
    if (gone or new) and newest <= last:
        numbers = f"INTERFACE to {last + 1}" + (" and OLDEST_INTERFACE with it" if gone else "")
        what = ", ".join(
            [*(f"{name} is gone or another" for name in gone), *(f"{name} is new" for name in new)]
        )
        raise Failed(
            f"the interface between boot files and payloads has changed: {what}. Keep what was, or raise "
            f"{numbers} in firmware_agent/__init__.py; then: python -m tools.interface --write"
        )
    if gone and oldest != newest:
        raise Failed(
            f"payloads built until now need {', '.join(gone)}: raise OLDEST_INTERFACE to {newest}, too, "
            "so that boot files refuse them; then: python -m tools.interface --write"
        )
    return {
        name: (newest if name in gone or name in new else max(entries[name][0], oldest), stays)
        for name, stays in now.items()
    }


def text(entries: dict[str, tuple[int, str]]) -> str:
    """tools/interface.txt."""
    return "".join(
        f"{since} {name} {stays}".rstrip() + "\n" for name, (since, stays) in sorted(entries.items())
    )


@click.command()
@click.option("--write", is_flag=True, help="Bring tools/interface.txt up to date.")
def main(write: bool) -> None:
    """Compare what a payload uses of the boot files with tools/interface.txt."""
    found = text(updated(used(), recorded(), INTERFACE, OLDEST_INTERFACE))
    if write:
        RECORD.write_text(found)
    elif found != RECORD.read_text():
        raise Failed("tools/interface.txt is out of date; run: python -m tools.interface --write")
    click.echo(
        f"interface {INTERFACE}, oldest {OLDEST_INTERFACE}; a payload needs {needed()}", file=sys.stdout
    )


if __name__ == "__main__":
    main()
