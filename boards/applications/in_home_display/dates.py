"""Days, dates and the bank holidays of England and Wales, by rule.

A day is a number: days since 1 January 2000, the epoch of ZigBee's UTCTime. Day and time of day are kept
apart because seconds since then leave a 32-bit port's small integers in 2034.
"""

# Indices of texts.DAYS.
NEW_YEAR = 0
GOOD_FRIDAY = 1
EASTER_MONDAY = 2
EARLY_MAY = 3
SPRING = 4
SUMMER = 5
CHRISTMAS = 6
BOXING_DAY = 7
NO_HOLIDAY = -1

SATURDAY = 5
_DAYS_BEFORE_2000 = 730425  # from 1 March of year 0


def day_number(year, month, day):
    """Days since 2000-01-01. Counts years from March, so that a leap day is the last of its year."""
    if month < 3:
        year -= 1
        month += 12
    leap_days = year // 4 - year // 100 + year // 400
    return 365 * year + leap_days + (153 * month - 457) // 5 + day - 1 - _DAYS_BEFORE_2000


def date_of(days):
    """(year, month, day) of a day number."""
    days += _DAYS_BEFORE_2000
    era = days // 146097
    of_era = days - era * 146097
    year = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153
    day = of_year - (153 * month + 2) // 5 + 1
    month = month + 3 if month < 10 else month - 9
    return era * 400 + year + (1 if month < 3 else 0), month, day


def weekday(days):
    """0 Monday to 6 Sunday; 1 January 2000 was a Saturday."""
    return (days + SATURDAY) % 7


def easter_sunday(year):
    """The Gregorian rule (Meeus, Jones and Butcher)."""
    a = year % 19
    b = year // 100
    c = year % 100
    h = (19 * a + b - b // 4 - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    i = (32 + 2 * (b % 4) + 2 * (c // 4) - h - c % 4) % 7
    m = (a + 11 * h + 22 * i) // 451
    n = h + i - 7 * m + 114
    return day_number(year, n // 31, n % 31 + 1)


def last_weekday(year, month, wanted):
    """The last such weekday of a month."""
    last = day_number(year, month + 1, 1) - 1 if month < 12 else day_number(year, 12, 31)
    return last - (weekday(last) - wanted) % 7


def holiday(days):
    """The bank holiday on a day, or NO_HOLIDAY; one at a weekend is kept on the next free weekday, too."""
    year, month, _ = date_of(days)
    if month == 1:
        first = day_number(year, 1, 1)
        return NEW_YEAR if days == first or days == _moved(first) else NO_HOLIDAY
    if month == 3 or month == 4:
        easter = easter_sunday(year)
        if days == easter - 2:
            return GOOD_FRIDAY
        return EASTER_MONDAY if days == easter + 1 else NO_HOLIDAY
    if month == 5:
        if days == last_weekday(year, 5, 0):
            return SPRING
        return EARLY_MAY if days == last_weekday(year, 4, 0) + 7 else NO_HOLIDAY
    if month == 8:
        return SUMMER if days == last_weekday(year, 8, 0) else NO_HOLIDAY
    if month == 12:
        christmas = day_number(year, 12, 25)
        kept = _moved(christmas)
        if kept == christmas + 1:  # Christmas on a Sunday: Monday is Boxing Day already
            kept += 1
        if days == christmas or days == kept:
            return CHRISTMAS
        boxing = _moved(christmas + 1)
        if boxing == kept:
            boxing += 1
        return BOXING_DAY if days == christmas + 1 or days == boxing else NO_HOLIDAY
    return NO_HOLIDAY


def _moved(days):
    """The Monday after, for a day on a weekend."""
    over = weekday(days) - SATURDAY
    return days + 2 - over if over >= 0 else days


def summer_time(days, minute):
    """True in British Summer Time: from the last Sunday of March to that of October, 01:00 UTC both."""
    year, month, _ = date_of(days)
    if month < 3 or month > 10:
        return False
    if 3 < month < 10:
        return True
    change = last_weekday(year, month, 6)
    after = days > change or (days == change and minute >= 60)
    return after == (month == 3)
