"""A file of the hub's for this device alone: Query Device Specific File (ZCL r8, 11.13), then its blocks.

Its image type is 0xFFC0 to 0xFFFE: security credentials 0xFFC0, configuration 0xFFC1, log 0xFFC2. Only an
application that wants one asks, and it gets what is behind the file's header as the hub sent it: no signature
proves it, so it is as good as the hub's word. It goes to RAM, never to a slot, and nothing is ever activated
because of it. Firmware goes first: one is fetched only while there is no download and no image, and a Notify
ends it. What asks, waits and repeats is that of any download.
"""

from firmware_agent.protocol import ota_commands as ota
from firmware_agent.protocol import states, zcl
from firmware_agent.protocol.aps_frame import put16, put32, u16
from firmware_agent.protocol.image_query import ImageOffer
from firmware_agent.protocol.session import END, FETCHED, FILE, NOTHING, SPECIFIC, WRITE
from firmware_agent.protocol.upgrade_file import BASE_LENGTH, UpgradeFile
from firmware_agent.reject import Rejected

_ANY_BLOCK = 0xFFFF  # RAM has no boundaries
_STACK_VERSION_PRO = 0x0002


class SpecificFile(ImageOffer):
    """The file that was asked for last. After the action FETCHED: ``contents``, a memoryview of what is
    behind the header; None if the hub has no such file, or none that is for this device, or it went away."""

    def __init__(self, client):
        ImageOffer.__init__(self)
        self.contents = None
        self.wanted = 0  # the image type
        self.next_query = 0  # ms, as it was before
        self._data = bytearray()
        self._client = client

    def ask(self, image_type):
        """Ask for it. False if this is not the time: then nothing happens."""
        client = self._client
        if client.state != states.IDLE or client.base != NOTHING or client.wish:
            return False
        self.wanted = image_type
        self.contents = None
        self.next_query = client.due
        client.base = FILE
        client.move(states.QUERY)
        client.ask(SPECIFIC)
        return True

    def put_query(self, out, at):
        """Query Device Specific File Request to out[at:]; returns its length."""
        identity = self._client.identity
        for i in range(8):
            out[at + i] = identity.eui64[i]
        put16(out, at + ota.SPECIFIC_MANUFACTURER_AT, identity.manufacturer_code)
        put16(out, at + ota.SPECIFIC_IMAGE_TYPE_AT, self.wanted)
        put32(out, at + ota.SPECIFIC_VERSION_AT, identity.file_version)
        put16(out, at + ota.SPECIFIC_STACK_AT, _STACK_VERSION_PRO)
        return ota.SPECIFIC_LENGTH

    def take(self, buf, at, client):
        """Read a whole SUCCESS response at buf[at:]; the ZCL status as of ImageOffer.take()."""
        self.read(buf, at)
        if self.manufacturer_code != client.identity.manufacturer_code or self.image_type != self.wanted:
            return zcl.INVALID_FIELD
        if self.file_size == 0:
            return zcl.INVALID_FIELD
        if self.file_size > client.settings.specific_file_size:
            return zcl.INSUFFICIENT_SPACE
        try:
            self._data = bytearray(self.file_size)
        except MemoryError:
            return zcl.INSUFFICIENT_SPACE
        return zcl.SUCCESS

    def begin(self):
        """The response was good: fetch the file."""
        client = self._client
        client.image[:] = self.image
        client.download.begin(self.file_size, None)
        client.base = FILE
        client.move(states.START)
        client.tries = 0
        client.download.ask_at(0, _ANY_BLOCK)

    def write(self):
        """Take the blocks that the download hands out; after the last one, say how the file is."""
        client = self._client
        download = client.download
        while client.actions & WRITE:
            client.actions ^= WRITE
            at = download.offset
            end = at + download.data_length
            for i in range(download.data_length):
                self._data[at + i] = download.data[download.data_at + i]
            if end < self.file_size:
                download.written(end, _ANY_BLOCK)
            else:
                self._whole()

    def over(self):
        """It ends, whole or not: the application is told, if it was not before."""
        client = self._client
        client.base = NOTHING
        client.download.over()
        if self.wanted:
            self._tell()

    def _whole(self):
        client = self._client
        client.complete()
        good = self._check()
        client.status = zcl.SUCCESS if good else zcl.INVALID_IMAGE
        client.move(states.MORE if good else states.REFUSED)
        self._tell()
        client.ask(END)

    def _tell(self):
        self._data = bytearray()
        self.wanted = 0
        self._client.actions |= FETCHED

    def _check(self):
        """The header must be that of the file that was offered, for this device and no other."""
        data = self._data
        length = u16(data, 6) if len(data) >= BASE_LENGTH else 0
        if not BASE_LENGTH <= length <= len(data):
            return False
        file = UpgradeFile()
        try:
            file.feed(data, 0, length)
            file.check(self.image, self.file_size, self._client.identity.eui64)
        except Rejected:
            return False
        if file.destination is None:
            return False
        self.contents = memoryview(data)[length:]
        return True
