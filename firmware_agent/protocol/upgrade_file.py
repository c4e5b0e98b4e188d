"""The ZigBee OTA upgrade file's head, taken in any split (ZCL r8, 11.4).

header (56 to 69 bytes, or longer: unknown bytes up to the header length are skipped), then either the
Manufacturer Image at once, as the GB rules have it for a PPMID, or one element with tag 0x0000 around
it, as zigpy and zigbee-herdsman expect. The two are told apart by the first byte: an envelope begins
with 0xD8 (CBOR tag 107), tag 0x0000 with 0x00. The Manufacturer Image must end where the file ends.
"""

from firmware_agent.protocol.aps_frame import u16, u32
from firmware_agent.protocol.ota_commands import IDENTITY_SIZE
from firmware_agent.reject import MALFORMED_FILE, OFFER_MISMATCH, Rejected
from hal import byte_loops

MAGIC = 0x0BEEF11E
HEADER_VERSION = 0x0100
IDENTITY_AT = 10  # manufacturer code, image type, file version: as in the OTA commands
BASE_LENGTH = 56
MAX_HEADER = 96  # 69 by the standard; some room for a later header version's bytes
ELEMENT_HEADER = 6
UPGRADE_IMAGE_TAG = 0x0000
ENVELOPE_FIRST_BYTE = 0xD8

CREDENTIAL_PRESENT = 1
DESTINATION_PRESENT = 2
HARDWARE_PRESENT = 4


class UpgradeFile:
    """feed() until ``ready``; then the fields of the header are set:

    manufacturer_code, image_type, file_version, stack_version, size (whole file), header_length,
    destination (8 bytes or None), hardware_min, hardware_max (None if the header has no range),
    image_offset, image_length. Bytes of the image that were needed to decide are in
    ``head[image_offset:fill]``.

    feed() belongs to the block path and allocates nothing, unless it refuses. What may not be a small integer
    is made when somebody wants to know: ``file_version`` and ``destination``.
    """

    def __init__(self):
        self.head = bytearray(MAX_HEADER + ELEMENT_HEADER)
        # All there is: an attribute that came later would make the object grow.
        self.manufacturer_code = 0
        self.image_type = 0
        self.stack_version = 0
        self.size = 0
        self._destination_at = 0
        self.hardware_min = self.hardware_max = None
        self.reset()

    def reset(self):
        """Start again at the file's first byte."""
        self.fill = 0
        self.ready = False
        self.header_length = 0
        self.image_offset = 0
        self.image_length = 0

    def feed(self, data, start, length):
        """Take what is needed of data[start:start + length]; returns how many bytes.

        Raises Rejected(MALFORMED_FILE); nothing can be fed after that but a reset().
        """
        taken = 0
        while taken < length and not self.ready:
            self.head[self.fill] = data[start + taken]
            self.fill += 1
            taken += 1
            self._look()
        return taken

    @property
    def file_version(self):
        """Above 2**30 it is a big integer on 32-bit ports."""
        return u32(self.head, 14)

    @property
    def destination(self):
        """The EUI64 of the one device that the file is for; None if it is for any."""
        at = self._destination_at
        return bytes(self.head[at : at + 8]) if at else None

    def check(self, image, size, eui64):
        """The header must be that of the file that was offered, for this device: else Rejected.

        image: the offer's identity as on the air; it is compared as bytes, which allocates nothing.
        """
        if not byte_loops.same(self.head, image, IDENTITY_AT, 0, IDENTITY_SIZE) or self.size != size:
            text = "header: 0x%04x 0x%04x 0x%08x, %d bytes"
            found = (self.manufacturer_code, self.image_type, self.file_version, self.size)
            raise Rejected(OFFER_MISMATCH, text % found)
        if self._destination_at and self.destination != bytes(eui64):
            raise Rejected(OFFER_MISMATCH, "the file is for another device")

    def _look(self):
        fill = self.fill
        if fill == 10:
            self._check_start()
        elif fill > 10 and fill == self.header_length:
            self._parse_header()
        elif (
            self.header_length
            and fill == self.header_length + 1
            and self.head[fill - 1] == ENVELOPE_FIRST_BYTE
        ):
            self._found(self.header_length, self.size - self.header_length)
        elif self.header_length and fill == self.header_length + ELEMENT_HEADER:
            tag = u16(self.head, self.header_length)
            length = u32(self.head, self.header_length + 2)
            if tag != UPGRADE_IMAGE_TAG:
                raise Rejected(MALFORMED_FILE, "the first element has tag 0x%04x, not 0x0000" % tag)
            self._found(self.header_length + ELEMENT_HEADER, length)

    def _check_start(self):
        head = self.head
        if u32(head, 0) != MAGIC:
            raise Rejected(MALFORMED_FILE, "it does not start with the file identifier 0x0BEEF11E")
        if u16(head, 4) != HEADER_VERSION:
            raise Rejected(MALFORMED_FILE, "header version 0x%04x" % u16(head, 4))
        length = u16(head, 6)
        control = u16(head, 8)
        least = BASE_LENGTH
        if control & CREDENTIAL_PRESENT:
            least += 1
        if control & DESTINATION_PRESENT:
            least += 8
        if control & HARDWARE_PRESENT:
            least += 4
        if not least <= length <= MAX_HEADER:
            raise Rejected(MALFORMED_FILE, "header length %d, its fields need %d" % (length, least))
        self.header_length = length

    def _parse_header(self):
        head = self.head
        control = u16(head, 8)
        self.manufacturer_code = u16(head, 10)
        self.image_type = u16(head, 12)
        self.stack_version = u16(head, 18)
        self.size = u32(head, 52)
        at = BASE_LENGTH
        if control & CREDENTIAL_PRESENT:
            at += 1
        self._destination_at = 0
        if control & DESTINATION_PRESENT:
            self._destination_at = at
            at += 8
        self.hardware_min = self.hardware_max = None
        if control & HARDWARE_PRESENT:
            self.hardware_min = u16(head, at)
            self.hardware_max = u16(head, at + 2)

    def _found(self, offset, length):
        if length <= 0 or offset + length != self.size:
            raise Rejected(
                MALFORMED_FILE,
                "the Manufacturer Image ends at byte %d, the file at %d" % (offset + length, self.size),
            )
        self.image_offset = offset
        self.image_length = length
        self.ready = True
