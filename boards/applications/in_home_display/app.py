"""The application: what the agent calls. Every application has these four functions (docs/application.md).

start(device)
    Once at boot. ``device`` has ``display`` (``columns``, ``rows``, ``write(row, text)``, ``show()``),
    ``every(period_ms, callback)``, ``settings``, ``file_version``, ``eui64`` and ``milliseconds()``.
self_test() -> True | False | None
    In a trial boot: True once the application is up, False if it cannot be, None while it is not known.
may_activate() -> bool
    False while a restart would hurt; the agent asks again, and stops asking after a day.
progress(status, offset, size)
    How an update goes: the ZCL ImageUpgradeStatus, bytes on flash, bytes of the file.

All of them return within milliseconds, and nothing here keeps time by itself: callbacks are given it.
"""

import struct

from . import meter, prepayment, screen, tariff, texts

REFRESH_PERIOD = 1000  # ms
# The simulated meter's day and minute at a boot: Thursday 26 November 2026, 15:50, before the peak.
FIRST_DAY = 9826
FIRST_MINUTE = 950
FIRST_CREDIT = 987000  # milli-pence
# What is kept over a restart, an update and a revert: the credit, i32 in milli-pence.
SCHEMA = 1
KEPT = "<i"
KEEP_PERIOD = 3600 * 1000  # ms; the flash would last longer than the device with much less

# Made by start(), anew at each boot.
_meter: meter.Meter
_account: prepayment.Account
_screen: screen.Screen
_settings = None  # the device's
_since_kept = 0  # ms
_sound = False  # the tariff's table, looked at once: it is in flash and does not change


def start(device):
    """Start on this device; ValueError if its display is too small."""
    global _meter, _account, _screen, _settings, _since_kept, _sound
    _sound = tariff.consistent()
    # Each home has its kettle at minutes of its own.
    _meter = meter.Meter(FIRST_DAY, FIRST_MINUTE, sum(device.eui64))
    _settings = device.settings
    _since_kept = 0
    kept = _settings.load(SCHEMA)
    _account = prepayment.Account(FIRST_CREDIT if kept is None else struct.unpack(KEPT, kept)[0])
    _screen = screen.Screen(device, _meter, _account)
    device.every(REFRESH_PERIOD, tick)


def tick(elapsed):
    """``elapsed`` ms went by: read the meter, charge the account, show a frame, keep the credit."""
    global _since_kept
    charge = _meter.advance(elapsed)
    _account.advance(elapsed, charge, _meter.minute(), _meter.kind == tariff.WEEKDAY)
    _meter.supplied = _account.state != prepayment.OFF
    _screen.draw()
    _since_kept += elapsed
    if _since_kept >= KEEP_PERIOD:
        _keep()


def _keep():
    global _since_kept
    # A part that does not take it still has the last one.
    _settings.save(SCHEMA, struct.pack(KEPT, _account.credit))
    _since_kept = 0


def self_test():
    """True after two frames (the second shows that time goes on), if tariff and reading can be true."""
    if not _sound or not _meter.plausible():
        return False
    return True if _screen.frames >= 2 else None


def may_activate():
    """False during a top-up and on the last 50p of emergency credit; the screen says so."""
    if _account.may_restart():
        _keep()
        return True
    _screen.update = texts.WAITS
    return False


def progress(status, offset, size):
    """Only remembered: the next frame shows it."""
    _screen.update = status
    _screen.percent = offset * 100 // size if size else 0
