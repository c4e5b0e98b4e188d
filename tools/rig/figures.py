"""Puts the figures of a run into docs/rig.md, from the JUnit file that the run has left.

``python -m tools.rig.figures [--write] [JUNIT]``: prints the table, or writes it; without JUNIT, that of
`make rig`. A run that failed, or that skipped something, has no figures to show: exit code 1.
"""

import sys
import xml.etree.ElementTree as ET
from pathlib import Path

from tools import layout

PAGE = layout.ROOT / "docs/rig.md"
RUN = layout.ROOT / "build/rig/long/junit.xml"
BEGIN = "<!-- python -m tools.rig.figures --write -->\n"
END = "<!-- end of figures -->\n"


def table(path: Path) -> str:
    """In Markdown, a line for each bench and step. ValueError if the run is not one that passed whole."""
    lines = ["| bench | step | s | figures |", "|---|---|---|---|"]
    for suite in ET.parse(path).getroot():
        bench = suite.get("name")
        for case in suite.findall("testcase"):
            for bad in ("failure", "error", "skipped"):
                if case.find(bad) is not None:
                    raise ValueError(f"{bench}: {case.get('name')}: {bad}")
            # Not each test on the board by itself: the report has those.
            told = [(one.get("name", ""), one.get("value")) for one in case.iter("property")]
            figures = [f"{name}: {value}" for name, value in told if not name.startswith("test_")]
            seconds = float(case.get("time", "0"))
            lines.append(
                f"| {suite.get('name')} | {case.get('name')} | {seconds:.0f} | {'; '.join(figures)} |"
            )
        (seed,) = [one.get("value") for one in suite.iter("property") if one.get("name") == "seed"]
        lines.append(f"| {bench} | in all | {float(suite.get('time', '0')):.0f} | seed {seed} |")
    return "\n".join(lines) + "\n"


def written(page: str, figures: str) -> str:
    """``page`` with these figures. ValueError if it has no place for them."""
    head, begin, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"no lines {BEGIN.strip()} and {END.strip()}")
    return head + begin + "\n" + figures + "\n" + end + tail


def main(arguments: list[str]) -> int:
    write = arguments[:1] == ["--write"]
    paths = arguments[1:] if write else arguments
    if len(paths) > 1 or any(path.startswith("-") for path in paths):
        print("usage: python -m tools.rig.figures [--write] [JUNIT]", file=sys.stderr)
        return 2
    path = Path(paths[0]) if paths else RUN
    try:
        figures = table(path)
    except (OSError, ET.ParseError, ValueError) as problem:
        print(f"no figures from {path}: {problem}", file=sys.stderr)
        return 1
    if write:
        PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), figures), encoding="utf-8")
    else:
        print(figures, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
