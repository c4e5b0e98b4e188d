"""What boards/PORTING.md promises of a Board, seam by seam, over a live one. Runs on both interpreters.

Each function of CHECKS takes the board and returns what it measured, a text; what is not as promised raises
Broken. Nothing here harms the firmware or the settings: flash is written in a Scratch alone.
"""

from firmware_agent.store import app_settings
from firmware_agent.store.app_settings import AppSettings
from tools.on_device import flash_contract
from tools.on_device.scratch import Scratch

_CAUSES = ("power-on", "reset", "watchdog", "crash")
_SHOW_MS = 10
_POLL_MS = 10
_WAIT_MS = 100
_DRAWS = 64
_LEAST_DIFFERENT = 32
_ERASE_MS = 400
_FLASH_UNITS = 2
_HIGHEST_SCHEMA = 255
_RECORD_HEAD = 12  # bytes of a settings record beside its data


class Broken(Exception):
    """The seam does not keep a promise; says which."""


def need(condition, text):
    """Broken with ``text`` unless ``condition``."""
    if not condition:
        raise Broken(text)


def timed(board, function, *arguments):
    """(result, milliseconds by the board's clock)."""
    clock = board.clock
    began = clock.ticks_ms()
    result = function(*arguments)
    return result, clock.ticks_diff(clock.ticks_ms(), began)


def identity(board):
    """Who the device is: a whole address of its own, codes of 16 bits, a name."""
    own = board.identity
    need(len(own.eui64) == 8, "eui64 has %d bytes, not 8" % len(own.eui64))
    need(len(set(own.eui64)) > 1, "eui64 is one byte, eight times: not provisioned")
    for name in ("manufacturer_code", "image_type", "hardware_version", "device_id"):
        need(0 <= getattr(own, name) <= 0xFFFF, name + " is outside 0 to 0xFFFF")
    need(0 < len(own.model) <= 32, "model has no or too many letters")
    need(0 < board.max_data_size <= 255, "max_data_size is outside 1 to 255")
    return "%s, manufacturer 0x%04x" % (own.model, own.manufacturer_code)


def boot_control(board):
    """The cause is one of four, and what never returns is there."""
    need(board.cause in _CAUSES, "the cause is %r" % (board.cause,))
    need(callable(board.reset) and callable(board.halt), "no reset() or no halt()")
    return "cause " + board.cause


def clock(board):
    """It goes, and never backwards."""
    ticks, diff = board.clock.ticks_ms, board.clock.ticks_diff
    before = began = ticks()
    for _ in range(2000):
        now = ticks()
        need(diff(now, before) >= 0, "it ran backwards")
        before = now
    board.link.wait(_WAIT_MS)
    for _ in range(100000):
        if diff(ticks(), began) > 0:
            break
    need(diff(ticks(), began) > 0, "it stands still")
    need(diff(began, ticks()) < 0, "ticks_diff() has no sign")
    return "goes on, never back"


def entropy(board):
    """random(n) is below n, and not the same again and again."""
    need(board.random(1) == 0, "random(1) is not 0")
    drawn = [board.random(1000) for _ in range(_DRAWS)]
    need(min(drawn) >= 0 and max(drawn) < 1000, "random(1000) is outside 0 to 999")
    different = len(set(drawn))
    need(different >= _LEAST_DIFFERENT, "%d different numbers in %d draws" % (different, _DRAWS))
    return "%d of %d draws different" % (different, _DRAWS)


def display(board):
    """Takes every row, short or too long, in any script, within 10 ms."""
    glass = board.display
    need(glass.columns > 0 and glass.rows > 0, "it has no rows or no columns")
    for row in range(glass.rows):
        glass.write(row, "board check %d" % row)
    glass.write(0, "x" * (glass.columns + 5))
    glass.write(glass.rows - 1, "Aros £ŵ")
    # The fastest of some: a console or a debugger may take time of its own.
    fastest = min([timed(board, glass.show)[1] for _ in range(5)])
    need(fastest <= _SHOW_MS, "show() takes %d ms, not %d" % (fastest, _SHOW_MS))
    return "%d by %d, %d ms" % (glass.columns, glass.rows, fastest)


def link(board):
    """Reads do not block, waits end, writes return."""
    han = board.link
    need(han.joined in (True, False), "joined is no truth value")
    buf = bytearray(64)
    fastest = 1000
    for _ in range(5):
        n, took = timed(board, han.read_into, buf)
        fastest = min(fastest, took)
        need(isinstance(n, int) and 0 <= n <= len(buf), "read_into() returned %r" % (n,))
    need(fastest <= _POLL_MS, "read_into() blocks: %d ms" % fastest)
    # Two flags with nothing between: a receiver takes them for no frame.
    han.write(b"\x7e\x7e", 2)
    waits = []
    for _ in range(3):
        waits.append(timed(board, han.wait, _WAIT_MS)[1])
    need(min(waits) <= 2 * _WAIT_MS, "wait(%d) takes %d ms" % (_WAIT_MS, min(waits)))
    return "%s, wait(%d) takes %d ms" % ("joined" if han.joined else "not joined", _WAIT_MS, max(waits))


def watchdog(board):
    """It can be fed at any time. Whether it bites, only who looks from outside can tell."""
    for _ in range(10):
        board.watchdog.feed()
    return "fed"


def flash(board):
    """hal/flash.py's contract, on the board's own device; how long it takes; the mapped part is the same."""
    scratch = _scratch(board, _FLASH_UNITS)
    try:
        found = _measured(board, scratch)
        for promise in flash_contract.RELIED_ON:
            try:
                promise(scratch.part)
            except AssertionError:
                raise Broken("not kept: " + promise.__name__.replace("_", " "))
    finally:
        whole = scratch.put_back()
    need(whole, "what was in the units is not there again")
    return "%s; %d promises" % (found, len(flash_contract.RELIED_ON))


def _scratch(board, units):
    need(hasattr(board.store, "slots"), "there is no store")
    try:
        return Scratch(board.store, units, board.watchdog.feed)
    except ValueError as missing:
        raise Broken(str(missing))


def _measured(board, scratch):
    area = scratch.area
    size = area.write_size
    _, erasing = timed(board, area.erase, 0)
    need(erasing <= _ERASE_MS, "an erase takes %d ms, at most %d are promised" % (erasing, _ERASE_MS))
    pattern = flash_contract.pattern(size)
    count = area.erase_size // size

    def program():
        for i in range(0, count, 2):
            area.program(i * size, pattern)

    _, programming = timed(board, program)
    area.sync()
    slot = scratch.slot
    at = scratch.first * slot.erase_size
    for i in range(count):
        mapped = slot.view(at + i * size, size)
        expected = b"\xff" * size if i % 2 else pattern
        need(mapped is None or bytes(mapped) == expected, "the mapped part and the programs differ")
    for what, call, arguments in (
        ("a read", slot.read, (slot.size, bytearray(1))),
        ("a program", slot.program, (slot.size, pattern)),
        ("an erase", slot.erase, (slot.units,)),
    ):
        try:
            call(*arguments)
        except OSError:
            continue
        raise Broken(what + " outside the slot is not refused")
    return "erase %d ms, %d programs of %d bytes %d ms" % (erasing, (count + 1) // 2, size, programming)


def settings_area(board):
    """What is saved is there after a new start, round and round the area; tried in a scratch of its size."""
    own = board.settings
    newest = own.load(_HIGHEST_SCHEMA)
    need(newest is None or 0 < len(newest) <= app_settings.LIMIT, "load() returned %r" % (newest,))
    scratch = _scratch(board, _settings_units(board.store.slots[0]))
    try:
        scratch.part()
        _try_settings(scratch.area)
    finally:
        whole = scratch.put_back()
    need(whole, "what was in the units is not there again")
    need(own.load(_HIGHEST_SCHEMA) == newest, "the board's own settings have changed")
    return "%d bytes of the board's own" % len(newest or b"")


def _settings_units(area):
    """Three banks of two records, as AppSettings wants them."""
    write_size = area.write_size
    record = (_RECORD_HEAD + app_settings.LIMIT + write_size - 1) // write_size * write_size
    return 3 * ((2 * record + area.erase_size - 1) // area.erase_size)


def _try_settings(area):
    need(AppSettings(area).load(_HIGHEST_SCHEMA) is None, "an erased area holds settings")
    for turn in range(10):
        data = bytes([turn]) * app_settings.LIMIT
        need(AppSettings(area).save(1, data), "turn %d is not saved" % turn)
        need(AppSettings(area).load(1) == data, "turn %d is not there after a new start" % turn)
    need(AppSettings(area).save(2, b"newer firmware"), "another schema is not saved")
    need(AppSettings(area).load(2) == b"newer firmware", "another schema is not there after a new start")
    need(AppSettings(area).load(1) == data, "after a revert the old firmware does not find its own")


CHECKS = (
    ("identity", identity),
    ("boot control", boot_control),
    ("clock", clock),
    ("entropy", entropy),
    ("display", display),
    ("HAN link", link),
    ("watchdog", watchdog),
    ("flash", flash),
    ("settings area", settings_area),
)


def run(board, tell, seams=None):
    """Every check, or those of ``seams``; tell(name, passed, text) after each."""
    for name, check in CHECKS:
        if seams is not None and name not in seams:
            continue
        try:
            board.watchdog.feed()
            passed, text = True, check(board)
        except Broken as broken:
            passed, text = False, str(broken)
        except (OSError, ValueError, TypeError, AttributeError, IndexError) as failure:
            # What a seam that is not finished raises is a finding, too, and the others go on.
            passed, text = False, "%s: %s" % (type(failure).__name__, failure)
        tell(name, passed, text)
