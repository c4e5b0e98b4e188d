"""The end of an upgrade: Upgrade End, hold and countdown (ZCL r8, 11.13.9, 11.16).

A verified image runs at once, at a known time, or when the server says so in a later response: then the
client holds, and asks again once an hour. Real hubs answer Upgrade End once a session, so a lost answer
must not end in waiting for ever: see timed_out(). Where an event outside the cluster activates
(UpgradeActivationPolicy 1), no server's word and no silence does.
"""

from firmware_agent.protocol import ota_commands as ota
from firmware_agent.protocol import states, zcl
from firmware_agent.protocol.aps_frame import u16, u32
from firmware_agent.protocol.session import CANDIDATE, COUNTING, END, FOREVER, HELD

_PIECE = 3600  # seconds: a longer countdown is waited for in pieces, so deadlines stay small integers


class UpgradeEnd:
    """held: the server said to wait; countdown: seconds until activation, as the server said."""

    def __init__(self, session):
        self.held = False
        self.countdown = 0
        self._left = 0  # seconds of the countdown beyond the current piece
        self._quiet = 0  # ms until the next poll while held
        self._unanswered = 0  # requests since the server last spoke about the end
        self._session = session

    def elapsed(self, milliseconds):
        """Time went by."""
        if self._quiet > 0:
            self._quiet -= milliseconds

    def verified(self, held):
        """There is a verified image; tell the server. ``held``: it had said to wait before a reset."""
        session = self._session
        session.base = CANDIDATE
        session.status = zcl.SUCCESS
        self.held = held
        self.tell()

    def tell(self):
        """An Upgrade End Request for the verified image, with a fresh count of tries."""
        self._unanswered = 0
        self._session.move(states.VERIFIED)
        self._ask()

    def go_on(self):
        """A query brought nothing: hold on, or say again that the image is there."""
        if self.held:
            self._session.move(states.HOLD)
            self._wait()
        else:
            self._session.move(states.VERIFIED)
            self._ask()

    def timed_out(self):
        """No answer to an Upgrade End Request: try again, wait for an hour, or let the policy decide."""
        settings = self._session.settings
        session = self._session
        self._unanswered += 1
        if session.wish:
            session.query()
        elif self._unanswered < settings.end_tries:
            if self.held:
                self._hold()
            else:
                session.repeat(END)
        elif settings.upgrade_timeout_policy == 0 and settings.upgrade_activation_policy == 0:
            self._apply()
        else:
            self._hold()

    def deadline(self):
        """That of WAITING or COUNTDOWN came."""
        if self._session.state == states.WAITING:
            self._session.move(states.DUE)
            self._ask()
        else:
            self._count()

    def activate(self):
        """An event outside the cluster says: run it now. False if that does not count here, or if there is no
        verified image."""
        session = self._session
        if session.settings.upgrade_activation_policy == 0 or not self._may_apply():
            return False
        self._apply()
        return True

    def handle_response(self, buf, at):
        """A whole Upgrade End Response at buf[at:]. Returns the status for a Default Response."""
        session = self._session
        if not self._may_apply():
            return zcl.INVALID_IMAGE
        if not self._names(buf, at, session.image):
            session.ignored += 1
            return zcl.SUCCESS
        self._unanswered = 0
        current = u32(buf, at + ota.END_CURRENT_AT)
        upgrade = u32(buf, at + ota.END_UPGRADE_AT)
        if session.settings.upgrade_activation_policy:
            if session.state != states.ACTIVATING:
                self._hold()
            return zcl.SUCCESS if upgrade == ota.UNKNOWN_TIME else zcl.NOT_AUTHORIZED
        # A current time of 0 makes the upgrade time an offset. One that has passed makes no sense: ask
        # again in an hour rather than apply by mistake.
        if upgrade == ota.UNKNOWN_TIME or upgrade < current:
            self._hold()
        elif upgrade == current:
            self._apply()
        else:
            self.countdown = self._left = upgrade - current
            session.move(states.COUNT)
            session.actions |= COUNTING
            self._count()
        return zcl.SUCCESS

    def _may_apply(self):
        # A query may be in between, but nothing is applied that is not a verified image.
        session = self._session
        return session.base == CANDIDATE and states.allows(session.state, states.APPLY)

    def _names(self, buf, at, image):
        """True if the response is about ``image``; wildcards fit."""
        return (
            u16(buf, at + ota.IDENTITY_MANUFACTURER_AT)
            in (u16(image, ota.IDENTITY_MANUFACTURER_AT), ota.ANY_ID)
            and u16(buf, at + ota.IDENTITY_IMAGE_TYPE_AT)
            in (u16(image, ota.IDENTITY_IMAGE_TYPE_AT), ota.ANY_ID)
            and u32(buf, at + ota.IDENTITY_VERSION_AT)
            in (u32(image, ota.IDENTITY_VERSION_AT), ota.ANY_VERSION)
        )

    def _ask(self):
        self._session.ask(END)
        self._session.grant()

    def _hold(self):
        self.held = True
        self._quiet = self._session.settings.hold_poll
        self._session.move(states.HOLD)
        self._session.actions |= HELD
        self._wait()

    def _wait(self):
        self._session.rest(max(self._quiet, 0))
        self._session.grant()

    def _apply(self):
        self._session.rest(FOREVER)
        self._session.move(states.APPLY)

    def _count(self):
        seconds = min(self._left, _PIECE)
        self._left -= seconds
        if seconds:
            self._session.rest(seconds * 1000)
        else:
            self._session.move(states.DUE)
