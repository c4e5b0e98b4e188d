"""The eight rows of the screen. A row is made anew only when something in it has changed."""

from . import dates, tariff, texts

LANGUAGE_PERIOD = 15  # frames that one language stays
INFORMATION_PERIOD = 5  # frames that one line of information stays


class Screen:
    """Draws the meter, the account and the update; ``frames`` counts what was shown, one a second."""

    def __init__(self, device, meter, account):
        self._display = device.display
        if self._display.columns < 40 or self._display.rows < 8:
            raise ValueError("the display is smaller than 40 x 8")
        self._meter = meter
        self._account = account
        self._version = device.file_version
        self._shown = [None] * 8
        self.frames = 0
        self.update = 0  # an index of texts.UPDATE
        self.percent = 0

    def _row(self, row, *content):
        """Write a row, the text and its values, if that is not what stands there."""
        if self._shown[row] != content:
            self._shown[row] = content
            self._display.write(row, content[0] % content[1:])

    def draw(self):
        """One frame."""
        frames = self.frames
        language = frames // LANGUAGE_PERIOD % 2
        meter = self._meter
        self._draw_clock(language)
        watts = meter.watts
        text = texts.NOW[(watts >= 500) + (watts >= 2500)][language]
        self._row(1, text, watts // 1000, watts % 1000 // 10)
        energy = sum(meter.watt_hours)
        before = meter.yesterday // 100
        self._row(2, texts.TODAY[language], energy // 1000, energy % 1000, before // 10, before % 10)
        pence = meter.cost // 1000
        band = meter.band()
        rate = tariff.RATES[band] // 10
        self._row(3, texts.COST[band][language], pence // 100, pence % 100, rate // 100, rate % 100)
        account = self._account
        pence = account.shown() // 1000
        self._row(4, texts.ACCOUNT[account.state][language], pence // 100, pence % 100)
        self._draw_information(frames // INFORMATION_PERIOD, language)
        version = self._version
        octets = (version >> 24, version >> 16 & 255, version >> 8 & 255, version & 255)
        self._row(6, "Firmware %d.%d.%d.%d  0x%08x", *octets, version)
        if self.update == 1:
            self._row(7, texts.UPDATE[1], self.percent)
        else:
            self._row(7, texts.UPDATE[self.update])
        self._display.show()
        self.frames = frames + 1

    def _draw_clock(self, language):
        """Local time; the supplier's day and the tariff's times stay in UTC."""
        meter = self._meter
        day = meter.day
        minute = meter.minute()
        name = texts.DAYS[dates.holiday(day)][language]
        if dates.summer_time(day, minute):
            minute += 60
            day += minute // 1440
        _, month, date = dates.date_of(day)
        self._row(
            0,
            texts.TITLE,
            texts.WEEKDAYS[dates.weekday(day)][language],
            date,
            texts.MONTHS[month - 1][language],
            minute // 60 % 24,
            minute % 60,
            meter.milliseconds // 1000 % 60,
            name,
        )

    def _draw_information(self, turn, language):
        """One line out of five; the last one is a tip, another one in each round."""
        meter = self._meter
        which = turn % 5
        if which == 0:
            grams = meter.carbon()
            self._row(5, texts.CARBON[(grams >= 130) + (grams >= 200)][language], grams)
        elif which == 1:
            self._row(5, texts.GREENEST[language], self._local_hour(meter.greenest()))
        elif which == 2:
            kind = meter.kind
            minute = tariff.next_switch(kind, meter.minute())
            if minute == 1440:
                # The night goes on into the next day, so it is that day's first change that comes.
                kind = tariff.kind_of_day(meter.day + 1)
                minute = tariff.next_switch(kind, 0)
            band = tariff.band_at(kind, minute)
            rate = tariff.RATES[band] // 10
            hour = self._local_hour(minute // 60)
            self._row(5, texts.NEXT[band][language], hour, minute % 60, rate // 100, rate % 100)
        elif which == 3:
            charge = tariff.STANDING_CHARGE // 10
            self._row(5, texts.STANDING[language], charge // 100, charge % 100)
        else:
            self._row(5, texts.TIPS[turn // 5 % len(texts.TIPS)][language])

    def _local_hour(self, hour):
        meter = self._meter
        return (hour + dates.summer_time(meter.day, meter.minute())) % 24
