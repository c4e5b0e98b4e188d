"""The sample application on a fake device: what it shows, and what it keeps. The test is the clock."""

import gc

from boards.applications.in_home_display import app, dates, prepayment, screen, texts
from tests.portable.home_device import Display, started

DAY = 86400 * 1000


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
