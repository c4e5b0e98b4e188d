"""Folds integer constants across modules before they are compiled for a device.

MicroPython's const() folds within one module and leaves public names in the module's dictionary, so a
protocol's tables of names cost flash, heap and time on a small board. Here every module-level
``NAME = <integer>`` of the modules given is put in the place of its uses, and then dropped, and so is an
import that is not needed any more. Lines stay where they are, so a traceback from the device still names
the line in the source.

What could be used in a way that is not seen here stays: a constant in an f-string, one that is bound
twice, all of a module that is handed around as an object or imported whole (``import a.b``, ``*``).
"""

import ast
import threading
from collections import Counter
from dataclasses import dataclass, field

# CPython before 3.12 counts the depth of all threads' parsers together, and then finds it wrong (gh-106905).
_ONE_AT_A_TIME = threading.Lock()

_OPERATORS = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.FloorDiv: lambda a, b: a // b,
    ast.LShift: lambda a, b: a << b,
    ast.RShift: lambda a, b: a >> b,
    ast.BitOr: lambda a, b: a | b,
    ast.BitAnd: lambda a, b: a & b,
    ast.BitXor: lambda a, b: a ^ b,
}

Edit = tuple[int, int, str]  # start, end (byte offsets in the source), replacement


@dataclass
class _Module:
    """One source: its constants, and which names in it mean other modules or their constants."""

    name: str
    source: bytes
    tree: ast.Module
    constants: dict[str, int] = field(default_factory=dict)
    statements: dict[str, ast.stmt] = field(default_factory=dict)
    bound: Counter[str] = field(default_factory=Counter)  # how often each name is bound, anywhere in it
    modules: dict[str, str] = field(default_factory=dict)  # local name: module
    imported: dict[str, tuple[str, str]] = field(default_factory=dict)  # local name: (module, constant)
    needed: set[str] = field(default_factory=set)  # constants that must not be dropped
    package: bool = False


def fold(sources: dict[str, bytes]) -> dict[str, bytes]:
    """``sources``: path with slashes: Python source. The same paths with constants folded.

    A source that does not parse is left as it is: the compiler's own message is the better one.
    """
    world: dict[str, _Module] = {}
    for path, source in sources.items():
        try:
            with _ONE_AT_A_TIME:
                tree = ast.parse(source)
        except (SyntaxError, ValueError):
            continue
        name = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        package = path.endswith("__init__.py")
        world[path] = _Module(name, source, tree, bound=_bound_names(tree), package=package)
    by_name = {module.name: module for module in world.values()}
    for module in world.values():
        _read_imports(module, by_name)
    changed = True
    while changed:  # a constant may be made of another module's
        changed = any([_read_constants(module, by_name) for module in world.values()])
    for module in world.values():
        for local, (origin, name) in list(module.imported.items()):
            if _constant(origin, name, by_name) is None:
                del module.imported[local]
    for module in world.values():
        _mark_needed(module, by_name)
    folded = {path: _folded(module, by_name) for path, module in world.items()}
    return {path: folded.get(path, source) for path, source in sources.items()}


def _bound_names(tree: ast.Module) -> Counter[str]:
    bound: Counter[str] = Counter()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            bound[node.id] += 1
        elif isinstance(node, ast.arg):
            bound[node.arg] += 1
        elif isinstance(node, ast.Global | ast.Nonlocal):
            bound.update(node.names)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            bound.update((alias.asname or alias.name).split(".")[0] for alias in node.names)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bound[node.name] += 1
        elif isinstance(node, ast.ExceptHandler) and node.name:
            bound[node.name] += 1
    return bound


def _origin(module: _Module, statement: ast.ImportFrom) -> str:
    """The module that ``from ... import`` names."""
    origin = statement.module or ""
    if statement.level:
        parts = module.name.split(".") + ["__init__"] * module.package
        origin = ".".join([*parts[: len(parts) - statement.level], *filter(None, [statement.module])])
    return origin


def _read_imports(module: _Module, by_name: dict[str, _Module]) -> None:
    for statement in module.tree.body:
        if not isinstance(statement, ast.ImportFrom):
            continue
        origin = _origin(module, statement)
        for alias in statement.names:
            local = alias.asname or alias.name
            if module.bound[local] != 1:
                continue
            if f"{origin}.{alias.name}" in by_name:
                module.modules[local] = f"{origin}.{alias.name}"
            elif origin in by_name:
                module.imported[local] = (origin, alias.name)


def _mark_needed(module: _Module, by_name: dict[str, _Module]) -> None:
    """Find what this module uses otherwise than by a plain ``NAME`` or ``alias.NAME``."""
    named = set()
    whole: set[str] = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            whole.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node not in module.tree.body:
            origin = _origin(module, node)
            whole.update(f"{origin}.{alias.name}" for alias in node.names)
            for alias in node.names:
                _need(origin, alias.name, by_name)
        elif isinstance(node, ast.ImportFrom):
            whole.update(_origin(module, node) for alias in node.names if alias.name == "*")
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            named.add(node.value)
        elif isinstance(node, ast.JoinedStr):
            for name in _names_in(node):
                whole.add(module.modules.get(name, ""))
                _need(module.name, name, by_name)
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Name) and node not in named:
            whole.add(module.modules.get(node.id, ""))
    for other in whole & by_name.keys():
        for name in [*by_name[other].constants, *by_name[other].imported]:
            _need(other, name, by_name)


def _need(origin: str, name: str, by_name: dict[str, _Module]) -> None:
    module = by_name.get(origin)
    if module is not None and name not in module.needed:
        module.needed.add(name)
        if name in module.imported:
            _need(*module.imported[name], by_name)


def _names_in(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _read_constants(module: _Module, by_name: dict[str, _Module]) -> bool:
    """Find constants that can be computed by now; True if there was a new one."""
    new = False
    for statement in module.tree.body:
        if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
            continue
        target = statement.targets[0]
        if not isinstance(target, ast.Name) or target.id in module.constants or module.bound[target.id] != 1:
            continue
        if target.id.upper() != target.id or target.id.startswith("__"):
            continue
        value = _value(statement.value, module, by_name)
        if value is not None:
            module.constants[target.id] = value
            module.statements[target.id] = statement
            new = True
    return new


def _value(node: ast.expr, module: _Module, by_name: dict[str, _Module]) -> int | None:
    """The integer that an expression is, or None."""
    if isinstance(node, ast.Constant):
        return node.value if type(node.value) is int else None
    if isinstance(node, ast.Name):
        if node.id in module.constants:
            return module.constants[node.id]
        if node.id in module.imported:
            return _constant(*module.imported[node.id], by_name)
        return None
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return _constant(module.modules.get(node.value.id, ""), node.attr, by_name)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = _value(node.operand, module, by_name)
        return None if value is None else -value
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        left = _value(node.left, module, by_name)
        right = _value(node.right, module, by_name)
        if left is None or right is None:
            return None
        try:
            return _OPERATORS[type(node.op)](left, right)
        except (ArithmeticError, ValueError):
            return None  # division by 0, negative shift: the device's own error is the better one
    return None


def _constant(origin: str, name: str, by_name: dict[str, _Module]) -> int | None:
    """A module's constant, its own or one that it imported."""
    module = by_name.get(origin)
    if module is not None and name not in module.constants and name in module.imported:
        return _constant(*module.imported[name], by_name)
    return None if module is None else module.constants.get(name)


def _folded(module: _Module, by_name: dict[str, _Module]) -> bytes:
    starts = _line_starts(module.source)
    edits: list[Edit] = []
    left = set(module.needed)  # names that stay
    dropped = [node for name, node in module.statements.items() if name not in left]
    for statement in dropped:
        edits.append(_removal(module, statement, starts))
    for statement in module.tree.body:
        if statement not in dropped:
            _walk(statement, None, module, by_name, starts, edits, left)
    unused = {*module.modules, *module.imported} - left
    for statement in module.tree.body:
        if isinstance(statement, ast.ImportFrom):
            kept = [alias for alias in statement.names if (alias.asname or alias.name) not in unused]
            if len(kept) < len(statement.names):
                smaller = ast.ImportFrom(statement.module, kept, statement.level)
                if kept:
                    edits.append((*_span(statement, starts), ast.unparse(smaller)))
                else:
                    edits.append(_removal(module, statement, starts))
    source = module.source
    for start, end, text in sorted(edits, reverse=True):
        lines = source[start:end].count(b"\n")
        source = source[:start] + text.encode() + b"\n" * lines + source[end:]
    return source


def _removal(module: _Module, statement: ast.stmt, starts: list[int]) -> Edit:
    start, end = _span(statement, starts)
    before = module.source[starts[statement.lineno - 1] : start]
    after = module.source[end:].split(b"\n", 1)[0].strip()
    alone = not before.strip() and (not after or after.startswith(b"#"))
    return start, end, "" if alone else "pass"


def _walk(
    node, parent, module: _Module, by_name, starts: list[int], edits: list[Edit], left: set[str]
) -> None:
    # Positions inside f-strings are not the source's before Python 3.12: those are left alone.
    if isinstance(node, ast.JoinedStr):
        return
    if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
        value = _value(node, module, by_name)
        if value is not None:
            bare = value >= 0 and not isinstance(parent, ast.Attribute)
            edits.append((*_span(node, starts), str(value) if bare else f"({value})"))
            return
        if isinstance(node, ast.Name):
            left.add(node.id)
    for child in ast.iter_child_nodes(node):
        _walk(child, node, module, by_name, starts, edits, left)


def _line_starts(source: bytes) -> list[int]:
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    return starts


def _span(node, starts: list[int]) -> tuple[int, int]:
    return starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset
