"""What the sample application reckons with: dates, tariff, meter, prepayment."""

from boards.applications.in_home_display import app, dates, meter, prepayment, tariff
from tests.portable.home_device import started


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
