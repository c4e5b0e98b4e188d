"""Why a mutant that survives is no fault: survivors.toml beside this file, one table a mutant."""

import tomllib
from pathlib import Path

from tools.mutants.making import Mutant

FILE = Path(__file__).with_name("survivors.toml")


class Arguments:
    """Of the file's text. An argument is for a change (path, line, instead), wherever in the module it is."""

    def __init__(self, text: str):
        self._whys = {
            (entry["path"], entry["line"], entry["instead"]): entry["why"]
            for entry in tomllib.loads(text).get("survivor", [])
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


def entry(mutant: Mutant) -> str:
    """The lines that survivors.toml wants for a mutant, the argument left to its author."""
    fields = (("path", mutant.path), ("line", mutant.line), ("instead", mutant.instead), ("why", ""))
    return "[[survivor]]\n" + "".join(f"{name} = {_quoted(value)}\n" for name, value in fields)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
