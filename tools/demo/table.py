"""The table at the end: what happened, phase by phase."""

from collections.abc import Callable, Sequence

from rich.table import Table

from tools.demo.phase import STATES, Phase


def table(phases: Sequence[Phase]) -> Table:
    """One column a phase."""
    result = Table(title="What happened", title_justify="left")
    result.add_column("", no_wrap=True)
    for phase in phases:
        result.add_column(phase.title, justify="right")

    def row(title: str, value: Callable[[Phase], str]) -> None:
        result.add_row(title, *(value(phase) for phase in phases))

    row("frames, hub to device", lambda phase: f"{phase.statistics.sent_total.frames:,}")
    row("frames, device to hub", lambda phase: f"{phase.statistics.received_total.frames:,}")
    row("bytes on air, to device", lambda phase: f"{phase.statistics.sent_total.wire_bytes:,}")
    row("bytes on air, to hub", lambda phase: f"{phase.statistics.received_total.wire_bytes:,}")
    row("blocks fetched", lambda phase: f"{phase.blocks:,}")
    row("image bytes received", lambda phase: f"{phase.bytes_fetched:,}")
    row("bytes received twice", lambda phase: f"{phase.bytes_fetched_twice:,}")
    result.add_section()
    row("flash erases", lambda phase: f"{phase.flash_work['erases']:,}")
    row("flash writes", lambda phase: f"{phase.flash_work['programs']:,}")
    row("bytes programmed", lambda phase: f"{phase.flash_work['programmed_bytes']:,}")
    row("write amplification", _amplification)
    result.add_section()
    for state in STATES:
        result.add_row(f"time {state}", *(_duration(phase.seconds[state]) for phase in phases))
    row("outage at activation", lambda phase: "" if phase.outage_ms is None else f"{phase.outage_ms} ms")
    return result


def _amplification(phase: Phase) -> str:
    """Bytes programmed for each byte of the image, where all of it was fetched."""
    fetched = phase.bytes_fetched - phase.bytes_fetched_twice
    if fetched < phase.image_size:
        return ""
    return f"{phase.flash_work['programmed_bytes'] / phase.image_size:.2f}"


def _duration(seconds: float) -> str:
    return "" if seconds < 0.005 else f"{seconds:.2f} s"
