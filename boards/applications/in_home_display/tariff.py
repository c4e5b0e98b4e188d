"""The tariff: three rates by the time of use, a week and holiday calendar, a standing charge.

Money is an integer number of milli-pence everywhere (100 000 make a pound), prices include VAT. No floats: a
display must agree with the bill. Switching times are minutes of the UTC day, as the meter's are.
"""

from . import dates

RATES = (14120, 25690, 38450)  # milli-pence per kWh in the bands night, day and peak
STANDING_CHARGE = 53350  # milli-pence per day

# Kinds of day, each a row of (from minute, band).
WEEKDAY = 0
WEEKEND = 1
HOLIDAY = 2
SWITCHES = (
    ((0, 0), (420, 1), (960, 2), (1140, 1), (1380, 0)),
    ((0, 0), (480, 1), (1020, 2), (1110, 1), (1410, 0)),
    ((0, 0), (540, 1), (1410, 0)),
)
# No household's unit rate or daily charge has been near this: beyond it the table is damaged, not dear.
HIGHEST = 200000


def kind_of_day(day):
    """WEEKDAY, WEEKEND or HOLIDAY, which goes before both."""
    if dates.holiday(day) != dates.NO_HOLIDAY:
        return HOLIDAY
    return WEEKEND if dates.weekday(day) >= dates.SATURDAY else WEEKDAY


def band_at(kind, minute):
    """The band of a minute of the day: 0 night, 1 day, 2 peak."""
    found = 0
    for start, band in SWITCHES[kind]:
        if start <= minute:
            found = band
    return found


def next_switch(kind, minute):
    """The minute of the day's next change of band; midnight, 1440, if there is none before."""
    for start, _ in SWITCHES[kind]:
        if start > minute:
            return start
    return 1440


def cost(watt_hours):
    """Milli-pence for a day's energy by band, the standing charge included; each band is rounded down.

    kWh and the rest apart, so that the products stay within 31 bits.
    """
    total = STANDING_CHARGE
    for energy, rate in zip(watt_hours, RATES):  # noqa: B905 MicroPython's zip has no strict
        total += energy // 1000 * rate + energy % 1000 * rate // 1000
    return total


def consistent():
    """True if every kind of day has a band at every minute and every price is one that can be."""
    previous = 0
    for rate in RATES:
        if not previous < rate <= HIGHEST:
            return False
        previous = rate
    for row in SWITCHES:
        previous = -1
        for start, band in row:
            if not previous < start < 1440 or not 0 <= band < 3:
                return False
            previous = start
        if row[0][0]:
            return False
    return 0 <= STANDING_CHARGE <= HIGHEST
