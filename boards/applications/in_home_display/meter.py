"""What this display reads, simulated and the same every time: the electricity meter, and the grid's CO2.

A product has them from the Metering cluster of the home's meter and from its supplier. Energy is counted in
watt hours by tariff band, and what is less than one in watt milliseconds, so that nothing is lost.
"""

from . import tariff

# Load in units of 20 W, by the hour, on a working day and on others: three people, an electric cooker.
_WORKING = b"\x0b\x09\x08\x08\x09\x0b\x1a\x2d\x1d\x14\x12\x13\x19\x15\x13\x1a\x2e\x46\x45\x33\x2b\x25\x1c\x11"
_AT_HOME = b"\x0e\x0b\x09\x08\x09\x0a\x0e\x1a\x2b\x32\x2e\x2a\x35\x33\x27\x26\x33\x44\x40\x32\x2a\x26\x1f\x15"
# The grid's CO2 in units of 2 g per kWh, by the hour.
_CARBON = b"\x3c\x37\x34\x33\x36\x3e\x50\x62\x64\x56\x46\x3c\x37\x38\x43\x57\x6f\x80\x82\x77\x68\x5a\x4d\x43"


class Meter:
    """``day`` and ``milliseconds`` of it; ``watts``; ``watt_hours`` of the day by band; its ``cost``."""

    def __init__(self, day, minute, seed):
        self.day = day
        self.milliseconds = minute * 60000
        self.supplied = True
        self._seed = seed
        self._rest = 0
        # What the curve says for the time before this boot.
        self.kind = tariff.kind_of_day(day - 1)
        self._count_curve(1440)
        self.yesterday = sum(self.watt_hours)
        self.kind = tariff.kind_of_day(day)
        self._count_curve(minute)
        self.cost = tariff.cost(self.watt_hours)
        self._measure()

    def _count_curve(self, minutes):
        """Start the day at midnight and count so many minutes of it, by the half hour."""
        self.watt_hours = [0, 0, 0]
        for at in range(0, minutes, 30):
            self.watt_hours[tariff.band_at(self.kind, at)] += self._curve(at) * min(30, minutes - at) // 60

    def minute(self):
        """Of the UTC day, 0 to 1439."""
        return self.milliseconds // 60000

    def band(self):
        """The tariff band that holds now."""
        return tariff.band_at(self.kind, self.minute())

    def advance(self, elapsed):
        """Time went by, at most a day, in ms. Returns the milli-pence that it cost."""
        self._rest += self.watts * elapsed
        self.watt_hours[self.band()] += self._rest // 3600000
        self._rest %= 3600000
        charge = tariff.cost(self.watt_hours) - self.cost
        self.milliseconds += elapsed
        if self.milliseconds >= 86400000:
            self.milliseconds -= 86400000
            self.day += 1
            self.kind = tariff.kind_of_day(self.day)
            self.yesterday = sum(self.watt_hours)
            self.watt_hours = [0, 0, 0]
            charge += tariff.STANDING_CHARGE
        self.cost = tariff.cost(self.watt_hours)
        self._measure()
        return charge

    def _curve(self, minute):
        """W, on a straight line between two hours."""
        curve = _AT_HOME if self.kind else _WORKING
        at = minute // 60
        return 20 * curve[at] + (curve[(at + 1) % 24] - curve[at]) * (minute % 60) // 3

    def _measure(self):
        """Set watts: the curve, a flicker every second, and in some minutes a kettle."""
        minute = self.minute()
        watts = self._curve(minute) + (self.milliseconds // 1000 * 13 + self._seed) % 37
        if 390 <= minute < 1350 and (minute * 7 + self._seed) % 23 == 0:
            watts += 2700
        self.watts = watts if self.supplied else 0

    def plausible(self):
        """True while the readings can be those of one house: its fuse is 100 A at 230 V."""
        return 0 <= self.watts <= 23000 and 0 <= sum(self.watt_hours) <= 24 * 23000

    def carbon(self):
        """g CO2 per kWh on the grid now."""
        return 2 * _CARBON[self.minute() // 60]

    def greenest(self):
        """The hour of the day at which the cleanest hour of the next twelve begins."""
        best = hour = self.minute() // 60
        for at in range(hour, hour + 12):
            if _CARBON[at % 24] < _CARBON[best]:
                best = at % 24
        return best
