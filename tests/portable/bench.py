"""A bench for store and boot: a device on an emulated flash, and the images a hub has for it."""

import firmware_agent.trust as trust
from firmware_agent import boot
from firmware_agent.reject import Rejected
from firmware_agent.store.facts import Device
from firmware_agent.store.firmware_store import ADMIT, COMPLETE, RESTART, WRITTEN, FirmwareStore, Offer
from firmware_agent.store.image_writer import BLOCK_LIMIT
from hal.flash import FlashArea
from hal.sim.nor_flash import NorFlash
from tests.portable import envelope_vectors, image_vectors
from tests.portable.payload import payload

MANUFACTURER_CODE = 0x1234
IMAGE_TYPE = 0x0084
FILE_HEADER = 56  # bytes of upgrade file before the image


class Image:
    """What the hub has under ``name``: the Manufacturer Image's bytes, and the offer for its file."""

    def __init__(self, name):
        head, version, sequence, seed, size = image_vectors.IMAGES[name]
        self.name = name
        self.data = head + payload(seed, size)
        self.head_length = len(head)
        self.sequence_number = sequence
        # The attributes of a ZigBee header, as acceptance.accept() wants them.
        self.manufacturer_code = MANUFACTURER_CODE
        self.image_type = IMAGE_TYPE
        self.file_version = version
        self.destination = None
        self.hardware_min = None
        self.hardware_max = None

    def offer(self):
        offer = Offer()
        offer.manufacturer_code = self.manufacturer_code
        offer.image_type = self.image_type
        offer.file_version = self.file_version
        offer.file_size = FILE_HEADER + len(self.data)
        offer.server_address = 0x0000
        offer.server_endpoint = 1
        offer.profile = 0x0104
        return offer


class RememberedSignatures:
    """While in force each signature is computed once: the same inputs have the same verdict. Nothing else
    is taken from the trust code, and it costs most of a boot's time here."""

    verdicts = {}

    def __enter__(self):
        self._choice = trust.choice
        trust.choice = (self, None)

    def __exit__(self, *exception):
        trust.choice = self._choice

    def verify(self, public_key, digest, signature, hook=None):
        key = (bytes(public_key), bytes(digest), bytes(signature))
        if key not in self.verdicts:
            from firmware_agent.trust import p256

            self.verdicts[key] = p256.verify(public_key, digest, signature, hook)
        return self.verdicts[key]


class Bench:
    """power_on() it, then use ``store`` and ``handover``; ``fetched`` counts the image bytes given to it."""

    def __init__(self, erase_size=1024, write_size=16, slot_units=4, journal_units=None, make_flash=NorFlash):
        if journal_units is None:
            journal_units = 4 if erase_size > 256 else 9
        self.erase_size = erase_size
        self.write_size = write_size
        self.slot_units = slot_units
        self.journal_units = journal_units
        self.memory = bytearray(b"\xff" * (erase_size * (journal_units + 2 * slot_units)))
        self.flash = make_flash(self.memory, erase_size, write_size)
        self.anchors = [envelope_vectors.PUBLIC_KEY]
        self.fetched = 0
        self.utc = None  # the board's clock
        self.store = self.open_store()

    def open_store(self):
        """A new FirmwareStore over the same flash, as after a reset; not loaded."""
        journal = FlashArea(self.flash, 0, self.journal_units, self.write_size)
        slots = []
        for n in range(2):
            first = self.journal_units + n * self.slot_units
            slots.append(FlashArea(self.flash, first, self.slot_units, self.write_size))
        device = Device(
            MANUFACTURER_CODE,
            IMAGE_TYPE,
            3,
            envelope_vectors.VENDOR_ID,
            envelope_vectors.CLASS_ID,
            0,
            slots[0].size,
            self.anchors,
            for_test=True,  # the vectors' key is known to everybody
        )
        return FirmwareStore(journal, slots, device, utc=self.utc)

    def slot_bytes(self, slot, length):
        """What lies in a slot now, past the store."""
        start = (self.journal_units + slot * self.slot_units) * self.erase_size
        return bytes(memoryview(self.memory)[start : start + length])

    def at_factory(self, name="v1"):
        """Put an image into slot A by the factory's way; returns self."""
        image = Image(name)
        padding = bytes([0xFF]) * (-len(image.data) % self.write_size)
        self.store.slots[0].program(0, image.data + padding)
        self.store.format(image.sequence_number)
        return self

    def power_on(self, cause=boot.POWER_ON):
        """Reset and boot; returns the Handover."""
        self.store = self.open_store()
        assert self.store.load()
        with RememberedSignatures():
            self.handover = boot.boot(self.store, cause)
        return self.handover

    def feed(self, image, until=None, block=50):
        """Blocks of ``image`` from where the store is, to its byte ``until`` or the end; the last answer."""
        store = self.store
        if not store.image_known:
            store.describe(image, FILE_HEADER, len(image.data))
        result = WRITTEN
        end = len(image.data) if until is None else until
        while result == WRITTEN and store.position - FILE_HEADER < end:
            at = store.position - FILE_HEADER
            length = min(block, end - at, store.until_boundary(store.position))
            assert length > 0
            self.fetched += length
            with RememberedSignatures():
                result = give(store, image.data, at, at + length)
        return result

    def download(self, image, until=None, block=50):
        """Offer and feed; another image under an accepted identity is taken from its start."""
        self.store.start(image.offer())
        result = self.feed(image, until, block)
        if result == RESTART:
            result = self.feed(image, until, block)
        return result

    def verify(self):
        """Read the slot back to the end."""
        with RememberedSignatures():
            self.store.verify_start()
        while not self.store.verify_step():
            pass

    def stage(self, image):
        """The whole way from the offer to a reset that boots ``image``."""
        assert self.download(image) == COMPLETE
        self.verify()
        self.store.install()

    def update(self, image):
        """The whole way from the offer to a confirmed ``image``."""
        self.stage(image)
        assert self.power_on(boot.RESET).trial
        self.store.accept()


def give(store, data, start, end):
    """Write data[start:end] in blocks, each judged where the store asks for it; the last answer."""
    result = WRITTEN
    while start < end and result == WRITTEN:
        length = min(BLOCK_LIMIT, end - start)
        result = store.write(data, start, length)
        start += length
        if result == ADMIT:
            result = store.admit()
    return result


def refusal(function, *arguments):
    """The number with which ``function`` refuses an image."""
    try:
        function(*arguments)
    except Rejected as error:
        return error.number
    raise AssertionError("not refused")


def raises(kind, function, *arguments):
    """The exception of that kind that ``function`` raises."""
    try:
        function(*arguments)
    except kind as error:
        return error
    raise AssertionError("raises no " + kind.__name__)
