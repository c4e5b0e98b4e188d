"""Where the first cuts fell along an update, and what each became: an inline SVG.

Along the page: every flash operation of the update, in its order, under the last thing that the device had
told before it. Down: what the cut left in the flash. In each cell what became of it: a letter and a colour.
"""

from html import escape

from tools.simulator.explorer import NOTHING_AGAIN, SEEN, SOME_AGAIN, WRONG, Cut

# letter, fill: told apart without the colour, too
LEGEND = {
    NOTHING_AGAIN: ("·", "#9fc5a8"),
    SOME_AGAIN: ("u", "#e6c66f"),
    SEEN: ("=", "#dddddd"),
    WRONG: ("X", "#cc3333"),
}
_CELL = 14
_LEFT = 90
_TOP = 88
_FONT = "font-family='system-ui, sans-serif' font-size='10'"


def draw(cuts: list[Cut]) -> str:
    """The picture of one story on one geometry."""
    columns = sorted({(cut.life, cut.operation) for cut in cuts})
    rows = list(dict.fromkeys(cut.left for cut in cuts))
    place = {at: _LEFT + i * _CELL for i, at in enumerate(columns)}
    level = {left: _TOP + i * _CELL for i, left in enumerate(rows)}
    width = _LEFT + len(columns) * _CELL + 10
    height = _TOP + len(rows) * _CELL + 10
    parts = [f"<svg role='img' width='{width}' height='{height}' {_FONT}>"]
    parts += [f"<text x='4' y='{y + 11}'>{escape(left)}</text>" for left, y in level.items()]
    parts += _phases(cuts, place)
    for cut in cuts:
        letter, fill = LEGEND[cut.became]
        x, y = place[cut.life, cut.operation], level[cut.left]
        parts.append(
            f"<g><title>{escape(_told(cut))}</title>"
            f"<rect x='{x}' y='{y}' width='{_CELL - 1}' height='{_CELL - 1}' fill='{fill}'/>"
            f"<text x='{x + 4}' y='{y + 10}'>{letter}</text></g>"
        )
    return "".join([*parts, "</svg>"])


def legend() -> str:
    """What the letters and colours mean."""
    return "<p>" + "; ".join(
        f"<span style='background:{fill}; padding: 0 .4em'>{letter}</span> {escape(became)}"
        for became, (letter, fill) in LEGEND.items()
    )


def _phases(cuts: list[Cut], place: dict[tuple[int, int], int]) -> list[str]:
    """The phase above its first operation; E or P over each: an erase or a program."""
    parts = []
    last = None
    for at, x in place.items():
        cut = next(cut for cut in cuts if (cut.life, cut.operation) == at)
        parts.append(f"<text x='{x + 3}' y='{_TOP - 4}'>{cut.kind[0].upper()}</text>")
        if (cut.life, cut.phase) != last:
            last = (cut.life, cut.phase)
            parts.append(f"<line x1='{x - 1}' x2='{x - 1}' y1='{_TOP - 16}' y2='{_TOP}' stroke='#888'/>")
            parts.append(
                f"<text transform='translate({x + 8},{_TOP - 18}) rotate(-60)'>{escape(cut.phase)}</text>"
            )
    return parts


def _told(cut: Cut) -> str:
    return (
        f"boot {cut.life + 1}, operation {cut.operation + 1} ({cut.kind}) after {cut.phase!r}, "
        f"left {cut.left}: {cut.became}"
    )
