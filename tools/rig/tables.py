"""TOML read key by key, so that what is wrong in a file is said with its place and what to write instead."""

import difflib
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.errors import UnusableArguments

_REQUIRED: Any = object()


class Table:
    """One table; ``where`` names it in messages: "benches.toml: bench.desk"."""

    def __init__(self, where: str, values: dict[str, Any]):
        self.where = where
        self._values = values
        self._known: list[str] = []

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def fail(self, key: str, text: str) -> UnusableArguments:
        """The error to raise about ``key``."""
        return UnusableArguments(f"{self.where}.{key}: {text}")

    def _take(self, key: str, kind: type | tuple[type, ...], what: str, default: Any) -> Any:
        self._known.append(key)
        if key not in self._values:
            if default is _REQUIRED:
                raise self.fail(key, f"is missing: give {what}")
            return default
        value = self._values[key]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise self.fail(key, f"{value!r} is not {what}")
        return value

    def text(self, key: str, default: Any = _REQUIRED, what: str = "a text in quotes") -> Any:
        """A string that is not empty."""
        value = self._take(key, str, what, default)
        if key in self and value == "":
            raise self.fail(key, f"is empty: give {what}")
        return value

    def number(self, key: str, least: float, most: float, default: Any = _REQUIRED) -> Any:
        """An integer, or a float if ``least`` is one."""
        kind: tuple[type, ...] = (int, float) if isinstance(least, float) else (int,)
        what = f"a number from {least} to {most}"
        value = self._take(key, kind, what, default)
        if value is not default and not least <= value <= most:
            raise self.fail(key, f"{value!r} is not {what}")
        return value

    def choice(self, key: str, choices: list[str], default: Any = _REQUIRED) -> Any:
        """One of ``choices``."""
        value = self._take(key, str, f"one of {', '.join(choices)}", default)
        if value is not default and value not in choices:
            raise self.fail(key, f"{value!r} is not one of {', '.join(choices)}{_near(value, choices)}")
        return value

    def words(self, key: str, default: Any = _REQUIRED) -> Any:
        """A list of strings, at least one, as a tuple."""
        what = 'a list of texts such as ["uhubctl", "-a", "on"]'
        value = self._take(key, list, what, default)
        if value is default:
            return value
        if not value or not all(isinstance(word, str) for word in value):
            raise self.fail(key, f"{value!r} is not {what}")
        return tuple(value)

    def table(self, key: str) -> "Table":
        """A table inside."""
        return Table(f"{self.where}.{key}", self._take(key, dict, f"a table: [{key}]", _REQUIRED))

    def tables(self, key: str) -> "Iterator[Table]":
        """An array of tables inside, at least one."""
        what = f"an array of tables, each [[{key}]]"
        values = self._take(key, list, what, _REQUIRED)
        if not values or not all(isinstance(value, dict) for value in values):
            raise self.fail(key, f"is not {what}")
        for number, value in enumerate(values, 1):
            yield Table(f"{self.where}.{key}[{number}]", value)

    def named(self, key: str) -> "Iterator[tuple[str, Table]]":
        """The tables in a table, by name; at least one."""
        what = f"a table of tables, each [{key}.NAME]"
        values = self._take(key, dict, what, _REQUIRED)
        if not values:
            raise self.fail(key, f"is empty: give {what}")
        for name, value in values.items():
            if not isinstance(value, dict):
                raise UnusableArguments(f"{self.where}.{key}.{name}: {value!r} is not a table [{key}.{name}]")
            yield name, Table(f"{self.where}.{key}.{name}", value)

    def end(self) -> None:
        """Nothing else may stand in it: a misspelt key would be silently without effect."""
        for key in self._values:
            if key not in self._known:
                known = ", ".join(self._known)
                raise self.fail(key, f"nobody reads this{_near(key, self._known)}; known here: {known}")


def read(path: Path) -> Table:
    """The file's outermost table; UnusableArguments with line and column if it is no TOML."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UnusableArguments(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UnusableArguments(f"{path} is not UTF-8 text: {error}") from error
    try:
        return Table(path.name, tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise UnusableArguments(f"{path} is not TOML: {error}") from error


def _near(word: str, words: list[str]) -> str:
    near = difflib.get_close_matches(word, words, 1)
    return f" (do you mean {near[0]}?)" if near else ""
