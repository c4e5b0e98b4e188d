"""ZigBee's time: seconds from 2000-01-01 UTC, 32 bits; as people write it, ISO 8601."""

import datetime

import click

EPOCH = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
MAXIMUM = 0xFFFFFFFE  # 0xFFFFFFFF is no time


def text(seconds: int) -> str:
    """As in "2026-12-31T23:59:59Z"."""
    return (EPOCH + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse(value: str) -> int:
    """Seconds of an ISO date or time, UTC unless it says otherwise. ValueError says what is wrong."""
    try:
        moment = datetime.datetime.fromisoformat(value)
    except ValueError:
        raise ValueError(f"{value!r} is not a time; write 2026-12-31 or 2026-12-31T18:00Z") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    seconds = int((moment - EPOCH).total_seconds())
    if not 0 <= seconds <= MAXIMUM:
        raise ValueError(f"{value} is not between {text(0)} and {text(MAXIMUM)}")
    return seconds


def now() -> int:
    """What this machine's clock says."""
    return int((datetime.datetime.now(datetime.UTC) - EPOCH).total_seconds())


class Moment(click.ParamType):
    """A time on the command line."""

    name = "time"

    def convert(self, value, param, ctx):
        try:
            return value if isinstance(value, int) else parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Clock(Moment):
    """What a device's clock shows: a time, or "host" for this machine's."""

    name = "clock"

    def convert(self, value, param, ctx):
        return now() if value == "host" else super().convert(value, param, ctx)
