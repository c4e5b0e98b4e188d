"""What leads to Query Next Image, and what comes of it: Image Notify and the server's offer (ZCL r8, 11.13).

Loaded when one of them comes. Functions take the UpgradeClient; those that handle a command return the status
for a Default Response, SUCCESS where none is needed.
"""

from firmware_agent.protocol import ota_commands as ota
from firmware_agent.protocol import states, zcl
from firmware_agent.protocol.aps_frame import u16, u32
from firmware_agent.protocol.session import FILE, FOREVER, NOTIFIED, OFFERED, SPECIFIC

_NOTIFY_LENGTHS = (2, 4, 6, 10)  # by payload type


def handle_notify(client, buf, at, end, broadcast):
    """An Image Notify in buf[at:end]."""
    if broadcast:
        if not _concerns(client, buf, at, end):
            client.ignored += 1
            return zcl.SUCCESS
    elif end - at not in _NOTIFY_LENGTHS:
        return zcl.MALFORMED_COMMAND
    client.unicast = not broadcast
    client.unanswered = 0
    client.notified += 1
    client.actions |= NOTIFIED
    client.query()
    return zcl.SUCCESS


def handle_offer(client, buf, at, end, kind):
    """The response to a request of this kind in buf[at:end]: QUERY or SPECIFIC."""
    specific = kind == SPECIFIC
    if client.state != states.QUERYING or specific != (client.base == FILE):
        client.ignored += 1
        return zcl.SUCCESS
    length = end - at
    if length < 1 or (buf[at] == zcl.SUCCESS and length < ota.OFFER_LENGTH):
        return zcl.MALFORMED_COMMAND
    if buf[at] != zcl.SUCCESS:
        client.decline()
        return zcl.SUCCESS
    if client.offer is None:
        client.offer = ImageOffer()
    status = (client.file if specific else client.offer).take(buf, at, client)
    if status != zcl.SUCCESS:
        client.decline()
        return status if status != zcl.NO_IMAGE_AVAILABLE else zcl.SUCCESS
    client.rest(FOREVER)
    client.move(states.OFFER)
    if specific:
        client.file.begin()
    else:
        # A Notify that came while this answer was on its way has what it wanted.
        client.wish = False
        client.actions |= OFFERED
    return zcl.SUCCESS


def _concerns(client, buf, at, end):
    """True if the broadcast Image Notify in buf[at:end] leads to a query: it concerns this device, and its
    dice fall so; the jitter spreads the answers of a network. Dice are thrown only if it concerns it."""
    identity = client.identity
    length = end - at
    if length < 2:
        return False
    kind = buf[at]
    if kind >= len(_NOTIFY_LENGTHS) or length != _NOTIFY_LENGTHS[kind]:
        return False
    jitter = buf[at + ota.NOTIFY_JITTER_AT]
    if jitter > ota.MAX_JITTER:
        return False
    if kind >= 1 and u16(buf, at + ota.NOTIFY_MANUFACTURER_AT) not in (
        identity.manufacturer_code,
        ota.ANY_ID,
    ):
        return False
    if kind >= 2 and u16(buf, at + ota.NOTIFY_IMAGE_TYPE_AT) not in (identity.image_type, ota.ANY_ID):
        return False
    if kind >= 3:
        version = u32(buf, at + ota.NOTIFY_VERSION_AT)
        if version in (identity.file_version, client.kept_version()) and version != ota.ANY_VERSION:
            return False
    return client.random(ota.MAX_JITTER) < jitter  # a jitter of 0, not allowed, is above no number


class ImageOffer:
    """A Query Next Image Response: manufacturer_code, image_type, file_version, file_size of the last
    offer; image: its identity as on the air."""

    def __init__(self):
        self.image = bytearray(ota.IDENTITY_SIZE)
        self.manufacturer_code = 0
        self.image_type = 0
        self.file_version = 0
        self.file_size = 0

    def read(self, buf, at):
        """Read a whole SUCCESS response at buf[at:]."""
        at += ota.OFFER_IDENTITY_AT
        for i in range(ota.IDENTITY_SIZE):
            self.image[i] = buf[at + i]
        self.manufacturer_code = u16(buf, at + ota.IDENTITY_MANUFACTURER_AT)
        self.image_type = u16(buf, at + ota.IDENTITY_IMAGE_TYPE_AT)
        self.file_version = u32(buf, at + ota.IDENTITY_VERSION_AT)
        self.file_size = u32(buf, at + ota.IDENTITY_SIZE)

    def take(self, buf, at, client):
        """Read it; the ZCL status of the offer itself:

        SUCCESS; INVALID_FIELD if it is not for this device or has no bytes; NO_IMAGE_AVAILABLE if it
        is what runs already; INSUFFICIENT_SPACE if it cannot fit.
        """
        self.read(buf, at)
        identity = client.identity
        # herdsman with a plain file offers any device's image: this check is the device's own.
        if self.manufacturer_code != identity.manufacturer_code or self.image_type != identity.image_type:
            return zcl.INVALID_FIELD
        if self.file_size == 0:
            return zcl.INVALID_FIELD
        if self.file_version == identity.file_version:
            return zcl.NO_IMAGE_AVAILABLE
        if client.space and self.file_size > client.space:
            return zcl.INSUFFICIENT_SPACE
        return zcl.SUCCESS
