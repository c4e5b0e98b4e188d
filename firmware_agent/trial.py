"""The trial of new firmware: confirmed after its self-test, or given up."""

from firmware_agent import reject
from firmware_agent.events import tell_rejected, version_text
from firmware_agent.handover import SLOT_NAMES
from firmware_agent.reject import Rejected
from firmware_agent.trust.manifest import HEAD_LIMIT

_LIMIT = 150 * 1000  # ms from the reset for the self-test to pass; zigpy first speaks after 10 s


class Trial:
    """``slot`` is the one that runs; check() it until it is True."""

    def __init__(self, board, store, application, slot):
        self._board = board
        self._store = store
        self._application = application
        self._slot = SLOT_NAMES[slot]
        self._version = version_text(board.identity.file_version)

    def start(self):
        """Tell that there is one."""
        attempt = self._store.state.trial_boots
        self._board.emit("trial", {"slot": self._slot, "file_version": self._version, "attempt": attempt})

    def check(self, milliseconds, heard):
        """True if the firmware has passed: confirm() it. It may also end in a reset, which does not return.

        milliseconds: since the reset. heard: the HAN was rejoined, and the hub answered.
        """
        passed = self._application.self_test()
        if passed is not None and not passed:
            self._revert("the application says so")
        elif passed and heard:
            return True
        elif milliseconds >= _LIMIT:
            if passed is None:
                self._revert("the application did not come up in time")
            else:
                # No hub: perhaps the whole home has no power. Boot counts these attempts.
                self._reset("no hub heard in the trial")
        return False

    def confirm(self):
        """From now on this firmware is what the device goes back to."""
        self._store.accept()
        counter = self._store.state.security_counter
        self._board.emit(
            "confirmed", {"slot": self._slot, "file_version": self._version, "security_counter": counter}
        )

    def _revert(self, detail):
        store = self._store
        number = reject.SELF_TEST_FAILED
        store.reject(number)
        tell_rejected(self._board, Rejected(number, detail), self._board.identity.file_version)
        # Told here, as boot tells it when the attempts are used up: the next boot does not know the occasion.
        primary = store.state.primary
        self._board.emit(
            "reverted",
            {
                "slot": SLOT_NAMES[primary],
                "file_version": version_text(store.head_of(primary, bytearray(HEAD_LIMIT)).file_version),
                "reason": reject.name(number),
                "number": number,
            },
        )
        self._reset("revert")

    def _reset(self, why):
        self._board.emit("reset", {"why": why})
        self._board.reset()
