"""Folds integer constants across modules before they are compiled for a device.

MicroPython's const() folds within one module and leaves public names in the module's dictionary, so a
protocol's tables of names cost flash, heap and time on a small board. Here every module-level
``NAME = <integer>`` of the modules given is put in the place of its uses, and then dropped. Lines stay
where they are, so a traceback from the device still names the line in the source.
"""

import ast
from dataclasses import dataclass, field

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
    modules: dict[str, str] = field(default_factory=dict)  # local name: module
    imported: dict[str, tuple[str, str]] = field(default_factory=dict)  # local name: (module, constant)


def fold(sources: dict[str, bytes]) -> dict[str, bytes]:
    """``sources``: path with slashes: Python source. The same paths with constants folded.

    A source that does not parse is left as it is: the compiler's own message is the better one.
    """
    world: dict[str, _Module] = {}
    for path, source in sources.items():
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError):
            continue
        name = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        world[path] = _Module(name, source, tree)
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
    return {path: _folded(world[path], by_name) if path in world else source for path, source in sources.items()}


def _read_imports(module: _Module, by_name: dict[str, _Module]) -> None:
    for statement in module.tree.body:
        if not isinstance(statement, ast.ImportFrom) or statement.module is None and not statement.level:
            continue
        origin = statement.module or ""
        if statement.level:
            parts = module.name.split(".")
            origin = ".".join([*parts[: len(parts) - statement.level], *filter(None, [statement.module])])
        for alias in statement.names:
            local = alias.asname or alias.name
            if f"{origin}.{alias.name}" in by_name:
                module.modules[local] = f"{origin}.{alias.name}"
            elif origin in by_name:
                module.imported[local] = (origin, alias.name)


def _read_constants(module: _Module, by_name: dict[str, _Module]) -> bool:
    """Find constants that can be computed by now; True if there was a new one."""
    bound: dict[str, int] = {}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            bound[node.id] = bound.get(node.id, 0) + 1
        elif isinstance(node, ast.Global):
            for name in node.names:
                bound[name] = bound.get(name, 0) + 1
        elif isinstance(node, ast.arg):
            bound[node.arg] = bound.get(node.arg, 0) + 1
    new = False
    for statement in module.tree.body:
        if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
            continue
        target = statement.targets[0]
        if not isinstance(target, ast.Name) or target.id in module.constants or bound[target.id] != 1:
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
        return None if left is None or right is None else _OPERATORS[type(node.op)](left, right)
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
    dropped = list(module.statements.values())
    for statement in dropped:
        edits.append((*_span(statement, starts), ""))
    # Positions inside f-strings are not the source's before Python 3.12: those are left alone.
    _walk(module.tree, module, by_name, starts, edits, {id(statement) for statement in dropped})
    for statement in module.tree.body:
        if isinstance(statement, ast.ImportFrom):
            kept = [alias for alias in statement.names if (alias.asname or alias.name) not in module.imported]
            kept_names = {alias.asname or alias.name for alias in kept}
            if len(kept) < len(statement.names) and kept_names.isdisjoint({"*"}):
                statement.names = kept
                edits.append((*_span(statement, starts), ast.unparse(statement) if kept else ""))
    source = module.source
    for start, end, text in sorted(edits, reverse=True):
        lines = source[start:end].count(b"\n")
        source = source[:start] + text.encode() + b"\n" * lines + source[end:]
    return source


def _walk(node, module: _Module, by_name, starts: list[int], edits: list[Edit], skip: set[int]) -> None:
    if isinstance(node, ast.JoinedStr) or id(node) in skip:
        return
    if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
        value = _value(node, module, by_name)
        if value is not None:
            edits.append((*_span(node, starts), str(value) if value >= 0 else f"({value})"))
            return
    for child in ast.iter_child_nodes(node):
        _walk(child, module, by_name, starts, edits, skip)


def _line_starts(source: bytes) -> list[int]:
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    return starts


def _span(node, starts: list[int]) -> tuple[int, int]:
    return starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset
