"""A run as one self-contained HTML page: what ran, when, with which figures, and why it failed."""

from html import escape
from pathlib import Path

from tools import files
from tools.rig import timeline
from tools.rig.plan import Plan
from tools.rig.record import Record, Result, clean

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0 } th, td { text-align: left; padding: .2rem .7rem }
th { border-bottom: 2px solid #888 } td { border-bottom: 1px solid #ddd; vertical-align: top }
td.n { text-align: right } .failed { color: #a00; font-weight: bold } .skipped { color: #777 }
pre { background: #f4f4f4; padding: .5rem; overflow-x: auto; font-size: 85% }
svg { width: 100%; height: auto }
"""


def write(plan: Plan, records: list[Record], path: Path) -> None:
    """Write the page."""
    passed = sum(told.passed for told in records)
    parts = [
        "<!doctype html><meta charset='utf-8'>",
        f"<title>hanota rig: {escape(plan.name)}</title><style>{_STYLE}</style>",
        f"<h1>Plan {escape(plan.name)}</h1>",
        f"<p><b>{passed} of {len(records)} benches passed</b>, {len(plan.steps)} steps on each.</p>",
        *(_bench(plan, told) for told in records),
    ]
    files.write(path, "".join(parts).encode())


def _bench(plan: Plan, told: Record) -> str:
    parts = [
        f"<h2>Bench {escape(told.bench)}</h2>",
        f"<p>Seed {told.seed}, {told.cuts()} power cuts.</p>",
    ]
    if told.trouble:
        parts.append(f"<p class=failed>It ended before its plan: {escape(told.trouble)}</p>")
    parts += [
        timeline.svg(told),
        _steps(told),
        *(_failure(plan, told, one) for one in told.failures),
        _frames(told),
    ]
    return "".join(parts)


def _steps(told: Record) -> str:
    rows = []
    for result in told.results:
        figures = "<br>".join(
            f"{escape(name)}: {escape(str(value))}" for name, value in result.figures.items()
        )
        rows.append(
            f"<tr><td>{escape(result.title)}<td class={result.outcome}>{result.outcome}"
            f"<td class=n>{result.seconds:.1f}<td>{figures or escape(result.text)}"
        )
    return f"<table><tr><th>step<th>outcome<th>seconds<th>figures{''.join(rows)}</table>"


def _failure(plan: Plan, told: Record, result: Result) -> str:
    again = f"hanota rig run {plan.name} --bench {told.bench} --seed {told.seed}"
    return (
        f"<h3 class=failed>{escape(result.title)}</h3><p>{escape(result.text)}</p>"
        f"<p>Seed {told.seed}; again: <code>{escape(again)}</code></p>"
        f"<p>The console's last lines:</p><pre>{escape(clean(result.log))}</pre>"
    )


def _frames(told: Record) -> str:
    rows = [
        f"<tr><td>{escape(way)}<td>{escape(name)}<td class=n>{frames}<td class=n>{size}"
        for way, name, frames, size in told.frames
    ]
    return f"<table><tr><th>frames<th>name<th>number<th>bytes on the wire{''.join(rows)}</table>"
