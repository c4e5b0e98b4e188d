"""A campaign's result as one self-contained HTML page: where the cuts fell, what was caught, what failed."""

from html import escape
from pathlib import Path

from tools import files
from tools.simulator import cut_picture, stories
from tools.simulator.campaign import Found

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0 } th, td { text-align: left; padding: .2rem .7rem }
th { border-bottom: 2px solid #888 } td { border-bottom: 1px solid #ddd } td.n { text-align: right }
.wide { overflow-x: auto }
.bar { background: #3b6ea5; height: .8rem } .bad { color: #a00 } code { font-size: 90% }
"""


def write(found: Found, path: Path) -> None:
    """Write the page."""
    parts = [
        "<!doctype html><meta charset='utf-8'><title>hanota: power cuts</title>",
        f"<style>{_STYLE}</style><h1>Power cuts</h1>",
        f"<p><b>{escape(found.line())}</b>, seed {found.seed}, {found.seconds:.0f} s.</p>",
        _failures(found),
        "<h2>Stories and geometries</h2><p>A geometry is erase size / write size x units a slot.</p>",
        _runs(found),
        "<h2>Where the cuts fell, and what each became</h2>",
        _pictures(found),
        "<h3>All of them</h3><p>By operation, and by what the cut left in the flash.</p>",
        _fell(found),
        "<h2>Seeded bugs</h2>",
        _bugs(found),
    ]
    files.write(path, "".join(parts).encode())


def _table(head: list[str], rows: list[list[str]]) -> str:
    cells = "".join(f"<th>{name}</th>" for name in head)
    body = "".join("<tr>" + "".join(row) + "</tr>" for row in rows)
    return f"<table><tr>{cells}</tr>{body}</table>"


def _text(value: object) -> str:
    return f"<td>{escape(str(value))}</td>"


def _number(value: int) -> str:
    return f"<td class=n>{value}</td>"


def _failures(found: Found) -> str:
    if not found.tally.failures:
        return "<p>No run went wrong.</p>"
    rows = [
        [_text(failure.text), f"<td><code>{escape(failure.replay)}</code></td>"]
        for failure in found.tally.failures
    ]
    return "<h2 class=bad>Failures</h2>" + _table(["what", "replay"], rows)


def _runs(found: Found) -> str:
    rows = [
        [
            _text(story),
            _text(geometry),
            _number(tally.runs),
            _number(tally.states),
            _number(tally.lives),
            _number(tally.operations),
            _number(tally.most_boots),
            _number(tally.most_twice),
        ]
        for story, geometry, tally in sorted(found.parts, key=lambda part: part[:2])
    ]
    head = [
        "story",
        "geometry",
        "runs",
        "states",
        "lives",
        "flash operations",
        "most boots",
        "most bytes twice a cut",
    ]
    return _table(head, rows)


def _pictures(found: Found) -> str:
    """The first cuts of each story, on the first geometry that it was tried on."""
    drawn: dict[str, str] = {}
    for story, geometry, tally in sorted(found.parts, key=lambda part: (part[0], _order(part[1]))):
        if story not in drawn and tally.cuts:
            title = f"<h3>{escape(story)}, on {escape(geometry)}</h3>"
            drawn[story] = f"{title}<div class=wide>{cut_picture.draw(tally.cuts)}</div>"
    return cut_picture.legend() + "".join(drawn.values())


def _order(geometry: str) -> int:
    return list(stories.GEOMETRIES).index(geometry)


def _fell(found: Found) -> str:
    most = max(found.tally.fell.values(), default=1)
    rows = [
        [
            _text(kind),
            _text(left),
            _number(count),
            f"<td><div class=bar style='width:{20 * count / most:.1f}rem'>",
        ]
        for (kind, left), count in sorted(found.tally.fell.items())
    ]
    return _table(["operation", "left", "cuts", ""], rows)


def _bugs(found: Found) -> str:
    rows = [
        [_text(bug.name), f"<td><code>{escape(bug.instead)}</code></td>", _text(by)]
        for bug, by in found.caught
    ]
    rows += [
        [_text(bug.name), f"<td><code>{escape(bug.instead)}</code></td>", "<td class=bad>missed</td>"]
        for bug in found.missed
    ]
    return _table(["bug", "line", "caught by"], rows)
