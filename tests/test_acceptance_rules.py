"""No rule of acceptance without its four: a stable reason, a ZCL status, an event, and a seeded bug.

Each rule is broken by an upgrade file or by the device it comes to, and a whole device, the real agent over a
simulated hub and flash, must say so to the hub and in its events, before anything of the slot is erased.
"""

import dataclasses
import hashlib
import inspect
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from firmware_agent import INTERFACE, boot, reject
from firmware_agent.trust import acceptance
from firmware_agent.trust import manifest as inner
from firmware_agent.trust.anchors import ANCHORS, FIRMWARE, TEST, Anchor, Anchors
from tests.bugs_in_acceptance import RULES as SEEDED
from tests.make_envelope_vectors import OTHER_KEY, with_parameter, with_parameter_twice
from tools import envelope, upgrade_file
from tools.simulator import explorer, stories, world
from tools.simulator.flash import Geometry, ObservedFlash
from tools.simulator.hub import SimHub

KEY = stories.KEY
GEOMETRY = Geometry(1024, 16, 4, 2)
PAYLOAD = bytes(range(200))
GOOD = envelope.Identity(stories.MANUFACTURER_CODE, stories.IMAGE_TYPE, stories.NEW)
INVALID_IMAGE = 0x96


def manifest(identity=GOOD, sequence=stories.NEW, **conditions):
    return envelope.build_manifest(identity, sequence, PAYLOAD, envelope.Conditions(**conditions))


def file(signed=None, payload=PAYLOAD, key=KEY, header=GOOD, change=None):
    """An upgrade file around a signed manifest; ``change`` edits the Manufacturer Image's bytes."""
    image = bytearray(envelope.wrap(signed or manifest(), payload, key))
    if change is not None:
        change(image)
    return upgrade_file.build(bytes(image), header, b"", True)


def with_value(parameter, value):
    return file(with_parameter(parameter, value, GOOD))


def flip(at):
    def change(image):
        image[at] ^= 1

    return change


def trust(usage, key=KEY):
    return lambda device: setattr(device, "anchors", Anchors([Anchor(key.public_key, usage)]).pack())


def now(**values):
    """What is different about the device once it has booted."""

    def change(device):
        for name, value in values.items():
            setattr(device, name, value)

    return change


@dataclass
class Case:
    """What breaks the rule, and no rule before it; and the reason that follows."""

    reason: int
    data: bytes = field(default_factory=file)
    device: Callable = now()


SIGNATURE_AT = 67
SLOT = GEOMETRY.slot_units * GEOMETRY.erase_size
BIG = random.Random(1).randbytes(SLOT)
CASES = {
    "envelope": Case(reject.MALFORMED_ENVELOPE, file(change=flip(0))),
    "trust anchor": Case(reject.NO_TRUST_ANCHOR, device=now(anchors=Anchors([]).pack())),
    "known key": Case(reject.UNKNOWN_KEY, file(key=OTHER_KEY)),
    "test key": Case(reject.TEST_KEY, device=trust(FIRMWARE | TEST)),
    "key usage": Case(reject.WRONG_KEY_USAGE, device=trust(ANCHORS)),
    "digest": Case(reject.BAD_SIGNATURE, file(change=flip(13))),
    "signature": Case(reject.BAD_SIGNATURE, file(change=flip(SIGNATURE_AT))),
    "manifest": Case(reject.UNSUPPORTED_MANIFEST, file(with_parameter_twice())),
    "vendor id": Case(reject.WRONG_VENDOR, with_value(inner.VENDOR_ID, bytes(16))),
    "class id": Case(reject.WRONG_CLASS, with_value(inner.CLASS_ID, bytes(16))),
    "manufacturer code": Case(reject.WRONG_MANUFACTURER, with_value(inner.MANUFACTURER_CODE, 0x4321)),
    "image type": Case(reject.WRONG_IMAGE_TYPE, with_value(inner.IMAGE_TYPE, 0x000D)),
    "device": Case(reject.WRONG_DEVICE, file(manifest(dataclasses.replace(GOOD, destination=bytes(8))))),
    "hardware": Case(reject.WRONG_HARDWARE, file(manifest(dataclasses.replace(GOOD, hardware=(2, 5))))),
    "interface": Case(reject.WRONG_INTERFACE, file(manifest(interface=INTERFACE + 1))),
    "sequence number": Case(reject.ROLLBACK, file(manifest(sequence=stories.FACTORY - 1))),
    "trust anchors": Case(
        reject.WRONG_KEY_USAGE,
        file(manifest(new_anchor=Anchor(OTHER_KEY.public_key, FIRMWARE))),
        trust(FIRMWARE),
    ),
    "header": Case(
        reject.HEADER_MISMATCH, file(header=dataclasses.replace(GOOD, file_version=stories.NEWER))
    ),
    "file version": Case(
        reject.DOWNGRADE, file(manifest(sequence=stories.FACTORY)), now(file_version=stories.NEWER)
    ),
    "upgrade pathway": Case(reject.UPGRADE_PATHWAY, file(manifest(upgrade_from=stories.FACTORY + 1))),
    "size": Case(reject.SIZE_MISMATCH, file(payload=PAYLOAD[:-1])),
    "slot": Case(
        reject.TOO_LARGE,
        file(
            envelope.build_manifest(GOOD, stories.NEW, BIG[: SLOT - 280]),
            BIG[: SLOT - 280],
        ),
    ),
    "expiry": Case(reject.EXPIRED, file(manifest(expiry=1000)), now(time=1000)),
}


class Hub(SimHub):
    """Remembers the Upgrade Ends: their status."""

    def __init__(self):
        super().__init__()
        self.ends = []

    def handle(self, frame):
        if frame[8:10] == b"\x19\x00" and frame[12] & 3 == 1 and frame[14] == 6:
            self.ends.append(frame[15])
        return super().handle(frame)


def lived(data, change=lambda device: None):
    """A life of a device from the factory that is offered ``data``: (its hub, its life, its flash)."""
    memory = explorer.factory_flash(GEOMETRY, 300)
    rules = explorer.device_rules(GEOMETRY)
    rules.eui64 = world.Identity.eui64
    hub = Hub()
    hub.offer(data)
    flash = ObservedFlash(memory, GEOMETRY)
    with explorer.remembered_signatures():
        life = world.live(
            *(flash, GEOMETRY, rules, hub, boot.POWER_ON, {}),
            lambda *booted: change(rules),
            random.Random(7),
        )
    return hub, life, memory


def test_what_breaks_no_rule_is_taken():
    hub, life, _ = lived(file())
    assert life.end == boot.RESET and hub.ends == [0]
    assert life.happened("accepted") and life.happened("pending") and not life.happened("rejected")


@pytest.mark.parametrize("rule", CASES)
def test_a_broken_rule_is_told_to_the_hub_and_in_an_event_and_costs_no_erase(rule):
    case = CASES[rule]
    hub, life, memory = lived(case.data, case.device)
    told = [fields for name, fields in life.events if name == "rejected"]
    assert [(fields["reason"], fields["number"]) for fields in told] == [
        (reject.name(case.reason), case.reason)
    ]
    assert reject.text(case.reason) in told[0]["text"]
    assert hub.ends and set(hub.ends) == {reject.zcl_status(case.reason)} == {INVALID_IMAGE}
    assert not life.happened("accepted") and not life.happened("verified")
    assert life.end == world.SETTLED
    assert set(memory[GEOMETRY.slot(1)]) == {0xFF}
    assert life.state.rejected_reason == case.reason


def bullets():
    """[(rule, the reasons that its bullet names)] of the docstring's list, in its order."""
    text = acceptance.__doc__.split("in their order. ")[1].split("The rules with a star")[0]
    text = text[text.index("- envelope") :]
    names = [name for name, _, _ in acceptance.RULES]
    places = []
    for name in names:
        (place,) = re.finditer(rf"(?:^- |\), | and ){name}\*?(?:\s+\(|:)", text, re.MULTILINE)
        places.append(place.start())
    assert places == sorted(places), "the bullets' order is not that of RULES"
    assert text.count("\n- ") + 1 == len(names) - 3, "a bullet without a rule: four rules share one"
    ends = [*places[1:], len(text)]
    return [
        (name, re.findall(r"\b[A-Z]{2,}(?:_[A-Z]+)+|ROLLBACK|DOWNGRADE|EXPIRED", text[start:end]))
        for name, start, end in zip(names, places, ends, strict=True)
    ]


def test_every_rule_has_a_bullet_its_reasons_a_case_and_a_seeded_bug():
    found = bullets()
    names = [name for name, _ in found]
    assert names == list(CASES) and set(names) == set(SEEDED)
    for name, reasons in found:
        assert reasons, name
        assert CASES[name].reason in [getattr(reject, reason) for reason in reasons], name
    # What acceptance can refuse with is in the bullets, and nothing else.
    used = set(re.findall(r"Rejected\(\s*([A-Z_]+)", inspect.getsource(acceptance)))
    assert used <= {reason for _, reasons in found for reason in reasons}


def test_the_files_of_the_cases_differ():
    digests = {hashlib.sha256(case.data).hexdigest() for case in CASES.values()}
    assert len(digests) >= len(CASES) - 3  # three rules are broken by the device alone
