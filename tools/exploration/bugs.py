"""Seeded bugs: what a reviewer of the client could miss, a line or two each. The walk must find each."""

import sys

from tools import seeded_bugs
from tools.seeded_bugs import CAUGHT, Bug, Patched

_CLIENT = "firmware_agent/protocol/upgrade_client.py"
_SESSION = "firmware_agent/protocol/session.py"
_DOWNLOAD = "firmware_agent/protocol/download.py"
_END = "firmware_agent/protocol/upgrade_end.py"
_ENDPOINT = "firmware_agent/protocol/endpoint.py"
_FILE = "firmware_agent/protocol/specific_file.py"
_SEARCH = "firmware_agent/protocol/server_search.py"
_QUERY = "firmware_agent/protocol/image_query.py"
_OTHER = "firmware_agent/protocol/other_frames.py"
_STATES = "firmware_agent/protocol/states.py"

OUTSIDE = "activated from outside"
SPECIFIC = "a file for this device"
SILENT = "a server that is silent"
_WALKS: dict[str, tuple[dict[str, object], int]] = {
    OUTSIDE: ({"upgrade_activation_policy": 1}, 1),
    SPECIFIC: ({"specific_file_size": 80}, 0),
}

# fmt: off
_LOST = (
    # name, path, line, instead, configuration
    ("a query while a request is out", _SESSION, "self.outstanding != NONE or not states.allows", "not states.allows"),
    ("a wish is forgotten by a block", _DOWNLOAD, "            session.repeat(BLOCK)\n        session.grant()", "            session.repeat(BLOCK)"),
    ("no deadline after giving up", _CLIENT, "self.rest(self.download.next_back_off())", "self.rest(FOREVER)"),
    ("an offset that was not asked for", _DOWNLOAD, "if buf[at + ota.BLOCK_OFFSET_AT + i] != offset[i]:", "if False:"),
    ("another image's block", _DOWNLOAD, "if buf[at + ota.BLOCK_IDENTITY_AT + i] != image[i]:", "if False:"),
    ("no bytes are bytes", _DOWNLOAD, "if size == 0 or end - at", "if end - at"),
    ("more bytes than asked for", _DOWNLOAD, "if size > self._asked:", "if False:"),
    ("a block that is cut", _DOWNLOAD, "if size == 0 or end - at < ota.BLOCK_DATA_AT + size:", "if size == 0:"),
    ("a block whenever it comes", _DOWNLOAD, "if kind != BLOCK and kind != PAGE:", "if False:"),
    ("the server's pace does not count", _DOWNLOAD, "wait = max(self.minimum_block_period - self.since_block, self.quiet)", "wait = self.quiet"),
    ("a wait does not count", _DOWNLOAD, "wait = max(self.minimum_block_period - self.since_block, self.quiet)", "wait = self.minimum_block_period - self.since_block"),
    ("a wait is cut short by the link", _CLIENT, "            self.download.rejoined()\n        elif kind != NONE:", "            self.repeat(BLOCK)\n        elif kind != NONE:"),
    ("ABORT loses the place", _CLIENT, "            self._stop(states.ABORTED)\n            return zcl.SUCCESS", "            self.download.offset = 0\n            self._stop(states.ABORTED)\n            return zcl.SUCCESS"),
    ("a time-out starts again at 0", _DOWNLOAD, "        self.ask_again()\n        return True\n\n    def rejoined", "        self.ask_at(0, 20)\n        return True\n\n    def rejoined"),
    ("applied without a verified image", _END, "return session.base == CANDIDATE and states.allows", "return states.allows"),
    ("an end for another image", _END, "        if not self._names(buf, at, session.image):\n            session.ignored += 1\n            return zcl.SUCCESS\n", ""),
    ("a time that has passed means now", _END, "if upgrade == ota.UNKNOWN_TIME or upgrade < current:\n            self._hold()\n        elif upgrade == current:", "if upgrade == ota.UNKNOWN_TIME:\n            self._hold()\n        elif upgrade <= current:"),
    ("a refusal is followed by activation", _CLIENT, "            self._reported()\n            return zcl.SUCCESS\n        return zcl", "            self.state = states.ACTIVATING\n            return zcl.SUCCESS\n        return zcl"),
    ("a broadcast may answer", _CLIENT, "        if broadcast:\n            # Only", "        if False:\n            # Only"),
    ("anybody may answer", _OTHER, "if command != ota.IMAGE_NOTIFY and not _from_server(device, buf):", "if False:"),
    ("anybody's block", _ENDPOINT, "            and aps.u16(buf, aps.SOURCE_AT) == self.server_address\n", ""),
    ("a block by broadcast", _ENDPOINT, "            and buf[aps.KIND_AT] == aps.UNICAST\n", ""),
    ("anybody may refuse", _OTHER, "unicast and _from_server(device, buf):", "unicast:"),
    ("a refusal by broadcast", _OTHER, "unicast and _from_server(device, buf):", "_from_server(device, buf):"),
    ("a refusal is answered", _OTHER, "and not broadcast and not refusal:", "and not broadcast:"),
    ("an offer without a query", _QUERY, "if client.state != states.QUERYING or specific", "if specific"),
    ("a cut offer is read", _QUERY, "if length < 1 or (buf[at] == zcl.SUCCESS and length < ota.OFFER_LENGTH):", "if length < 1:"),
    ("the number stands still", _CLIENT, "self.tsn = (self.tsn + 1) & 0xFF", "pass"),
    ("a kept download shows no offset", "firmware_agent/protocol/attributes.py", "downloading = status == _DOWNLOADING and", "downloading = False and"),
    ("held is not shown", _CLIENT, "(between and self.base == CANDIDATE and self.end.held):", "False:"),
    ("the server activates where only an event outside may", _END, "        if session.settings.upgrade_activation_policy:\n", "        if False:\n", OUTSIDE),
    ("the word of another file is not told", _CLIENT, "        self.status = zcl.REQUIRE_MORE_IMAGE\n", ""),
    ("pace outlives its download", _DOWNLOAD, "        self.minimum_block_period = self._session.settings.minimum_block_period\n        self.quiet = 0\n        self._backed_off = 0\n\n    def next", "        self.quiet = 0\n        self._backed_off = 0\n\n    def next"),
    ("a state without a way out", _STATES, '0 . . . . ."  # REPORTING', '5 . . . . ."  # REPORTING'),
    ("an entry is missing", _STATES, '8 . ."  # ACTIVATING', '. . ."  # ACTIVATING'),
    ("an entry that nothing takes", _STATES, '. 5"  # VERIFYING', '0 5"  # VERIFYING'),
    ("a Notify does not end a file's fetch", _SESSION, "        if self.base == FILE:\n            self.file.over()\n", "", SPECIFIC),
    ("an offer of firmware for a file", _QUERY, " or specific != (client.base == FILE)", "", SPECIFIC),
    ("a file for the slot", _CLIENT, "if self.base == FILE and self.actions & WRITE:", "if False:", SPECIFIC),
    ("a file of any size", _FILE, "if self.file_size > client.settings.specific_file_size:", "if False:", SPECIFIC),
    ("a file without a header", _FILE, "good = self._check()", "good = True", SPECIFIC),
    ("a file's end is told as a failure of firmware", _CLIENT, "if self.base != PART and self.base != FILE:", "if self.base != PART:", SPECIFIC),
    ("no query for firmware after a file", _CLIENT, "self.rest(self.file.next_query)", "self.rest(FOREVER)", SPECIFIC),
    ("a search that nobody began", _OTHER, "        if device.search is not None:\n            device.search.handle(", "        if True:\n            device.server_address = u16(buf, aps.SOURCE_AT)\n        if False:\n            device.search.handle("),
    ("an answer to an earlier search", _SEARCH, "if found and buf[at] == self._tsn:", "if found:", SILENT),
    ("anybody is the server", _SEARCH, "if self._is_server(eui64) or endpoint.client.settings.other_servers:", "if True:", SILENT),
    ("a search without a pause", _SEARCH, "self._next = client.unanswered + client.settings.server_errors", "self._next = client.unanswered", SILENT),
    ("a candidate may say it twice", _SEARCH, "                candidate[0] = -1\n", "", SILENT),
    ("a question for who has told already", _SEARCH, "                candidate[0] = -1\n                candidate[2] = True\n", "                candidate[0] = -1\n", SILENT),
    ("another server, though ours is back", _SEARCH, "if client.unanswered < client.settings.server_errors:", "if False:", SILENT),
    ("the silent server is found anew", _SEARCH, "if address == endpoint.server_address and server_endpoint == endpoint.server_endpoint:", "if False:", SILENT),
    ("the mark of a server that moved stays", _SEARCH, "        endpoint.asked_address = endpoint.eui64_of = -1\n", "        endpoint.asked_address = -1\n", SILENT),
    ("whoever is at its address is the server", _ENDPOINT, "        if client.outstanding == QUERY and client.tries == 0:\n            self.asked_address = -1\n", "", SILENT),
    ("the silent server is the one it was", _ENDPOINT, "            self.search = None\n            self.asked_address = -1\n", "            self.search = None\n", SILENT),
    ("a server that was found is asked some day", _CLIENT, "            self.due = min(self.due, soon)\n", "            pass\n", SILENT),
    ("the short way forgets the wish", _DOWNLOAD, " <= self.size - offset and not session.wish:", " <= self.size - offset:"),
    ("the short way asks past the end", _DOWNLOAD, "limit >= self._most <= self.size - offset and", "limit >= self._most and"),
    ("a Notify is forgotten while busy", _SESSION, "            self.wish = True\n            return", "            return"),
)
# fmt: on
BUGS = [Bug(*entry) for entry in _LOST]


def hunt(bug: Bug) -> tuple[Bug, str | None]:
    """The bug, and what the walk found broken; None if it noticed nothing."""
    return seeded_bugs.hunt("tools.exploration.bugs", bug)


def main() -> None:
    """``python -m tools.exploration.bugs NAME``: exit code 3 and the failure if it is caught, 0 if not."""
    (bug,) = [bug for bug in BUGS if bug.name == sys.argv[1]]
    sys.meta_path.insert(0, Patched(bug))
    for name in [name for name in sys.modules if name.startswith("firmware_agent.protocol")]:
        del sys.modules[name]
    from tools.exploration.explorer import CONFIGURATIONS, Explorer

    own = _WALKS.get(bug.stories) or CONFIGURATIONS.get(bug.stories)
    settings, images = own or ({}, 1)
    tally = Explorer(settings, images, most_failures=1).explore()
    for what, way in tally.failures:
        print(f"{what}: {'; '.join(way)}")
        raise SystemExit(CAUGHT)
    # A walk of its own need not take every entry.
    if not own and tally.untaken():
        print(f"untaken: {sorted(tally.untaken())}")
        raise SystemExit(CAUGHT)


if __name__ == "__main__":
    main()
