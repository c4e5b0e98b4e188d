"""The journal: state and progress records, append-only, in a ring of banks.

- A bank is one erase unit (or as many as a few records need). The state record with the highest
  sequence number in any bank is the truth; what it cannot vouch for does not exist.
- **Each boot starts a fresh bank**: the first commit of a session erases the next bank of the ring
  and writes there. So a record torn by a power cut is the last of its bank for ever, nothing is
  programmed behind it, and no decision rests on whether flash "reads erased".
- That first record repeats the state it was read from, with a sequence number 16 ahead. Should a
  torn record, unreadable at this boot, become readable later, its number is lower: it stays dead.
- The first state record of a bank holds the trust anchors; one behind it only if they changed.
- The bank that holds the truth is never the one erased. A bank that does not keep a record is passed over.
- There are three banks at least. With two, a torn record that reads well by luck would have the bank
  before it erased, and could then become unreadable: nothing would be left.

A state record ends in a CRC-32. A progress record is written in the block path, where nothing may
allocate (a CRC-32 is a big integer on 32-bit ports), and carries its own complement instead, which
no torn program can satisfy: a program only clears bits. Records are padded to the write size with
zeros. Layouts in docs/store.md.
"""

from firmware_agent.store import crc32, struct
from hal.flash import DEVICE, FlashError

from . import state as _state

_SESSION_STEP = 16  # more than the records that one commit may leave behind unreadable
_LEAST_BANKS = 3
_PROGRESS_KIND = 0x50
_PROGRESS_SIZE = 16


def _crc_at(full):
    return (_state.FULL_RECORD_SIZE if full else _state.RECORD_SIZE) - _state.CRC_SIZE


def _padded(size, write_size):
    return (size + write_size - 1) // write_size * write_size


class Journal:
    """Over ``area``, a FlashArea of at least three banks. ValueError if it is smaller."""

    def __init__(self, area):
        self._area = area
        full_size = _padded(_state.FULL_RECORD_SIZE, area.write_size)
        self._progress_size = _padded(_PROGRESS_SIZE, area.write_size)
        self._bank_units = (full_size + self._progress_size + area.erase_size - 1) // area.erase_size
        self._bank_size = self._bank_units * area.erase_size
        self._banks = area.units // self._bank_units
        if self._banks < _LEAST_BANKS:
            raise ValueError("the journal needs %d banks of %d bytes" % (_LEAST_BANKS, self._bank_size))
        self._record = bytearray(full_size)
        self._check = bytearray(full_size)
        self._full_views = self._views(full_size)
        self._short_views = self._views(_padded(_state.RECORD_SIZE, area.write_size))
        self._progress_views = self._views(self._progress_size)
        self._anchors = None  # those that a short record would have in this bank
        self.recorded = 0  # bytes that were durable when the state record that was loaded was written
        self._bank = -1  # the bank of the newest state record
        self._position = 0  # where the next record goes in it; 0: this session has not written yet

    def load(self, state):
        """Fill ``state`` with the newest record and its progress. False if there is none."""
        found = _state.State()
        best = -1
        for bank in range(self._banks):
            position = 0
            current = -1
            found.anchors = None  # type: ignore[assignment]
            while True:
                size = self._read_state(bank, position, found)
                if size:
                    position += size
                    current = found.sequence
                    if current > best:
                        best = current
                        state.unpack_from(self._record)
                        state.anchors = found.anchors
                        self.recorded = state.durable
                        self._bank = bank
                elif self._read_progress(bank, position):
                    position += self._progress_size
                    if current == best and _unsigned(self._record, 4, 4) == current:
                        state.durable = _unsigned(self._record, 1, 3)
                else:
                    break
        self._position = 0
        return best >= 0

    def retire(self):
        """The area, for another Journal; this one reads and writes nothing any more."""
        area, self._area = self._area, None
        return area

    def commit(self, state, room=0):
        """Append ``state`` with the next sequence number. It is durable when this returns.

        room: progress records that shall fit behind it, as far as a bank has room for them.
        FlashError if no bank but the one that holds the truth keeps the record: that one stays.
        """
        state.sequence += 1 if self._position else _SESSION_STEP
        if self._position:
            views = self._pack(state, state.anchors != self._anchors)
            needed = min(len(views[0]) + room * self._progress_size, self._bank_size)
            if self._position + needed <= self._bank_size:
                if self._append(self._bank, self._position, views):
                    self._anchors = state.anchors
                    return
                # Never twice the same number: the part may yet find the bad copy readable.
                state.sequence += 1
        newest = self._bank
        for step in range(1, min(self._banks, _SESSION_STEP // 2)):
            bank = (newest + step) % self._banks
            views = self._pack(state, True)
            if self._erase(bank) and self._append(bank, 0, views):
                self._anchors = state.anchors
                return
            state.sequence += 1
        # Nothing may follow a bad record in its bank: the next commit starts another.
        self._position = 0
        raise FlashError(DEVICE, 0)

    def progress(self, state, durable):
        """Record that ``durable`` bytes (below 2**24) of the download are on flash.

        Allocates nothing, unless the bank is full or did not keep the record: then it commits.
        """
        state.durable = durable
        if self._position == 0 or self._position + self._progress_size > self._bank_size:
            self.commit(state)
            return
        record = self._record
        sequence = state.sequence
        record[0] = _PROGRESS_KIND
        for i in range(3):
            record[1 + i] = durable >> (8 * i) & 0xFF
        for i in range(4):
            record[4 + i] = sequence >> (8 * i) & 0xFF
        for i in range(8):
            record[8 + i] = record[i] ^ 0xFF
        for i in range(_PROGRESS_SIZE, self._progress_size):
            record[i] = 0
        if not self._append(self._bank, self._position, self._progress_views):
            # Nothing may follow a bad record in its bank.
            self._position = 0
            self.commit(state)

    def _views(self, size):
        return memoryview(self._record)[:size], memoryview(self._check)[:size]

    def _pack(self, state, full):
        """The record into self._record; returns the views of it."""
        record = self._record
        record[:] = bytes(len(record))
        state.pack_into(record, full)
        struct.pack_into("<I", record, _crc_at(full), self._crc(full))
        return self._full_views if full else self._short_views

    def _crc(self, full):
        return crc32(self._full_views[0][: _crc_at(full)])

    def _erase(self, bank):
        try:
            for unit in range(self._bank_units):
                self._area.erase(bank * self._bank_units + unit)
        except FlashError:
            return False
        return True

    def _append(self, bank, position, views):
        """Program the record and read it back; True, and the next record goes behind it, if it is there."""
        record, check = views
        at = bank * self._bank_size + position
        try:
            self._area.program(at, record)
            # What follows, an erase of the slot or a reset, counts on the record.
            self._area.sync()
            self._area.read(at, check)
        except FlashError:
            return False
        if check != record:
            return False
        self._bank = bank
        self._position = position + len(record)
        return True

    def _read_state(self, bank, position, found):
        """The good state record there into ``found`` and self._record; its size, 0 if there is none."""
        for full in (False, True):
            view = (self._full_views if full else self._short_views)[0]
            if position + len(view) > self._bank_size:
                return 0
            self._area.read(bank * self._bank_size + position, view)
            if _state.is_full(view) == full:
                break
        else:
            return 0
        if self._crc(full) != _unsigned(view, _crc_at(full), _state.CRC_SIZE) or not found.unpack_from(view):
            return 0
        # A short record lives from the one before it in its bank.
        return 0 if found.anchors is None else len(view)

    def _read_progress(self, bank, position):
        """The good progress record there into self._record; False if there is none."""
        if position + self._progress_size > self._bank_size:
            return False
        self._area.read(bank * self._bank_size + position, self._progress_views[0])
        record = self._record
        for i in range(8):
            if record[i] ^ record[8 + i] != 0xFF:
                return False
        return record[0] == _PROGRESS_KIND


def _unsigned(buf, start, size):
    return int.from_bytes(buf[start : start + size], "little")
