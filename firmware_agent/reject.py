"""Why an image was refused: stable numbers, their names, and what the hub is told.

The numbers go into the journal, the events and people's dashboards, so a number is
never reused and never re-ordered; new reasons are added at the end.
"""

_INVALID_IMAGE = 0x96
_ABORT = 0x95
_INSUFFICIENT_SPACE = 0x89

# number: (name, ZCL status sent in Upgrade End, what it means to a person)
REASONS = {
    1: ("malformed-file", _INVALID_IMAGE, "the upgrade file's header or elements do not parse"),
    2: ("malformed-envelope", _INVALID_IMAGE, "the signed envelope does not decode"),
    3: (
        "unsupported-manifest",
        _INVALID_IMAGE,
        "the manifest uses a version, command or key outside the profile",
    ),
    4: ("unknown-key", _INVALID_IMAGE, "signed with a key that this device does not trust"),
    5: ("bad-signature", _INVALID_IMAGE, "the signature over the manifest is wrong"),
    6: ("wrong-vendor", _INVALID_IMAGE, "the manifest names another vendor"),
    7: ("wrong-class", _INVALID_IMAGE, "the manifest names another class of device"),
    8: ("wrong-manufacturer", _INVALID_IMAGE, "the image is for another manufacturer code"),
    9: ("wrong-image-type", _INVALID_IMAGE, "the image is for another image type"),
    10: ("wrong-hardware", _INVALID_IMAGE, "the image excludes this hardware version"),
    11: ("rollback", _INVALID_IMAGE, "the sequence number is below the security counter: older than allowed"),
    12: ("header-mismatch", _INVALID_IMAGE, "the file's header differs from the signed manifest"),
    13: ("offer-mismatch", _INVALID_IMAGE, "the file's header differs from what the hub offered"),
    14: ("too-large", _INSUFFICIENT_SPACE, "the image does not fit the slot"),
    15: ("size-mismatch", _INVALID_IMAGE, "the sizes in file, envelope and manifest disagree"),
    16: ("digest-mismatch", _INVALID_IMAGE, "the stored bytes do not have the digest that was signed"),
    17: ("no-trust-anchor", _INVALID_IMAGE, "no key to check the signature with"),
    18: ("flash-failed", _INVALID_IMAGE, "the flash did not keep what was written"),
    19: ("self-test-failed", _INVALID_IMAGE, "the new firmware failed its self-test"),
    20: ("crashed", _INVALID_IMAGE, "the new firmware crashed or hung in each of its trial boots"),
    21: ("out-of-attempts", _INVALID_IMAGE, "the new firmware was not confirmed within the allowed boots"),
    22: ("aborted", _ABORT, "the hub ended the download"),
    23: ("wrong-key-usage", _INVALID_IMAGE, "signed with a key that is trusted, but not for this"),
    24: ("test-key", _INVALID_IMAGE, "a test key, and this device was not built for test"),
    25: ("wrong-device", _INVALID_IMAGE, "the image is for one other device"),
    26: ("downgrade", _INVALID_IMAGE, "an older file version needs a higher sequence number"),
    27: ("upgrade-pathway", _INVALID_IMAGE, "an intermediate version has to be installed first"),
    28: ("expired", _INVALID_IMAGE, "the image was to be installed before a date that has passed"),
    29: ("anchor-change", _INVALID_IMAGE, "the image may not change the trust anchors in this way"),
}
MALFORMED_FILE = 1
MALFORMED_ENVELOPE = 2
UNSUPPORTED_MANIFEST = 3
UNKNOWN_KEY = 4
BAD_SIGNATURE = 5
WRONG_VENDOR = 6
WRONG_CLASS = 7
WRONG_MANUFACTURER = 8
WRONG_IMAGE_TYPE = 9
WRONG_HARDWARE = 10
ROLLBACK = 11
HEADER_MISMATCH = 12
OFFER_MISMATCH = 13
TOO_LARGE = 14
SIZE_MISMATCH = 15
DIGEST_MISMATCH = 16
NO_TRUST_ANCHOR = 17
FLASH_FAILED = 18
SELF_TEST_FAILED = 19
CRASHED = 20
OUT_OF_ATTEMPTS = 21
ABORTED = 22
WRONG_KEY_USAGE = 23
TEST_KEY = 24
WRONG_DEVICE = 25
DOWNGRADE = 26
UPGRADE_PATHWAY = 27
EXPIRED = 28
ANCHOR_CHANGE = 29


def name(number):
    """The reason's stable name, e.g. ``"bad-signature"``."""
    return REASONS[number][0]


def zcl_status(number):
    """The ZCL status for the Upgrade End Request, e.g. 0x96 INVALID_IMAGE."""
    return REASONS[number][1]


def text(number):
    """One sentence for a person."""
    return REASONS[number][2]


class Rejected(Exception):
    """An image is refused. ``number`` is a key of REASONS, ``detail`` says what differed."""

    def __init__(self, number, detail=""):
        super().__init__(number, detail)
        self.number = number
        self.detail = detail
