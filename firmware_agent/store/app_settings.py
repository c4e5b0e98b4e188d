"""The application's own settings: a few hundred bytes that survive power cuts, updates and reverts.

Records are appended to one bank after the other, round and round, by the journal's rules: each boot's
first record begins a fresh bank, nothing is programmed behind a torn one, the bank with the newest record
is never erased, and there are three banks at least (firmware_agent.store.journal says why).

A record says by which schema its data are to be read. load(schema) gives the newest record whose schema is
not above the caller's: so new firmware reads what old firmware left, and after a revert the old firmware
finds its own last settings again, whatever the reverted one wrote. To that end a fresh bank begins with the
newest record of another schema. Record: kind u8, schema u8, length u16, sequence u32, data, CRC-32 of all
before it, little-endian, padded with zeros to the write size.
"""

from firmware_agent.store import crc32, struct
from hal.flash import FlashError

LIMIT = 480  # bytes of data in a record

_HEAD = "<BBHI"
_HEAD_SIZE = 8
_CRC_SIZE = 4
_KIND = 0x41
_LEAST_BANKS = 3
# A boot's numbers begin so far ahead: should a record that was torn become readable, its number is lower.
_SESSION_STEP = 16


class AppSettings:
    """Over ``area``, a FlashArea of at least three banks; a bank holds two records of LIMIT bytes.
    ValueError if it is smaller."""

    def __init__(self, area):
        self._area = area
        write_size = area.write_size
        largest = (_HEAD_SIZE + LIMIT + _CRC_SIZE + write_size - 1) // write_size * write_size
        units = (2 * largest + area.erase_size - 1) // area.erase_size
        self._bank_units = units
        self._bank_size = units * area.erase_size
        self._banks = area.units // units
        if self._banks < _LEAST_BANKS:
            raise ValueError("settings need %d banks of %d bytes" % (_LEAST_BANKS, self._bank_size))
        self._position = 0  # where the next record goes in self._bank; 0: this boot has not written yet
        self._bank = -1
        self._sequence = 0  # of the last record that was tried in this boot

    def load(self, schema):
        """The data saved last under ``schema`` (0 to 255) or a lower one: bytes; None if there are none."""
        found = self._newest(schema, -1)
        return found and found[2]

    def save(self, schema, data):
        """Replace what is saved under ``schema`` by ``data``, at most LIMIT bytes. True: it is on flash;
        False: the part did not keep it, and what was saved before still is.

        What is saved already costs nothing. ValueError for data or a schema that no record can hold.
        """
        if len(data) > LIMIT or not 0 <= schema <= 0xFF:
            raise ValueError("settings: %d bytes under schema %d" % (len(data), schema))
        last = self._newest(0xFF, -1)
        if last is not None and last[1] == schema and last[2] == data:
            return True
        number, bank = (0, -1) if last is None else (last[0], last[3])
        if self._sequence == 0:
            self._sequence = number + _SESSION_STEP - 1
        if self._position and self._try(schema, data):
            return True
        other = self._newest(0xFF, schema)
        for step in range(1, self._banks):
            self._bank = (bank + step) % self._banks
            self._position = 0
            if other is not None and not self._append(self._pack(other[1], other[0], other[2])):
                # What a cut left there may yet become readable, with the number that would be next.
                self._sequence += 1
            elif self._try(schema, data):
                return True
        return False

    def _try(self, schema, data):
        """Append it under the next number, if the bank has room."""
        self._sequence += 1
        record = self._pack(schema, self._sequence, data)
        return self._position + len(record) <= self._bank_size and self._append(record)

    def _pack(self, schema, sequence, data):
        write_size = self._area.write_size
        size = _HEAD_SIZE + len(data) + _CRC_SIZE
        record = bytearray((size + write_size - 1) // write_size * write_size)
        struct.pack_into(_HEAD, record, 0, _KIND, schema, len(data), sequence)
        record[_HEAD_SIZE : _HEAD_SIZE + len(data)] = data
        crc = crc32(memoryview(record)[: size - _CRC_SIZE])
        struct.pack_into("<I", record, size - _CRC_SIZE, crc)
        return record

    def _append(self, record):
        """Program it at the end of the bank, erased first if that is its start; True if it reads back well.

        Whatever comes of it, nothing is programmed behind a record that does not.
        """
        area = self._area
        start = self._bank * self._bank_size
        check = bytearray(len(record))
        try:
            if self._position == 0:
                for unit in range(self._bank_units):
                    area.erase(self._bank * self._bank_units + unit)
            area.program(start + self._position, record)
            area.sync()
            area.read(start + self._position, check)
            kept = check == record
        except FlashError:
            kept = False
        self._position = self._position + len(record) if kept else 0
        return kept

    def _newest(self, highest, other_than):
        """(sequence, schema, data, bank) of the newest good record with a schema up to ``highest``, but for
        ``other_than``; None if there is none."""
        best = None
        for bank in range(self._banks):
            position = 0
            while True:
                record = self._read(bank, position)
                if record is None:
                    break
                size, schema, sequence, data = record
                # Of two of a number the one that begins a bank repeats the other, whose bank holds more.
                if schema <= highest and schema != other_than:
                    if best is None or sequence > best[0] or (sequence == best[0] and position):
                        best = (sequence, schema, data, bank)
                position += size
        return best

    def _read(self, bank, position):
        """The good record there: (bytes it takes, schema, sequence, data); else None."""
        head = bytearray(_HEAD_SIZE)
        write_size = self._area.write_size
        start = bank * self._bank_size + position
        try:
            self._area.read(start, head)
            kind, _, length, _ = struct.unpack_from(_HEAD, head, 0)
            size = _HEAD_SIZE + length + _CRC_SIZE
            if kind != _KIND or length > LIMIT or position + size > self._bank_size:
                return None
            record = bytearray(size)
            self._area.read(start, record)
        except FlashError:
            return None
        crc = struct.unpack_from("<I", record, size - _CRC_SIZE)[0]
        if crc32(memoryview(record)[: size - _CRC_SIZE]) != crc:
            return None
        # Not from the first reading: what is torn may read otherwise each time.
        _, schema, _, sequence = struct.unpack_from(_HEAD, record, 0)
        padded = (size + write_size - 1) // write_size * write_size
        return padded, schema, sequence, bytes(record[_HEAD_SIZE : _HEAD_SIZE + length])
