"""Why a mutant that survives is no fault: survivors.toml beside this file, one table a changed line.

``instead`` is a text, or a list of them: the argument is for each of these changes of the line.
"""

import tomllib
from pathlib import Path

from tools.mutants.making import Mutant

FILE = Path(__file__).with_name("survivors.toml")


class Arguments:
    """Of the file's text. An argument is for a change (path, line, instead), wherever in the module it is."""

    def __init__(self, text: str):
        self._whys = {
            (entry["path"], entry["line"], instead): entry["why"]
            for entry in tomllib.loads(text).get("survivor", [])
            for instead in _listed(entry["instead"])
        }

    def why(self, mutant: Mutant) -> str:
        """The argument for a mutant; "" if there is none."""
        return self._whys.get((mutant.path, mutant.line, mutant.instead), "")

    def has(self, mutant: Mutant) -> bool:
        """Whether the file speaks of it, with an argument or without."""
        return (mutant.path, mutant.line, mutant.instead) in self._whys

    @property
    def paths(self) -> set[str]:
        """The modules that it speaks of."""
        return {path for path, _, _ in self._whys}

    def unused(self, survivors: list[Mutant], tried: set[str]) -> list[str]:
        """Of the modules at the paths ``tried``: arguments for what does not survive any more."""
        used = {(mutant.path, mutant.line, mutant.instead) for mutant in survivors}
        return [" ".join(key) for key in self._whys if key[0] in tried and key not in used]


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def entries(mutants: list[Mutant]) -> str:
    """The tables that survivors.toml wants for mutants, the arguments left to their author."""
    changes: dict[tuple[str, str], list[str]] = {}
    for mutant in mutants:
        changes.setdefault((mutant.path, mutant.line), []).append(mutant.instead)
    return "\n".join(_table(*place, instead) for place, instead in changes.items())


def _table(path: str, line: str, instead: list[str]) -> str:
    texts = list(dict.fromkeys(_quoted(text) for text in instead))
    value = texts[0] if len(texts) == 1 else "[\n" + "".join(f"    {text},\n" for text in texts) + "]"
    return f'[[survivor]]\npath = {_quoted(path)}\nline = {_quoted(line)}\ninstead = {value}\nwhy = ""\n'


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
