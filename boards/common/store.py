"""The firmware store, and the application's settings, over a flash part with the common map."""

from boards.common import flash_map as fm
from firmware_agent.store.app_settings import AppSettings
from firmware_agent.store.facts import Device, no_anchors
from firmware_agent.store.firmware_store import FirmwareStore
from hal.flash import FlashArea

# A device built for test believes keys that everybody knows. It is a line of code that no download replaces:
# no setting, no image and no hub can turn it on.
BUILT_FOR_TEST = False


def open_store(flash, mapped, device, anchors=None, hook=None, utc=None):
    """The firmware store over a part with the common map; also the host tools' way in.

    mapped: the whole part's bytes in place. device: the provisioned identity, a dict.
    anchors: the Anchors of a device that is being made; later they come from the flash, with load().
    utc: the board's clock, for images that expire; None without one.
    """
    slots = []
    first = fm.JOURNAL_UNITS
    for _ in range(2):
        slots.append(FlashArea(flash, first, fm.SLOT_UNITS, fm.WRITE_SIZE, mapped))
        first += fm.SLOT_UNITS
    journal = FlashArea(flash, 0, fm.JOURNAL_UNITS, fm.WRITE_SIZE)
    rules = Device(
        device["manufacturer_code"],
        device["image_type"],
        device["hardware_version"],
        bytes.fromhex(device["vendor_id"]),
        bytes.fromhex(device["class_id"]),
        0,
        slots[0].size,
        no_anchors() if anchors is None else anchors,
        bytes.fromhex(device["eui64"]),
        BUILT_FOR_TEST,
    )
    return FirmwareStore(journal, slots, rules, hook, utc)


def open_settings(flash):
    """The application's settings over a part with the common map."""
    first = fm.JOURNAL_UNITS + 2 * fm.SLOT_UNITS
    return AppSettings(FlashArea(flash, first, fm.SETTINGS_UNITS, fm.WRITE_SIZE))
