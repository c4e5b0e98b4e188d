"""The sample application on a fake device; the test is the clock."""

import gc

from boards.applications.in_home_display import app, dates, meter, prepayment, screen, tariff, texts

DAY = 86400 * 1000


class Display:
    """Stricter than a screen: a row that does not exist or does not fit is an error."""

    def __init__(self, columns=40, rows=8):
        self.columns = columns
        self.rows = rows
        self.lines = [""] * rows
        self.written = [0] * rows
        self.frames = 0

    def write(self, row, text):
        assert 0 <= row < self.rows, row
        assert isinstance(text, str) and len(text) <= self.columns, text
        assert text == text.strip() and min(text) >= " ", text
        self.lines[row] = text
        self.written[row] += 1

    def show(self):
        self.frames += 1


class Settings:
    """What AppSettings promises, in RAM."""

    def __init__(self):
        self.kept = {}
        self.saves = 0

    def load(self, schema):
        found = [kept for kept in self.kept if kept <= schema]
        return self.kept[max(found)] if found else None

    def save(self, schema, data):
        self.kept[schema] = bytes(data)
        self.saves += 1
        return True


class Device:
    def __init__(self, display=None, file_version=0x00010000, settings=None):
        self.settings = settings or Settings()
        self.display = display or Display()
        self.file_version = file_version
        self.eui64 = bytes([0x00, 0xDB, 0x12, 0x34, 0x56, 0x78, 0x90, 0xA4])
        self.callbacks = []
        self.now = 0

    def every(self, period_ms, callback):
        self.callbacks.append((period_ms, callback))

    def milliseconds(self):
        return self.now

    def run(self, times, elapsed=1000):
        """Call the application's callback, as the agent does, ``times`` times."""
        ((_, callback),) = self.callbacks
        for _ in range(times):
            self.now += elapsed
            callback(elapsed)


def started(**options):
    device = Device(**options)
    app.start(device)
    return device


def days_of(year):
    """(month, day, weekday) of a year's days, counted from 1 January 2000, a Saturday, without dates."""
    number = 0
    for past in range(2000, year):
        number += 366 if past % 4 == 0 else 365
    lengths = (31, 29 if year % 4 == 0 else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    for month in range(12):
        for day in range(lengths[month]):
            yield number, month + 1, day + 1, (number + 5) % 7
            number += 1


# Dates


def test_dates_count_as_the_calendar_does():
    for year in (2000, 2001, 2024, 2026, 2032, 2099):
        for number, month, day, weekday in days_of(year):
            assert dates.day_number(year, month, day) == number, (year, month, day)
            assert dates.date_of(number) == (year, month, day), number
            assert dates.weekday(number) == weekday, number


def test_bank_holidays_are_those_that_were_proclaimed():
    """As published for England and Wales; those on a weekend are published as their substitutes only."""
    published = {
        2021: ((1, 1), (4, 2), (4, 5), (5, 3), (5, 31), (8, 30), (12, 27), (12, 28)),
        2024: ((1, 1), (3, 29), (4, 1), (5, 6), (5, 27), (8, 26), (12, 25), (12, 26)),
        2025: ((1, 1), (4, 18), (4, 21), (5, 5), (5, 26), (8, 25), (12, 25), (12, 26)),
        2026: ((1, 1), (4, 3), (4, 6), (5, 4), (5, 25), (8, 31), (12, 25), (12, 28)),
        2027: ((1, 1), (3, 26), (3, 29), (5, 3), (5, 31), (8, 30), (12, 27), (12, 28)),
        2028: ((1, 3), (4, 14), (4, 17), (5, 1), (5, 29), (8, 28), (12, 25), (12, 26)),
    }
    for year, expected in published.items():
        found = [
            (month, day)
            for number, month, day, weekday in days_of(year)
            if weekday < 5 and dates.holiday(number) != dates.NO_HOLIDAY
        ]
        assert tuple(found) == expected, (year, found)
    assert dates.holiday(dates.day_number(2026, 4, 3)) == dates.GOOD_FRIDAY
    assert dates.holiday(dates.day_number(2022, 12, 26)) == dates.BOXING_DAY
    assert dates.holiday(dates.day_number(2022, 12, 27)) == dates.CHRISTMAS


def test_summer_time_changes_at_one_in_the_morning_utc():
    spring = dates.day_number(2026, 3, 29)
    autumn = dates.day_number(2026, 10, 25)
    assert not dates.summer_time(spring, 59) and dates.summer_time(spring, 60)
    assert dates.summer_time(autumn, 59) and not dates.summer_time(autumn, 60)
    assert not dates.summer_time(spring - 1, 1439) and dates.summer_time(autumn - 1, 1439)
    assert dates.summer_time(dates.day_number(2026, 7, 1), 0)
    assert not dates.summer_time(dates.day_number(2026, 1, 1), 720)


# Tariff


def test_tariff_follows_week_and_holidays():
    thursday = dates.day_number(2026, 12, 24)
    assert tariff.kind_of_day(thursday) == tariff.WEEKDAY
    assert tariff.kind_of_day(thursday + 1) == tariff.HOLIDAY  # Christmas Day
    assert tariff.kind_of_day(thursday + 3) == tariff.WEEKEND  # a Sunday
    assert tariff.kind_of_day(thursday + 4) == tariff.HOLIDAY  # the Monday kept for Boxing Day
    assert tariff.kind_of_day(thursday + 5) == tariff.WEEKDAY
    last = ((419, 0), (959, 1), (1139, 2), (1379, 1), (1439, 0))
    first = ((0, 0), (420, 1), (960, 2), (1140, 1), (1380, 0))
    for minute, band in last + first:
        assert tariff.band_at(tariff.WEEKDAY, minute) == band, minute
    assert tariff.next_switch(tariff.WEEKDAY, 959) == 960
    assert tariff.next_switch(tariff.WEEKDAY, 960) == 1140
    assert tariff.next_switch(tariff.WEEKDAY, 1380) == 1440


def test_cost_is_exact_to_the_milli_penny():
    assert tariff.cost([0, 0, 0]) == 53350
    assert tariff.cost([1000, 0, 0]) == 53350 + 14120
    assert tariff.cost([0, 1234, 0]) == 53350 + 25690 * 1234 // 1000
    assert tariff.cost([999999, 27001, 1]) == 53350 + 14120 * 999999 // 1000 + 25690 * 27001 // 1000 + 38
    assert isinstance(tariff.cost([7, 7, 7]), int)


def test_damaged_tariff_fails_the_self_test():
    assert tariff.consistent()
    damaged = (
        ("RATES", (14120, 0, 38450)),
        ("RATES", (14120, 38450, 25690)),
        ("RATES", (14120, 25690, 3845000)),
        ("STANDING_CHARGE", -1),
        ("SWITCHES", (((0, 0), (420, 1)), ((60, 0), (480, 1)), ((0, 0),))),
        ("SWITCHES", (((0, 0), (420, 1)), ((0, 0), (480, 3)), ((0, 0),))),
        ("SWITCHES", (((0, 0), (420, 1), (420, 2)), ((0, 0),), ((0, 0),))),
        ("SWITCHES", (((0, 0), (1440, 1)), ((0, 0),), ((0, 0),))),
    )
    for name, value in damaged:
        good = getattr(tariff, name)
        setattr(tariff, name, value)
        try:
            sound = tariff.consistent()
        finally:
            setattr(tariff, name, good)
        assert not sound, (name, value)
    good = tariff.consistent
    tariff.consistent = lambda: False
    try:
        started().run(3)
    finally:
        tariff.consistent = good
    assert app.self_test() is False


# Meter


def reading(minute=950, day=9826):
    return meter.Meter(day, minute, 4711)


def test_meter_counts_all_energy_in_the_band_where_it_is_used():
    """The same sum by another way: watt milliseconds by band, divided at the end."""
    seen = reading()
    before = list(seen.watt_hours)
    used = [0, 0, 0]
    for elapsed in (1000, 1003, 250, 5000, 30000) * 40:
        used[seen.band()] += seen.watts * elapsed
        seen.advance(elapsed)
    assert seen.band() == 2 and used[1] > 0 and used[2] > 0, used
    total = sum(seen.watt_hours) - sum(before)
    assert total == sum(used) // 3600000
    for band in range(3):
        assert abs(seen.watt_hours[band] - before[band] - used[band] // 3600000) <= 1, band


def test_charges_add_up_to_the_cost_of_a_day():
    seen = reading(0)
    charged = seen.cost
    while seen.day == 9826:
        assert charged == seen.cost == tariff.cost(seen.watt_hours)
        last = seen.watts
        charge = seen.advance(60000)
        assert charge >= 0
        charged += charge
    # What the last minute used, at 14.12p, and the next day's standing charge.
    assert 0 <= charge - 53350 <= (last // 60 + 1) * 15
    assert seen.watt_hours == [0, 0, 0] and seen.cost == tariff.STANDING_CHARGE


def test_every_midnight_costs_a_standing_charge_even_without_supply():
    seen = reading(0)
    seen.supplied = False
    seen.advance(0)
    charges = [seen.advance(3600000) for _ in range(72)]
    assert [hour for hour in range(72) if charges[hour]] == [23, 47, 71]
    assert sum(charges) == 3 * 53350


def test_curve_is_that_of_a_home_and_the_same_every_time():
    one = reading(0)
    other = reading(0)
    least = most = one.watts
    for _ in range(1440):
        assert one.advance(60000) == other.advance(60000) and one.watts == other.watts
        least = min(least, one.watts)
        most = max(most, one.watts)
        assert one.plausible()
    assert 100 <= least <= 250 and 1400 <= most <= 5000, (least, most)
    assert 8000 <= one.yesterday <= 20000, one.yesterday


def test_implausible_reading_fails_the_self_test():
    started().run(3)
    assert app.self_test() is True
    app._meter.watts = 23001
    assert app.self_test() is False
    app._meter.watts = 0
    assert app.self_test() is True
    for energy in (24 * 23000 + 1, -24 * 23000):
        app._meter.watt_hours[0] = energy
        assert app.self_test() is False, energy


# Prepayment


def test_credit_goes_through_its_states():
    account = prepayment.Account(300000)
    account.advance(1000, 100000, 100, True)
    assert account.state == prepayment.CREDIT and account.shown() == 200000
    account.advance(1000, 1, 100, True)
    assert account.state == prepayment.LOW and account.may_restart()
    account.advance(1000, 199999, 100, True)
    assert account.state == prepayment.EMERGENCY and account.shown() == prepayment.EMERGENCY_CREDIT
    assert account.may_restart()
    account.advance(1000, 450000, 100, True)
    assert account.shown() == 50000 and account.may_restart()
    account.advance(1000, 1, 100, True)
    assert account.shown() == 49999 and not account.may_restart()
    account.advance(1000, 49999, 100, True)
    assert account.state == prepayment.FRIENDLY and account.shown() == 500000


def test_supply_is_cut_only_outside_the_friendly_hours():
    for minute, working_day, state in (
        (599, True, prepayment.TOPPING_UP),
        (600, True, prepayment.OFF),
        (959, True, prepayment.OFF),
        (960, True, prepayment.TOPPING_UP),
        (700, False, prepayment.TOPPING_UP),
        (100, True, prepayment.FRIENDLY),
    ):
        account = prepayment.Account(-600000)
        account.advance(1000, 0, minute, working_day)
        assert account.state == state, (minute, working_day, account.state)


def test_top_up_takes_its_time_and_no_restart_falls_into_it():
    account = prepayment.Account(99999)
    account.advance(1000, 0, 479, True)
    assert account.may_restart()  # the customer is asleep
    account.advance(1000, 0, 480, True)
    waited = 0
    while account.state == prepayment.TOPPING_UP:
        assert not account.may_restart() and account.shown() == 99999
        account.advance(1000, 0, 480, True)
        waited += 1000
        assert waited <= prepayment.TOP_UP_TIME
    assert waited == prepayment.TOP_UP_TIME
    assert account.credit == 99999 + prepayment.TOP_UP and account.may_restart()


# The application


def test_start_asks_for_one_refresh_a_second():
    device = started()
    assert [period for period, _ in device.callbacks] == [1000]
    device.run(10)
    assert device.display.frames == 10


def test_display_that_is_too_small_is_refused():
    for columns, rows in ((39, 8), (40, 7)):
        try:
            started(display=Display(columns, rows))
        except ValueError as error:
            assert "40 x 8" in str(error)
        else:
            raise AssertionError((columns, rows))


def test_self_test_waits_for_the_second_frame():
    device = started()
    assert app.self_test() is None
    device.run(1)
    assert app.self_test() is None
    device.run(1)
    assert app.self_test() is True
    # Each boot proves itself: nothing is left over from the one before.
    started()
    assert app.self_test() is None


def test_screen_shows_what_was_measured():
    device = started()
    device.run(1)
    lines = device.display.lines
    assert lines[0] == "Thu 26 Nov 15:50:01  Electricity"
    seen = app._meter
    assert lines[1].startswith("Now %d.%02d kW, " % (seen.watts // 1000, seen.watts % 1000 // 10)), lines[1]
    energy = sum(seen.watt_hours)
    assert lines[2].startswith("Today %d.%03d kWh, yesterday " % (energy // 1000, energy % 1000)), lines[2]
    pence = seen.cost // 1000
    assert lines[3] == "Cost today £%d.%02d, day 25.69p" % (pence // 100, pence % 100)
    assert lines[4] == "Credit £9.87"
    assert lines[6] == "Firmware 0.1.0.0  0x00010000"
    assert lines[7] == "No update / Dim diweddariad"


def test_peak_begins_on_the_screen_when_it_begins():
    device = started()
    device.run(599)
    assert device.display.lines[0].startswith("Thu 26 Nov 15:59:59") or "Iau" in device.display.lines[0]
    assert app._meter.band() == 1
    device.run(1)
    assert app._meter.band() == 2 and "38.45" in device.display.lines[3]


def test_clock_shows_summer_time_and_the_tariff_stays_in_utc():
    device = started()
    app._meter.day = dates.day_number(2026, 7, 1)
    app._meter.milliseconds = 23 * 3600000 + 30 * 60000
    device.run(1)
    assert device.display.lines[0] == "Thu 2 Jul 00:30:01  Electricity"
    assert device.display.lines[3].startswith("Cost today") and "night" in device.display.lines[3]
    app._meter.milliseconds = 15 * 3600000
    device.run(10)
    assert device.display.lines[5] == "Peak rate from 17:00, 38.45p"


def test_file_version_is_shown_by_its_octets():
    device = started(file_version=0xFE0201FF)
    device.run(1)
    assert device.display.lines[6] == "Firmware 254.2.1.255  0xfe0201ff"


def test_update_is_shown_with_the_next_frame():
    device = started()
    device.run(1)
    rows = []
    for status in range(7):
        app.progress(status, 12900, 30000)
        device.run(1)
        rows.append(device.display.lines[7])
    assert rows[1] == "Update 43 % / Diweddaru"
    assert rows[3] == rows[6] and len(set(rows)) == 6
    app.progress(1, 30000, 30000)
    device.run(1)
    assert device.display.lines[7].startswith("Update 100 %")
    app.progress(1, 0, 0)
    device.run(1)
    assert device.display.lines[7].startswith("Update 0 %")
    app.progress(0, 0, 0)
    device.run(1)
    assert device.display.lines[7] == rows[0]


def test_restart_waits_for_a_top_up_and_says_so():
    device = started()
    device.run(1)
    assert app.may_activate() is True
    app.progress(4, 30000, 30000)
    app._account.credit = 90000
    device.run(1)
    assert app.may_activate() is False
    device.run(1)
    assert device.display.lines[7].startswith("Update waits for credit")
    assert device.display.lines[4].startswith("£0.")
    device.run(prepayment.TOP_UP_TIME // 1000)
    assert app.may_activate() is True


def test_supply_that_is_off_uses_nothing_until_the_top_up():
    device = started()
    app._meter.milliseconds = 12 * 3600000
    app._account.credit = -700000
    device.run(1)
    assert app._account.state == prepayment.OFF and app._meter.watts > 0
    device.run(1)
    assert app._meter.watts == 0 and device.display.lines[4] == "Supply is off, £7.00 owed"
    device.run(100)
    assert app._account.state == prepayment.CREDIT and app._meter.watts > 0


def test_late_callback_loses_no_energy():
    prompt = started()
    prompt.run(60)
    one = sum(app._meter.watt_hours) * 3600000 + app._meter._rest
    late = started()
    late.run(12, elapsed=5000)
    other = sum(app._meter.watt_hours) * 3600000 + app._meter._rest
    assert app._meter.milliseconds == (950 + 1) * 60000
    # The load is read once a call; its flicker is below 40 W.
    assert abs(one - other) <= 60 * 1000 * 100


def test_every_row_of_a_year_fits_the_screen_in_both_languages():
    """The display refuses what does not fit: each day of a year, in each language."""
    device = started()
    names = set()
    for _ in range(366):
        for _ in range(2):
            device.run(screen.LANGUAGE_PERIOD, elapsed=DAY // 2 // screen.LANGUAGE_PERIOD)
            names.add(device.display.lines[0].split("  ")[1])
        app._account.credit = (app._account.credit * 7 + 1234567) % 4000000 - 2000000
    assert names == set(name for pair in texts.DAYS for name in pair)


def test_all_information_is_shown_in_turn():
    device = started()
    seen = set()
    for _ in range(2 * 5 * len(texts.TIPS)):
        device.run(screen.INFORMATION_PERIOD)
        seen.add(device.display.lines[5])
    for pair in texts.TIPS:
        assert pair[0] in seen or pair[1] in seen, pair
    for start in ("Carbon ", "Greenest ", "Trydan ", "Peak rate from ", "Standing charge ", "Tâl "):
        assert [line for line in seen if line.startswith(start)], start


def pairs(value):
    """Every pair of texts below a tuple of them."""
    if isinstance(value[0], str):
        yield value
    else:
        for inner in value:
            for pair in pairs(inner):
                yield pair


def gaps(text):
    """The formats in a text, in order."""
    return [part.strip("0123456789.")[:1] or "%" for part in text.split("%")[1:]]


def test_both_languages_have_every_text_with_the_same_gaps():
    count = 0
    for name in dir(texts):
        value = getattr(texts, name)
        if not isinstance(value, tuple) or name == "UPDATE":
            continue
        for pair in pairs(value):
            count += 1
            assert len(pair) == 2 and pair[0] and pair[1], (name, pair)
            assert gaps(pair[0]) == gaps(pair[1]), (name, pair)
    assert count > 50
    assert len(texts.UPDATE) == 8 and [text for text in texts.UPDATE if " / " not in text] == []


def test_row_that_has_not_changed_is_not_written_again():
    device = started()
    device.run(1)
    display = device.display
    # All rows but the clock and the readings.
    first = list(display.written)
    device.run(4)
    assert display.written[0] == first[0] + 4
    for row in (3, 5, 6, 7):
        assert display.written[row] == first[row], row
    # Every row that has words changes its language after fifteen frames, the bilingual ones do not.
    device.run(screen.LANGUAGE_PERIOD)
    assert display.written[3] > first[3] and display.lines[3].startswith("Cost heddiw")
    assert display.written[6] == first[6] == 1 and display.written[7] == first[7] == 1


def test_refresh_allocates_little():
    """Bytes, with 64-bit objects: MicroPython counts them; an interpreter that does not must still run it."""
    device = started()
    device.run(2)
    ((_, callback),) = device.callbacks
    gc.collect()
    count = getattr(gc, "mem_alloc", None)
    before = count() if count else 0
    for _ in range(10):
        callback(1000)
    used = count() - before if count else 0
    assert device.display.frames == 12
    assert used <= 10 * 2048, used


# What is kept


def test_the_credit_is_kept_once_an_hour_and_before_a_restart():
    device = started()
    device.run(3599)
    assert device.settings.saves == 0
    device.run(1)
    assert device.settings.saves == 1
    device.run(60)
    assert app.may_activate()
    assert device.settings.saves == 2
    credit = app._account.credit
    started(settings=device.settings, file_version=0x00020000)
    assert app._account.credit == credit != app.FIRST_CREDIT


def test_debt_is_kept_as_debt():
    device = started()
    app._account.credit = -123456
    assert app.may_activate()
    started(settings=device.settings)
    assert app._account.credit == -123456


def test_a_restart_that_would_hurt_keeps_nothing_new():
    device = started()
    app._account.credit = -prepayment.EMERGENCY_CREDIT + 1000
    device.run(1)
    assert not app.may_activate()
    assert device.settings.saves == 0
