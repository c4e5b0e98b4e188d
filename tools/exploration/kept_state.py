"""What a device holds, put down and taken up again, and what of it can make a difference.

It is found by looking: every attribute of every object of the protocol's. A new one counts as it is, unless
``_ABSTRACT`` says what of it can make a difference.
"""

from collections.abc import Callable
from operator import itemgetter

from firmware_agent.protocol import session as ss
from firmware_agent.protocol.endpoint import Endpoint
from firmware_agent.protocol.settings import Settings
from tools.exploration.search import KeptSearch
from tools.exploration.watch import Watch

# Scratch, or counters that nothing depends on.
_IGNORED = {
    "reply",
    "reply_length",
    "ignored",
    "dropped",
    "notified",
    "tsn",
    "zdo_tsn",
    "heard",
    "offer",
    "data_at",
}
_IGNORED |= {
    "data_length",
    "server_address",
    "settings",
    "identity",
    "unicast",
    "_backed_off",
    "Download.data",
    "PagedDownload.data",
}

# KeptSearch's, where there is one.
_SEARCH = {"search", "unanswered", "server_eui64", "eui64_of", "asked_address"}


def _left(value: int) -> bool:
    return value > 0


def _sign(value: int) -> int:
    return (value > 0) - (value < 0)


# Times: only whether there is one left matters to what may happen next.
_TIMES = (
    "_quiet",
    "_left",
    "countdown",
    "quiet",
    "open_left",
    "minimum_block_period",
    "period",
    "next_query",
)
_ABSTRACT: dict[str, Callable[[int], object]] = {name: _left for name in _TIMES}
_ABSTRACT["due"] = _sign
_ABSTRACT |= {name: lambda value: value >= 0xFFFE for name in ("since_block",)}
# It counts on beyond the last try.
_ABSTRACT["_unanswered"] = lambda value: min(value, 3)

# The short way's. Either way comes to the same, so they make no state of their own; but they are put down and
# taken up with the state that they belong to.
_SHORT_WAY = ("_request", "_answer", "_answer_length")

# In the quick walk, what is left over from before and is always set anew before it is looked at.
_FETCH_ONLY = ("offset", "size", "data_size", "_limit", "minimum_block_period", "since_block")
_LEFT_OVER: dict[str, Callable] = {
    name: lambda client: client.base != ss.DOWNLOAD for name in (*_FETCH_ONLY, "period", "quiet")
}
_LEFT_OVER["most"] = lambda client: client.outstanding not in (ss.BLOCK, ss.PAGE)
_LEFT_OVER["page_end"] = lambda client: client.outstanding != ss.PAGE
_LEFT_OVER["tries"] = lambda client: client.waiting == client.outstanding == ss.NONE
_LEFT_OVER["status"] = lambda client: client.outstanding != ss.END and client.waiting != ss.END
_LEFT_OVER |= {name: lambda client: client.base == ss.NOTHING for name in ("image", "store_image")}
_LEFT_OVER["_capped"] = lambda client: client.download._caps == 0
for _name in ("image", "manufacturer_code", "image_type", "file_version", "file_size", "next_query"):
    _LEFT_OVER[f"SpecificFile.{_name}"] = lambda client: client.base != ss.FILE
_END_ONLY = ("held", "countdown", "_left", "_unanswered", "UpgradeEnd._quiet")
_LEFT_OVER |= {name: lambda client: client.base != ss.CANDIDATE for name in _END_ONLY}
_PLAIN = (int, bytes, bytearray, tuple, type(None))


def _left_over(one: object, name: str) -> Callable | None:
    return _LEFT_OVER.get(f"{type(one).__name__}.{name}") or _LEFT_OVER.get(name)


def _told(names: list[str]) -> list[str]:
    """What makes no other state, and yet decides what the next frame means."""
    return [name for name in names if name == "server_address"]


class KeptState:
    """Of ``endpoint``, of all that hangs on it, and of the watch. exact: what is left over counts, too.
    search: what of the search for a server belongs to it; None if there is none."""

    def __init__(
        self, endpoint: Endpoint, watch: Watch, exact: bool, search: KeptSearch | None = None
    ) -> None:
        self._client = endpoint.client
        self._search = search
        self._objects = self._find(endpoint, watch, exact)
        self._glances = [
            (have, itemgetter(*(name for name, _, _ in keyed if name not in buffers), *_told(names)))
            for have, names, buffers, keyed in self._objects
            if keyed
        ]
        self._buffers = [
            (have, name)
            for have, _, buffers, keyed in self._objects
            for name, _, _ in keyed
            if name in buffers
        ]
        self._short_way = vars(endpoint)

    def _find(
        self, endpoint: Endpoint, watch: Watch, exact: bool
    ) -> list[tuple[dict, list[str], list[str], list]]:
        """(attributes, names of plain ones, names of buffers, what is in the key) of every object."""
        found: list = [endpoint]
        ignored = _IGNORED | (_SEARCH if self._search else {"unanswered"})
        for one in found:
            for value in vars(one).values():
                ours = type(value).__module__.startswith("firmware_agent.protocol")
                if ours and not isinstance(value, Settings) and not any(value is other for other in found):
                    found.append(value)
        parts = []
        for one in [*found, watch]:
            have = vars(one)
            plain = [name for name, value in have.items() if isinstance(value, _PLAIN)]
            buffers = [name for name in plain if isinstance(have[name], bytearray) and name != "reply"]
            names = [name for name in plain if name not in buffers and name != "reply"]
            if type(one).__name__ == "ImageOffer":
                keyed = []
            else:
                keyed = [
                    (name, _ABSTRACT.get(name), None if exact else _left_over(one, name))
                    for name in plain
                    if name not in ignored
                    and name not in _SHORT_WAY
                    and f"{type(one).__name__}.{name}" not in _IGNORED
                ]
            parts.append((have, names, buffers, keyed))
        return parts

    def put_down(self) -> tuple:
        """Everything that can change."""
        parts = [
            ([have[name] for name in names], [bytes(have[name]) for name in buffers])
            for have, names, buffers, _ in self._objects
        ]
        return parts, self._search and self._search.put_down()

    def take_up(self, kept: tuple) -> None:
        """Go back to what put_down() gave."""
        parts, search = kept
        for (have, names, buffers, _), (values, contents) in zip(self._objects, parts, strict=True):
            have.update(zip(names, values, strict=True))
            for name, content in zip(buffers, contents, strict=True):
                have[name][:] = content
        if self._search:
            self._search.take_up(search)

    def look(self) -> list:
        """Everything: with an equal look nothing at all has changed. What the short way goes by is in it."""
        request, answer, length = (self._short_way[name] for name in _SHORT_WAY)
        seen = [*self.glance(), bytes(request), bytes(answer), length]
        return seen + self._search.glance() if self._search else seen

    def glance(self) -> list:
        """What key() is made of, as it is, but for the search: what must mean nothing leaves it alone."""
        values = [values(have) for have, values in self._glances]
        return values + [bytes(have[name]) for have, name in self._buffers]

    def key(self) -> tuple:
        """What of the state can make a difference to what may happen next."""
        client = self._client
        found: list[object] = []
        for have, _, buffers, keyed in self._objects:
            for name, abstract, left_over in keyed:
                value = have[name]
                if left_over and left_over(client):
                    value = None
                elif abstract:
                    value = abstract(value)
                elif name in buffers:
                    value = bytes(value)
                found.append(value)
        return tuple(found) + (self._search.key() if self._search else ())
