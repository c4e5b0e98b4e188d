"""Why an image was refused: stable numbers, their names, and what the hub is told.

The numbers go into the journal, the events and people's dashboards, so a number is
never reused and never re-ordered; new reasons are added at the end.
"""

_INVALID_IMAGE = 0x96
_ABORT = 0x95

# A line a reason: its number, its name, what it means to a person. One string, since it stays in the flash
# where it lies; a table of tuples would take 5 KB of a small heap for what is hardly ever asked for.
_TABLE = """
1 malformed-file: the upgrade file's header or elements do not parse
2 malformed-envelope: the signed envelope does not decode
3 unsupported-manifest: the manifest uses a version, command or key outside the profile
4 unknown-key: signed with a key that this device does not trust
5 bad-signature: the signature over the manifest is wrong
6 wrong-vendor: the manifest names another vendor
7 wrong-class: the manifest names another class of device
8 wrong-manufacturer: the image is for another manufacturer code
9 wrong-image-type: the image is for another image type
10 wrong-hardware: the image excludes this hardware version
11 rollback: the sequence number is below the security counter: older than allowed
12 header-mismatch: the file's header differs from the signed manifest
13 offer-mismatch: the file's header differs from what the hub offered
14 too-large: the image does not fit the slot
15 size-mismatch: the sizes in file, envelope and manifest disagree
16 digest-mismatch: the stored bytes do not have the digest that was signed
17 no-trust-anchor: no key to check the signature with
18 flash-failed: the flash did not keep what was written
19 self-test-failed: the new firmware failed its self-test
20 crashed: the new firmware crashed or hung in each of its trial boots
21 out-of-attempts: the new firmware was not confirmed within the allowed boots
22 aborted: the hub ended the download
23 wrong-key-usage: signed with a key that is trusted, but not for this
24 test-key: a test key, and this device was not built for test
25 wrong-device: the image is for one other device
26 downgrade: an older file version needs a higher sequence number
27 upgrade-pathway: an intermediate version has to be installed first
28 expired: the image was to be installed before a date that has passed
29 anchor-change: the image may not change the trust anchors in this way
30 not-authorised: the activation command is not one of who may give it
31 wrong-interface: the image was built for boot files of another interface
"""
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
NOT_AUTHORISED = 30
WRONG_INTERFACE = 31


def numbers():
    """Every reason's number."""
    return range(1, _TABLE.count("\n"))


def _line(number):
    start = _TABLE.index("\n%d " % number) + len("\n%d " % number)
    return _TABLE[start : _TABLE.index("\n", start)]


def name(number):
    """The reason's stable name, e.g. ``"bad-signature"``. ValueError for a number that is none."""
    line = _line(number)
    return line[: line.index(":")]


def zcl_status(number):
    """The ZCL status for the Upgrade End Request, which knows two failures: ABORT and INVALID_IMAGE."""
    return _ABORT if number == ABORTED else _INVALID_IMAGE


def text(number):
    """One sentence for a person."""
    line = _line(number)
    return line[line.index(":") + 2 :]


class Rejected(Exception):
    """An image is refused. ``number`` is one of those above, ``detail`` says what differed."""

    def __init__(self, number, detail=""):
        super().__init__(number, detail)
        self.number = number
        self.detail = detail
