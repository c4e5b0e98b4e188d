"""One bench's run on a line, as inline SVG: steps, power, events, and every cut."""

from html import escape

from tools.rig import record
from tools.rig.record import Record, clean

_WIDTH = 1200
_LEFT = 70
_ROW = 26
_COLOURS = {record.PASSED: "#cfe3cf", record.FAILED: "#f0b9b9", record.SKIPPED: "#dddddd"}
# Events in rows, so that what happens at the same moment does not cover one another.
_ROWS = {
    "boot": 2,
    "trial": 2,
    "confirmed": 3,
    "reverted": 3,
    "rejected": 3,
    "failed": 3,
}
_GOOD = "#3b6ea5"
_BAD = "#b00020"


def svg(told: Record) -> str:
    """The picture; hovering tells what each mark is."""
    end = max([1.0, *(mark.at for mark in told.marks), *(one.began + one.seconds for one in told.results)])

    def x(at: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - 10) * at / end

    height = 6 * _ROW
    parts = [
        f"<svg viewBox='0 0 {_WIDTH} {height}' xmlns='http://www.w3.org/2000/svg' font-size='11' "
        f"font-family='system-ui, sans-serif' role='img' aria-label='time line of {escape(told.bench)}'>"
    ]
    for row, name in enumerate(("steps", "power", "boots", "ends", "events")):
        parts.append(f"<text x='0' y='{_y(row) + 15}'>{name}</text>")
    for result in told.results:
        left, width = x(result.began), x(result.began + result.seconds) - x(result.began)
        parts.append(
            f"<rect x='{left:.1f}' y='{_y(0)}' width='{max(width, 1):.1f}' height='{_ROW - 4}' "
            f"fill='{_COLOURS.get(result.outcome, '#eee')}' stroke='#888'>"
            f"<title>{escape(result.title)}: {result.outcome}, {result.seconds:.1f} s</title></rect>"
            f"<text x='{left + 3:.1f}' y='{_y(0) + 15}'>"
            f"{escape(result.title.split(',')[0]) if width > 60 else ''}</text>"
        )
    parts += _power(told, x, end)
    for mark in told.marks:
        if mark.kind == record.CUT:
            parts.append(
                f"<line class='cut' x1='{x(mark.at):.1f}' x2='{x(mark.at):.1f}' y1='{_y(1)}' y2='{_y(5)}' "
                f"stroke='{_BAD}' stroke-width='1'><title>{_told(mark)}</title></line>"
            )
        elif mark.kind == record.EVENT:
            row = _ROWS.get(mark.text.split(" ")[0], 4)
            bad = mark.text.startswith(("rejected", "reverted", "failed"))
            parts.append(
                f"<circle class='event' cx='{x(mark.at):.1f}' cy='{_y(row) + 11}' r='3' "
                f"fill='{_BAD if bad else _GOOD}'><title>{_told(mark)}</title></circle>"
            )
    for tenth in range(0, 11, 2):
        at = end * tenth / 10
        parts.append(f"<text x='{x(at):.1f}' y='{_y(5) + 15}' text-anchor='middle'>{at:.0f} s</text>")
    return "".join([*parts, "</svg>"])


def _y(row: int) -> int:
    return row * _ROW + 2


def _power(told: Record, x, end: float) -> list[str]:
    bars = []
    on: float | None = None
    for mark in [*told.marks, record.Mark(end, record.POWER_OFF, "")]:
        if mark.kind == record.POWER_ON:
            on = mark.at
        elif mark.kind in (record.CUT, record.POWER_OFF) and on is not None:
            width = max(x(mark.at) - x(on), 0.5)
            bars.append(
                f"<rect x='{x(on):.1f}' y='{_y(1) + 4}' width='{width:.1f}' height='12' "
                "fill='#e8c95a'><title>power on</title></rect>"
            )
            on = None
    return bars


def _told(mark: record.Mark) -> str:
    return escape(clean(f"{mark.at:.2f} s: {mark.text}"), quote=True)
