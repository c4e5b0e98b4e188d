"""What the application sees of the device: ``start(device)`` gets this object.

The interface between agent and application is documented in docs/application.md.
"""

from firmware_agent import reject
from firmware_agent.protocol.ota_commands import FIRST_SPECIFIC_TYPE, LAST_SPECIFIC_TYPE
from firmware_agent.reject import Rejected

_IDLE = 1000


class Device:
    """display: the board's display; settings: an AppSettings, load(schema) and save(schema, data);
    file_version: of the running image; eui64: 8 bytes."""

    def __init__(self, board, file_version, handover):
        self.display = board.display
        self.settings = board.settings
        self.file_version = file_version
        self.eui64 = bytes(board.identity.eui64)
        self.activation = False
        self.wanted_file = 0
        self._takers = []
        self._next_file = 0
        self._board = board
        self._handover = handover
        self._seconds = 0  # and milliseconds since then: both stay small integers on 32-bit ports
        self._milliseconds = 0
        self._callbacks = []

    def milliseconds(self):
        """Since the start of this boot; only ever grows."""
        return self._seconds * 1000 + self._milliseconds

    def every(self, period_ms, callback):
        """Call ``callback(elapsed_ms)`` about every ``period_ms``; it must return within 10 ms or so."""
        self._callbacks.append([period_ms, callback, 0])

    def activate(self, command=None):
        """An event outside the OTA cluster says that the verified image shall run. Counts only under
        UpgradeActivationPolicy 1, and if there is one.

        command: bytes of GBCS CS06 (trust/activation.py), without which nothing runs where a trust anchor is
        for activation. Returns what comes of it, activateImageResponseCode; None if it is not of who may give
        it, and without a command.
        """
        store = self._handover.reopen()
        if command is None and not store.needs_authorisation:
            self.activation = True
            return None
        try:
            outcome = store.authorise(command or b"")
        except Rejected as refusal:
            fields = {"reason": reject.name(refusal.number), "number": refusal.number, "text": refusal.detail}
            self._board.emit("unauthorised", fields)
            return None
        self._board.emit("activation", {"outcome": outcome})
        self.activation = self.activation or outcome == 0
        return outcome

    def fetch_file(self, image_type, take):
        """Ask the hub for a file for this device alone, of a type from 0xFFC0 to 0xFFFE.

        Some time later ``take(file_version, contents)`` is called once, by the rules of a callback: contents,
        a memoryview, are the bytes behind the file's header, as the hub sent them, unsigned; None if there is
        no good file. False, and no call, if the board's client_settings want no such file, one is asked for
        already, or the last one was asked for less than ``specific_file_period`` ago. ValueError for
        another type.
        """
        if not FIRST_SPECIFIC_TYPE <= image_type <= LAST_SPECIFIC_TYPE:
            raise ValueError("no device-specific image type: 0x%04x" % image_type)
        # At rest the settings are not loaded.
        from firmware_agent.protocol.settings import client_settings

        settings = client_settings(self._board)
        if not settings.specific_file_size or self._takers or self.milliseconds() < self._next_file:
            return False
        self._next_file = self.milliseconds() + settings.specific_file_period
        self.wanted_file = image_type
        self._takers.append(take)
        return True

    def fetched(self, file):
        """The agent's: the file came, or will not."""
        contents = file.contents
        file.contents = None
        self._takers.pop()(file.file_version, contents)

    def elapsed(self, milliseconds):
        """The agent's: time went by; runs what is due, each callback at most once."""
        self._milliseconds += milliseconds
        if self._milliseconds >= 1000:
            self._seconds += self._milliseconds // 1000
            self._milliseconds %= 1000
        for entry in self._callbacks:
            entry[2] += milliseconds
            if entry[2] >= entry[0]:
                since = entry[2]
                entry[2] = 0
                entry[1](since)

    def until_due(self):
        """The agent's: milliseconds until the next callback."""
        least = _IDLE
        for entry in self._callbacks:
            left = entry[0] - entry[2]
            if left < least:
                least = left if left > 0 else 0
        return least
