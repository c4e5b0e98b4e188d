"""Makes tests/portable/image_vectors.py: heads of small signed images, for the tests of store and boot.

    python -m tests.make_image_vectors

The payloads are computed (payload(seed, size)), so that only the heads have to be kept. Signed with the
test key of make_envelope_vectors.py. test_image_vectors.py checks that the file is what this script writes.
"""

from pathlib import Path

from firmware_agent.trust.anchors import ANCHORS, FIRMWARE, Anchor
from tests.make_envelope_vectors import IDENTITY, KEY, OTHER_KEY, _literal
from tests.portable.payload import payload
from tools import envelope

OUTPUT = Path(__file__).parent / "portable" / "image_vectors.py"

# name: (file version, sequence number, payload's seed, payload's size)
IMAGES = {
    "v1": (0x00010000, 1, 1, 700),
    "v2": (0x00020000, 2, 2, 700),
    # What a careless vendor calls v2 as well: the same version and size, other bytes.
    "v2-again": (0x00020000, 2, 3, 700),
    "v3": (0x00030000, 3, 4, 900),
    # Image and head together are shorter than what is held in RAM.
    "tiny": (0x00020000, 2, 5, 20),
    "long": (0x00020000, 2, 6, 3000),
    # Newer by its version, older than v1 by what counts.
    "relabelled": (0x00040000, 0, 7, 700),
    # Its version is a big integer on 32-bit ports.
    "big-version": (0xACDCACDC, 2, 14, 3006),
}

# What has conditions: as above, then the signer and the conditions. In most, OTHER_KEY comes and KEY goes.
_ADDS = envelope.Conditions(new_anchor=Anchor(OTHER_KEY.public_key, FIRMWARE | ANCHORS))
_REVOKES = envelope.Conditions(revoked=KEY.key_id)
CONDITIONAL = {
    "adds": (0x00020000, 2, 8, 20, KEY, _ADDS),
    "revokes": (0x00030000, 3, 9, 20, OTHER_KEY, _REVOKES),
    # The old key's, of the highest number: after the rotation nobody may believe it.
    "old-root": (0x00090000, 9, 10, 20, KEY, envelope.UNCONDITIONAL),
    "new-root": (0x000A0000, 10, 11, 20, OTHER_KEY, envelope.UNCONDITIONAL),
    # What added the key, with another payload: an old change played again under its old number.
    "adds-again": (0x00020000, 2, 12, 20, KEY, _ADDS),
    # To be installed while the board's clock is below this.
    "expiring": (0x00020000, 2, 13, 20, KEY, envelope.Conditions(expiry=1000)),
}


def text():
    """The vectors' module."""
    lines = [
        '"""Made by tests/make_image_vectors.py; do not edit."""',
        "",
        "from binascii import unhexlify",
        "",
        "# name: (head, file version, sequence number, payload's seed, payload's size)",
        "IMAGES = {",
    ]
    plain = {name: (*image, KEY, envelope.UNCONDITIONAL) for name, image in IMAGES.items()}
    for name, (version, sequence, seed, size, key, conditions) in (plain | CONDITIONAL).items():
        contents = payload(seed, size)
        identity = envelope.Identity(IDENTITY.manufacturer_code, IDENTITY.image_type, version)
        manifest = envelope.build_manifest(identity, sequence, contents, conditions)
        head = envelope.wrap(manifest, contents, key)[:-size]
        lines.append(f'    "{name}": (')
        lines.append(f"        {_literal(head, '        ')},")
        lines.append(f"        0x{version:08x},")
        lines += [f"        {number}," for number in (sequence, seed, size)]
        lines.append("    ),")
    return "\n".join([*lines, "}"]) + "\n"


if __name__ == "__main__":
    OUTPUT.write_text(text())
