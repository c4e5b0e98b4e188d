"""The recovery agent's application: says what is wrong, and tries the slots again from time to time.

It runs when neither slot may (boards.common.start). Its agent is the copy in the boot files, so it can take
an image from the hub by the same rules as ever; what it cannot do is show energy.
"""

_REFRESH = 1000  # ms
# What kept the slots from booting may pass: a cell that reads well again, a supply that has recovered.
_RETRY = 3600 * 1000
_IDLE = 0  # ImageUpgradeStatus


class Recovery:
    """An application as in docs/application.md."""

    def __init__(self, board):
        self._board = board
        self._device = None
        self._status = _IDLE
        self._percent = 0
        self._idle = 0

    def start(self, device):
        """Show the screen."""
        self._device = device
        device.every(_REFRESH, self._tick)
        self._show()

    def self_test(self):
        """The recovery agent is never on trial."""
        return True

    def may_activate(self):
        """Anything is better."""
        return True

    def progress(self, status, offset, size):
        """Remembered for the next frame."""
        self._status = status
        self._percent = offset * 100 // size if size else 0

    def _tick(self, elapsed):
        self._idle = 0 if self._status != _IDLE else self._idle + elapsed
        if self._idle >= _RETRY:
            self._board.emit("reset", {"why": "recovery: try the slots again"})
            self._board.reset()
        self._show()

    def _show(self):
        display = self._device.display
        display.write(0, "No firmware / Dim cadarnwedd")
        if self._status == _IDLE:
            display.write(1, "Waiting for the hub / Aros am yr hyb")
        else:
            display.write(1, "Update %d %% / Diweddaru" % self._percent)
        display.show()
