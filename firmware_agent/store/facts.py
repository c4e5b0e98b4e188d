"""What is known of the device and of an image. The code that judges by it is unloaded when it is done."""

from firmware_agent import INTERFACE, OLDEST_INTERFACE
from firmware_agent.trust.anchors import ENTRY_SIZE, HEAD_SIZE, PACKED_SIZE, POINT_SIZE


def no_anchors():
    """Packed, as of a device that trusts nobody."""
    return bytes(PACKED_SIZE)


class Device:
    """What an image is compared with.

    ``manufacturer_code``, ``image_type``, ``hardware_version``  u16, as in ZigBee
    ``vendor_id``, ``class_id``  16 bytes each
    ``security_counter``  the lowest sequence number that is still accepted
    ``slot_size``         bytes that a slot can hold of a Manufacturer Image
    ``anchors``           the keys that it trusts, packed (trust.anchors); given as an Anchors, or as a list
                          of public keys that may sign firmware and nothing else, they are packed
    ``eui64``             8 bytes as on the air; None: it takes no image for one device
    ``for_test``          whether it was built for test: only then it believes test keys
    ``interfaces``        the oldest and the newest interface that these boot files offer to a payload
    ``file_version``      of the firmware that runs; None at the factory, where none does
    ``time``              seconds from 2000-01-01 UTC, None where it does not know
    """

    def __init__(
        self,
        manufacturer_code,
        image_type,
        hardware_version,
        vendor_id,
        class_id,
        security_counter,
        slot_size,
        anchors,
        eui64=None,
        for_test=False,
    ):
        self.manufacturer_code = manufacturer_code
        self.image_type = image_type
        self.hardware_version = hardware_version
        self.vendor_id = vendor_id
        self.class_id = class_id
        self.security_counter = security_counter
        self.slot_size = slot_size
        if not isinstance(anchors, bytes):
            # Of a device that is being made; all others have them from their flash.
            from firmware_agent.trust.anchors import packed

            anchors = packed(anchors)
        self.anchors = anchors
        self.eui64 = eui64
        self.for_test = for_test
        self.interfaces = (OLDEST_INTERFACE, INTERFACE)
        self.file_version = None
        self.time = None


class Accepted:
    """What is kept of an image's Manifest (trust.manifest, which says what these are) once it was accepted:
    ``file_version``, ``sequence_number``, ``digest``, ``head_length``, ``payload_length``, ``unchecked``."""

    def __init__(self, manifest):
        self.file_version = manifest.file_version
        self.sequence_number = manifest.sequence_number
        self.digest = manifest.digest
        self.head_length = manifest.head_length
        self.payload_length = manifest.payload_length
        self.unchecked = manifest.unchecked


class Header:
    """What acceptance compares of the upgrade file's ZigBee header, None where that has no such field."""

    def __init__(self, header):
        self.manufacturer_code = header.manufacturer_code
        self.image_type = header.image_type
        self.file_version = header.file_version
        self.destination = header.destination
        self.hardware_min = header.hardware_min
        self.hardware_max = header.hardware_max


def any_for(anchors, usage):
    """Whether one of these trust anchors, packed, has the usage."""
    at = HEAD_SIZE + POINT_SIZE
    for _ in range(anchors[4]):
        if anchors[at] & usage:
            return True
        at += ENTRY_SIZE
    return False
