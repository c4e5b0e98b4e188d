"""What the parts of the upgrade client share: its state, its one request, its next deadline.

``state`` changes only in move(), by the table in states.py. There is one deadline: of the outstanding
request, or of whatever the state waits for. A Notify at a bad moment leaves a wish to query, ``wish``;
every part that ends a wait looks at it.
"""

from firmware_agent.protocol import ota_commands as ota
from firmware_agent.protocol import states

# Actions for the agent, as bits; UpgradeClient.poll_action() hands them out one by one.
NOTIFIED = 1  # a Notify that leads to a query arrived; ``unicast`` says how
QUERIED = 2  # a Query Next Image Request goes out
OFFERED = 4  # ``offer`` is set: call start_download(), download.go_on(), end.tell() or decline()
WRITE = 8  # download.data[data_at:], data_length bytes, are next; call written(), complete() or refused()
REFUSED = 16  # a failure was reported, or nobody wanted to hear it: ``state`` is IDLE again
HELD = 32  # the server said to wait
COUNTING = 64  # ``end.countdown`` seconds until activation

CHANGED = 128  # the server has other bytes than were proven: call download.written(0, ...) or abandon()
FETCHED = 256  # what client.fetch() was for has come, or will not: ``file.contents``

# Requests: what is asked.
NONE = 0
QUERY = 1
BLOCK = 2
END = 3
PAGE = 4
SPECIFIC = 5

# What there is to go back to when a query brings nothing.
NOTHING = 0
DOWNLOAD = 1
CANDIDATE = 2
PART = 3  # a file of several; the next one is wanted
FILE = 4  # nothing, and a device-specific file is being asked for or fetched

FOREVER = -1


class Session:
    """identity: the device's own; settings: a Settings; random: callable(n) -> 0..n-1.

    base: NOTHING, DOWNLOAD, CANDIDATE, PART or FILE. file: the SpecificFile, once there was one. waiting: the
    kind of request to send next, outstanding: that on the air, tries: how often it was sent in vain. image,
    offset: what is asked for, as on the air; data_size: bytes wanted at most; status: what an Upgrade End
    Request says. due: ms until there is something to do, FOREVER for never. actions: those not handed out
    yet. ignored: commands that meant nothing here.
    """

    def __init__(self, identity, settings, random):
        self.identity = identity
        self.settings = settings
        self.random = random
        self.state = states.IDLE
        self.base = NOTHING
        self.file = None
        self.waiting = NONE
        self.outstanding = NONE
        self.tries = 0
        self.image = bytearray(ota.IDENTITY_SIZE)
        self.offset = bytearray(4)
        self.data_size = 0
        self.status = 0
        self.due = FOREVER
        self.actions = 0
        self.ignored = 0
        self.wish = False

    def move(self, event):
        """The only way to another state. KeyError if the table has no entry: the caller's mistake."""
        follows = states.follows(self.state, event)
        if follows < 0:
            raise KeyError(event)
        self.state = follows

    def ask(self, kind):
        """Send a request of this kind, a first try."""
        self.tries = 0
        self.repeat(kind)

    def repeat(self, kind):
        """Send it, as a further try if it was sent before."""
        self.rest(FOREVER)
        self.waiting = kind

    def rest(self, milliseconds):
        """Ask nothing, expect nothing; ``due`` in so many milliseconds."""
        self.waiting = NONE
        self.outstanding = NONE
        self.due = milliseconds

    def query(self):
        """Ask what there is, or keep the wish: a request is outstanding, or the state does not allow it."""
        if self.outstanding != NONE or not states.allows(self.state, states.QUERY):
            self.wish = True
            return
        if self.base == FILE:
            self.file.over()
        self.move(states.QUERY)
        self.ask(QUERY)

    def grant(self):
        """Query if there is a wish."""
        if self.wish:
            self.query()
