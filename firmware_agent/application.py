"""What the application sees of the device: ``start(device)`` gets this object.

The interface between agent and application is documented in docs/application.md.
"""

_IDLE = 1000


class Device:
    """display: the board's display; settings: an AppSettings, load(schema) and save(schema, data);
    file_version: of the running image; eui64: 8 bytes."""

    def __init__(self, board, file_version):
        self.display = board.display
        self.settings = board.settings
        self.file_version = file_version
        self.eui64 = bytes(board.identity.eui64)
        self.activation = False
        self._milliseconds = 0
        self._callbacks = []

    def milliseconds(self):
        """Since the start of this boot; only ever grows."""
        return self._milliseconds

    def activate(self):
        """An event outside the OTA cluster (GB: a CS06 command) says that the verified image shall run.
        Counts only under UpgradeActivationPolicy 1, and if there is one."""
        self.activation = True

    def every(self, period_ms, callback):
        """Call ``callback(elapsed_ms)`` about every ``period_ms``; it must return within 10 ms or so."""
        self._callbacks.append([period_ms, callback, 0])

    def elapsed(self, milliseconds):
        """The agent's: time went by; runs what is due, each callback at most once."""
        self._milliseconds += milliseconds
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
