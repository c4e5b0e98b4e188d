"""The word that lets a stored image run: GBCS command CS06, signed by the supplier.

Pure: bytes in, an Activation or a refusal out. It matters on a device one of whose trust anchors is for
activation: there neither hub nor application has an image installed without it (``FirmwareStore.install``).

What is handed in is the command from its 0xDF to the end of its signature, big-endian throughout. What stands
around that, and the MAC behind it, belong to the message layer of the application, which has those keys::

    DF  09 01 counter(8)                 a command, and its number
    08  originator(8)                    EUI64 of who sends it
    08  recipient(8)                     EUI64 of the device
    00                                   no date of the message
    02  00 12                            message code: CS06
    length, SEQUENCE { image hash OCTET STRING (32), counter INTEGER, when GeneralizedTime OPTIONAL }
    40  r, s                             over everything between the DF and here

The rules, in their order; every value comes from signed bytes:

- form: it is that, byte for byte (NOT_AUTHORISED).
- recipient: it is this device (WRONG_DEVICE).
- key: a trust anchor with the usage ACTIVATION has signed it, and none that is for test unless the device was
  built for test (NOT_AUTHORISED).
- date: if it has one, the device has a clock of its own and the date has come (NOT_AUTHORISED). GBCS cancels
  a command by one for the last second of the year 9999: that never comes.

A command may come twice: it names one image by its hash, and that is good for an image that is stored, proven
and waiting, and for nothing else.
"""

from firmware_agent.reject import NOT_AUTHORISED, WRONG_DEVICE, Rejected
from firmware_agent.trust import sha256, signature
from firmware_agent.trust.anchors import ACTIVATION, unpack
from firmware_agent.trust.verifier import slot_hash

# What comes of an authorised command: GBCS activateImageResponseCode.
SUCCESS = 0
NO_IMAGE_HELD = 1
HASH_MISMATCH = 2

_HEAD = b"\xdf\x09\x01"
_COUNTER_AT = 3
_RECIPIENT_AT = 21
_AFTER_RECIPIENT = b"\x00\x02\x00\x12"
_PAYLOAD_AT = 34  # behind its length
_HASH_HEAD = b"\x04\x20"
_HASH_SIZE = 32
_SIGNATURE_SIZE = 64
_DATE_SIZE = 15  # YYYYMMDDHHMMSSZ
_DAYS_BEFORE = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)


class Activation:
    """An authorised command. ``image_hash``: SHA-256 of the Manufacturer Image; ``counter``: its number;
    ``key_id``: of the anchor that signed it; ``when``: seconds from 2000-01-01 UTC, None for at once."""

    def __init__(self, image_hash, counter, key_id, when):
        self.image_hash = image_hash
        self.counter = counter
        self.key_id = key_id
        self.when = when


def authorise(command, device, hook=None):
    """The Activation that ``command`` (bytes) is, on this ``device``, a store.facts.Device; Rejected if not.

    hook: as in signature.verify().
    """
    end, image_hash, counter, when = _read(command)
    if device.eui64 is None or command[_RECIPIENT_AT : _RECIPIENT_AT + 8] != bytes(reversed(device.eui64)):
        raise Rejected(WRONG_DEVICE, "the activation command is for another device")
    digest = sha256(memoryview(command)[1:end]).digest()
    signed = command[end + 1 :]
    for anchor in unpack(device.anchors).entries:
        if not anchor.usage & ACTIVATION or anchor.for_test() and not device.for_test:
            continue
        if signature.verify(anchor.public_key, digest, signed, hook) is True:
            break
    else:
        raise Rejected(NOT_AUTHORISED, "no key for activation has signed the command")
    if when is not None:
        if device.time is None:
            raise Rejected(NOT_AUTHORISED, "the command has a date, and this device no clock")
        if device.time < when:
            raise Rejected(NOT_AUTHORISED, "not before %d s from 2000, it is %d" % (when, device.time))
    return Activation(image_hash, counter, anchor.key_id, when)


def judge(command, device, read, length, hook=None):
    """What comes of a command: SUCCESS, NO_IMAGE_HELD or HASH_MISMATCH; Rejected as in authorise().

    read: fills a buffer with the stored image's bytes, as for SlotVerifier; None if no proven image waits.
    length: bytes of the whole Manufacturer Image. It is read back: what counts is what lies there now.
    """
    found = authorise(command, device, hook)
    if read is None:
        return NO_IMAGE_HELD
    return SUCCESS if slot_hash(read, length, hook) == found.image_hash else HASH_MISMATCH


def _read(command):
    """(where the payload ends, image hash, counter, when) of a command of the form above."""
    if (
        len(command) < _PAYLOAD_AT
        or command[:_COUNTER_AT] != _HEAD
        or command[11] != 8
        or command[20] != 8
        or command[29:33] != _AFTER_RECIPIENT
    ):
        raise Rejected(NOT_AUTHORISED, "not an activation command")
    end = _PAYLOAD_AT + command[33]
    if len(command) != end + 1 + _SIGNATURE_SIZE or command[end] != _SIGNATURE_SIZE:
        raise Rejected(NOT_AUTHORISED, "an activation command of another length")
    payload = command[_PAYLOAD_AT:end]
    counter = int.from_bytes(command[_COUNTER_AT:11], "big")
    at = 4 + _HASH_SIZE  # the counter's tag
    if (
        len(payload) < at + 2
        or payload[0] != 0x30
        or payload[1] != len(payload) - 2
        or payload[2:4] != _HASH_HEAD
        or payload[at] != 2
    ):
        raise Rejected(NOT_AUTHORISED, "an activation command of another payload")
    date = at + 2 + payload[at + 1]
    if int.from_bytes(payload[at + 2 : date], "big") != counter:
        raise Rejected(NOT_AUTHORISED, "the command has two counters")
    when = None
    if date != len(payload):
        if len(payload) != date + 2 + _DATE_SIZE or payload[date] != 0x18 or payload[date + 1] != _DATE_SIZE:
            raise Rejected(NOT_AUTHORISED, "an activation command of another payload")
        when = _seconds(payload[date + 2 :])
    return end, payload[4 : 4 + _HASH_SIZE], counter, when


def _seconds(date):
    """Seconds from 2000-01-01 UTC of ``YYYYMMDDHHMMSSZ``, as ASCII."""
    fields = []
    for at, size, least, most in (
        (0, 4, 2000, 9999),
        (4, 2, 1, 12),
        (6, 2, 1, 31),
        (8, 2, 0, 23),
        (10, 2, 0, 59),
        (12, 2, 0, 59),
    ):
        value = 0
        for digit in date[at : at + size]:
            if not 48 <= digit <= 57:
                raise Rejected(NOT_AUTHORISED, "the command's date is none")
            value = value * 10 + digit - 48
        if not least <= value <= most:
            raise Rejected(NOT_AUTHORISED, "the command's date is none")
        fields.append(value)
    if date[14] != 90:
        raise Rejected(NOT_AUTHORISED, "the command's date is not in UTC")
    year, month, day, hour, minute, second = fields
    # Leap days before this year, from 2000 on, and this year's if it is past.
    leaps = (year - 1997) // 4 - (year - 1901) // 100 + (year - 1601) // 400
    if month > 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0):
        leaps += 1
    days = (year - 2000) * 365 + leaps + _DAYS_BEFORE[month - 1] + day - 1
    return ((days * 24 + hour) * 60 + minute) * 60 + second
