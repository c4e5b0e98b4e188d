"""A part of docs/protocol.md that a tool of ours writes, between two lines that say so."""

import sys
from collections.abc import Callable

from tools import layout

PAGE = layout.ROOT / "docs/protocol.md"


class PagePart:
    """``tool``: the module that writes it; ``end``: the line behind it; ``content``: what it is now."""

    def __init__(self, tool: str, end: str, content: Callable[[], str]):
        self._command = f"python -m tools.{tool}"
        self._begin = f"<!-- {self._command} --write -->\n"
        self._end = f"<!-- {end} -->\n"
        self._content = content

    def written(self, page: str) -> str:
        """``page`` with the part as it is now. ValueError if it has no place for it."""
        head, begin, rest = page.partition(self._begin)
        _, end, tail = rest.partition(self._end)
        if not begin or not end:
            raise ValueError(f"no lines {self._begin.strip()} and {self._end.strip()}")
        return head + begin + self._content() + end + tail

    def main(self, arguments: list[str]) -> int:
        """The tool's command line: prints the part, or with --write puts it into the page. Its exit code."""
        if arguments == ["--write"]:
            PAGE.write_text(self.written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
        elif arguments:
            print(f"usage: {self._command} [--write]", file=sys.stderr)
            return 2
        else:
            print(self._content().strip("\n"))
        return 0
