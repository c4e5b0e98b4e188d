"""Small applications that do one thing wrong, or tell what they do; each is the text of an app.py."""

from tools.rig.sabotage import GOOD, HANGS, RAISES, with_function

__all__ = ["GOOD", "HANGS", "RAISES"]

FAILS_SELF_TEST = with_function("self_test", "    return False")
# Counts its starts over restarts, updates and reverts.
COUNTS_STARTS = with_function(
    "start",
    """    global _device
    _device = device
    kept = device.settings.load(1)
    starts = 1 if kept is None else kept[0] + 1
    device.settings.save(1, bytes([starts]))
    device.display.write(0, "Start %d of 0x%08x" % (starts, device.file_version))
    device.display.show()""",
)
# Says on the display that every byte is there, and keeps the agent from verifying for a moment.
LINGERS_BEFORE_VERIFYING = with_function(
    "progress",
    """    if status == 1 and offset == size:
        import time

        _device.display.write(1, "all bytes are there")
        _device.display.show()
        time.sleep(1)""",
)
# Wants a file for this device alone, asks until it has one, and shows what came.
WANTS_ITS_FILE = (
    with_function(
        "start",
        """    global _device
    _device = device
    device.every(200, _ask)""",
    )
    + """

_have = False


def _ask(elapsed):
    if not _have:
        _device.fetch_file(0xFFC1, _take)


def _take(file_version, contents):
    global _have
    from binascii import crc32

    _have = contents is not None
    text = "File %d: %d, %08x" % (file_version, len(contents), crc32(contents)) if _have else "No file"
    _device.display.write(1, text)
    _device.display.show()
"""
)


def activated_by(path):
    """Takes activation commands from the file ``path``, as a product's message layer brings them."""
    shows = "    _device.display.show()\n"
    looks = GOOD.replace(shows, shows + "    device.every(200, _look)\n")
    return f"""
import os

{looks}

def _look(elapsed):
    try:
        with open({str(path)!r}, "rb") as file:
            command = file.read()
        os.remove({str(path)!r})
    except OSError:
        return
    _device.activate(command)
"""
