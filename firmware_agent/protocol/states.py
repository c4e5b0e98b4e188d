"""The download's states, events and transitions: this table is the law.

- A transition happens only through Session.move(), which looks it up here.
- An event without an entry in the state's row must not reach move(): the client asks allows()
  where a peer's frame could bring it, and drops the frame.
- The download lives in RAM and is rebuilt at boot from the firmware store; the store's own life
  (firmware_agent.store.state) is another session.
"""

# States.
IDLE = 0  # nothing asked for; the next query has a time
QUERYING = 1  # Query Next Image Request outstanding
OFFERED = 2  # an offer passed the first checks; the store decides where to go on
DOWNLOADING = 3  # Image Block Request outstanding or due
VERIFYING = 4  # all bytes are there; the store reads them back
REPORTING = 5  # Upgrade End Request with a failure, or for another file, outstanding
ENDING = 6  # Upgrade End Request with SUCCESS outstanding
WAITING = 7  # the server said: wait for another Upgrade End Response
COUNTDOWN = 8  # the time of activation is known
ACTIVATING = 9  # allowed to run; the application may postpone the reset

# Events.
QUERY = 0  # a query is due
OFFER = 1  # Query Next Image Response, SUCCESS, and worth asking about
NO_IMAGE = 2  # nothing on offer, or an offer to leave alone
GIVE_UP = 3  # no answer within the allowed tries
START = 4  # the store is ready for bytes, still or again
COMPLETE = 5  # the last byte is on flash
VERIFIED = 6  # the store proved the slot
REFUSED = 7  # a reject reason arose here
ABORTED = 8  # the server ended it
REPORTED = 9  # that is told, or cannot be
APPLY = 10  # activate now
HOLD = 11  # activate when told
COUNT = 12  # activate at a known time
DUE = 13  # that time came, or the next poll's
MORE = 14  # the file is good, and nothing to run: the upgrade needs another one, or it is no firmware

# A row for each state, a column for each event, by their numbers; a digit is the state that follows, a point
# no entry. While QUERYING, if there is a verified image, the server may say when it runs.
TRANSITIONS = (
    # QUERY, OFFER, NO_IMAGE, GIVE_UP, START, COMPLETE, VERIFIED, REFUSED, ABORTED, REPORTED, APPLY, ...
    b" 1 . . . 3 4 . . . . . . . . ."  # IDLE
    b" . 2 0 . 3 . 6 . . . 9 7 8 . ."  # QUERYING
    b" . . 0 . 3 . 6 . . . . 7 . . ."  # OFFERED
    b" 1 . . 0 . 4 . 5 0 . . . . . ."  # DOWNLOADING
    b" . . . . . . 6 5 . . . . . . 5"  # VERIFYING
    b" . . . . . . . . . 0 . . . . ."  # REPORTING
    b" 1 . . . . . . . . . 9 7 8 . ."  # ENDING
    b" 1 . . . . . . . . . 9 7 8 6 ."  # WAITING
    b" . . . . . . . . . . 9 7 8 9 ."  # COUNTDOWN
    b" . . . . . . . . . . 9 7 8 . ."  # ACTIVATING
)
STATES = 10
EVENTS = 15
_ROW = 30  # bytes
_COLUMN = 2

# ImageUpgradeStatus (attribute 0x0006) as a view of the state (ZCL r8, 11.10.7); while a query is on its
# way the client shows what it would go back to.
UPGRADE_STATUS = b"\x00\x00\x00\x01\x01\x00\x02\x03\x04\x04"


def follows(state, event):
    """The state that follows; negative if the table has no entry."""
    return TRANSITIONS[state * _ROW + event * _COLUMN + 1] - 0x30


def allows(state, event):
    """True if the table has an entry."""
    return follows(state, event) >= 0
