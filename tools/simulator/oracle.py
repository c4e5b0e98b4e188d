"""What must be true of a simulated device, judged from outside: from the flash's bytes and the hub.

It knows the approved images byte for byte and asks no code of the device what a slot holds.
"""

from dataclasses import dataclass, field

from tools.simulator import stories, world
from tools.simulator.flash import Geometry
from tools.simulator.hub import EDITION, SimHub

_BEFORE_ACCEPTANCE = 512  # bytes that a cut before acceptance may cost
MOST_BOOTS = 40


NO_FIRMWARE = 0


# What must hold. Each stands for itself: tests/simulation/test_oracle.py has a bug that only it notices.
FALLBACK = "the confirmed firmware is whole in a slot, whatever a cut leaves"
APPROVED = "what runs is an approved image, byte for byte"
AS_SAID = "what runs is the version that it says it is"
SURE = "nothing runs from cells that may read otherwise"
FOR_GOOD = "what runs for good was confirmed"
COUNTER = "the security counter never falls, and rises with a confirmation only"
TRUST = "the trust anchors change with a confirmation, and only then"
BOUNDED = "boots are bounded"
BOOTS = "something boots"
NOT_AGAIN = "without a cut no byte is fetched twice"
PROOFS = "a proof is asked for once, and after a query"
FEW_AGAIN = "a cut fetches few bytes again"
GOES_ON = "after a cut a download goes on with its next block"
ENDS = "the story ends in the version that it must end in"
REASON = "a refusal leaves its reason"
SETTLES = "it comes to rest"
RAISES_NOTHING = "no exception leaves the device"
RULES = frozenset(
    (
        *(FALLBACK, APPROVED, AS_SAID, SURE, FOR_GOOD, COUNTER, TRUST, BOUNDED, BOOTS),
        *(NOT_AGAIN, PROOFS, FEW_AGAIN, GOES_ON, ENDS, REASON, SETTLES, RAISES_NOTHING),
    )
)


class Violation(Exception):
    """Something that must never be was: ``rule`` was broken."""

    def __init__(self, text: str, rule: str = ""):
        super().__init__(text)
        self.rule = rule


@dataclass
class Past:
    """What is known of a device's lives so far; copied at every cut."""

    boots: int = 0
    counter: int = stories.FACTORY
    confirmed: int = stories.FACTORY
    trying: int = NO_FIRMWARE  # on trial in the life before
    fetched: dict[int, int] = field(default_factory=dict)  # version: end of what the last life was served
    accepted: frozenset[int] = frozenset()
    twice: int = 0  # the most bytes that one cut fetched twice
    loading: bool = False  # the last request of the life before was for a block, and it was served

    def copy(self) -> "Past":
        return Past(
            self.boots,
            self.counter,
            self.confirmed,
            self.trying,
            dict(self.fetched),
            self.accepted,
            self.twice,
            self.loading,
        )


class Oracle:
    """For one geometry; ``images``: the approved Manufacturer Images by version. A sequence number is the
    version here, so the security counter is the version that was confirmed last.

    refused: an image on offer is bad, so a download may end in the middle. rotates: the images change the
    trust anchors. rules: those that are judged by.
    """

    def __init__(
        self,
        geometry: Geometry,
        images: dict[int, bytes],
        refused: bool = False,
        rotates: bool = False,
        rules: frozenset[str] = RULES,
    ):
        self.rules = rules
        self._geometry = geometry
        self._images = images
        self._refused = refused
        self._rotates = rotates

    def broken(self, rule: str, text: str) -> None:
        """Raise Violation, if it is judged by the rule."""
        if rule in self.rules:
            raise Violation(text, rule)

    def intact(self, memory: bytes | bytearray, slot: int) -> int | None:
        """The version of the approved image that the slot holds, whole; None if it holds none."""
        region = self._geometry.slot(slot)
        for version, data in self._images.items():
            if memory[region.start : region.start + len(data)] == data:
                return version
        return None

    def at_cut(self, memory: bytes | bytearray, past: Past) -> None:
        """Whatever a cut leaves, the confirmed firmware is there, whole, if there ever was any."""
        if past.confirmed == NO_FIRMWARE:
            return
        held = (self.intact(memory, 0), self.intact(memory, 1))
        if past.confirmed not in held:
            self.broken(FALLBACK, f"the cut left no whole 0x{past.confirmed:08x}: slots hold {_shown(held)}")

    def runs(self, memory: bytes | bytearray, slot: int, version: int) -> None:
        """The bytes that run are one approved image, the one that the device says it is."""
        held = self.intact(memory, slot)
        if held is None:
            self.broken(APPROVED, f"slot {slot} runs bytes that nobody approved, as 0x{version:08x}")
        elif held != version:
            self.broken(AS_SAID, f"slot {slot} runs 0x{held:08x} as 0x{version:08x}")

    def at_boot(self, memory: bytes | bytearray, slot: int, version: int, trial: bool, past: Past) -> None:
        """What runs() says; and what is not on trial was confirmed, or was on trial in the life before, which
        was cut before it could say so."""
        self.runs(memory, slot, version)
        if trial:
            past.trying = version
        elif version != past.confirmed:
            if version != past.trying:
                self.broken(
                    FOR_GOOD, f"0x{version:08x} runs for good, but 0x{past.confirmed:08x} is confirmed"
                )
            past.confirmed = version

    def at_cut_of_life(self, life_events: list[tuple[str, dict]], past: Past) -> None:
        """Take over what a life did before it was cut."""
        for event, fields in life_events:
            self._note(event, fields, past)

    def _note(self, event: str, fields: dict, past: Past) -> None:
        if event == "accepted":
            past.accepted |= {int(fields["file_version"], 16)}
        elif event == "confirmed":
            past.confirmed = int(fields["file_version"], 16)

    def at_end_of_life(self, life: world.Life, past: Past) -> None:
        """The counter only rises, and only with a confirmation; the trust anchors change with it, and never
        otherwise; boots are bounded."""
        before = past.confirmed
        self._check_trust(life.trusted_before, before)
        for event, fields in life.events:
            self._note(event, fields, past)
        expected = past.confirmed or past.counter
        if life.counter != expected:
            went = "rose" if life.counter > expected else "did not rise"
            if life.counter < past.counter:
                went = f"fell from {past.counter:#x}"
            self.broken(
                COUNTER,
                f"the security counter {went}: {life.counter:#x} with 0x{past.confirmed:08x} confirmed",
            )
        self._check_trust(life.trusted, past.confirmed)
        past.counter = life.counter
        past.boots += 1
        if past.boots > MOST_BOOTS:
            self.broken(BOUNDED, f"no end after {MOST_BOOTS} boots")
        if life.end == world.DEAD:
            self.broken(BOOTS, "nothing boots")

    def _check_trust(self, trusted: list[bytes], confirmed: int) -> None:
        expected = stories.trusted_with(max(confirmed, stories.FACTORY), self._rotates)
        if trusted != expected:
            shown = ", ".join(key_id.hex() for key_id in trusted) or "nobody"
            self.broken(TRUST, f"it trusts {shown} with 0x{confirmed:08x} confirmed")

    def fetched(self, hub: SimHub, past: Past, cut_before: bool) -> None:
        """What the life asked the hub for, against what earlier lives already had."""
        again: dict[int, int] = {}
        now: dict[int, int] = {}
        bytes_of: dict[int, int] = {}
        proofs = 0
        for version, offset, length in hub.served:
            if offset == stories.PROOF[0] and length <= stories.PROOF[1]:
                proofs += 1
                continue
            high = past.fetched.get(version, 0)
            again[version] = again.get(version, 0) + max(0, min(high, offset + length) - offset)
            # A head that turns out to be another image's than was accepted is fetched again, with its header;
            # and so is the one block that may come between two proofs.
            begun_again = version >= EDITION and bytes_of.get(version, 0) <= _BEFORE_ACCEPTANCE + 50
            if offset < now.get(version, 0) and not begun_again:
                self.broken(NOT_AGAIN, f"0x{version:08x}: byte {offset} fetched twice without a cut between")
            now[version] = offset + length
            bytes_of[version] = bytes_of.get(version, 0) + length
        if proofs > 1 + hub.kinds.count("query"):
            self.broken(PROOFS, f"{proofs} proofs of one image in a life")
        for version, twice in again.items():
            allowed = self._geometry.erase_size if version in past.accepted else _BEFORE_ACCEPTANCE
            if version >= EDITION:  # nobody tells whether it was accepted
                allowed = max(allowed, self._geometry.erase_size)
            if not cut_before:
                allowed = 0
            if self._geometry.slot_units == 1:
                allowed = max(allowed, self._geometry.erase_size)
            if twice > allowed:
                self.broken(FEW_AGAIN, f"{twice} bytes of 0x{version:08x} fetched twice, {allowed} allowed")
            past.twice = max(past.twice, twice)
        if cut_before and past.loading and not self._refused and hub.kinds[:1] == ["query"]:
            # Hubs do not answer a second query in a session: blocks are what they still serve.
            self.broken(
                GOES_ON, "after a cut in a download the device asked what there is, not for the next block"
            )
        if hub.kinds:
            past.loading = hub.kinds[-1] == "block" and len(hub.image) not in now.values()
        past.fetched.update(now)
        hub.served = []
        hub.kinds = []

    def at_end(self, life: world.Life, past: Past, story: stories.Story) -> None:
        """All is quiet: the story ended as it must."""
        if life.version != story.ends_in:
            self.broken(ENDS, f"it ended in 0x{life.version:08x}, not 0x{story.ends_in:08x}")
        if past.confirmed != life.version or life.trial:
            self.broken(
                FOR_GOOD, f"0x{life.version:08x} runs for good, but 0x{past.confirmed:08x} is confirmed"
            )
        reasons = story.reasons
        if reasons and life.state.rejected_reason not in reasons:  # type: ignore[attr-defined]
            self.broken(
                REASON,
                f"reason {life.state.rejected_reason} on record, not one of {sorted(reasons)}",  # type: ignore[attr-defined]
            )


def _shown(versions: tuple) -> str:
    return ", ".join("nothing whole" if version is None else f"0x{version:08x}" for version in versions)
