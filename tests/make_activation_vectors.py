"""Makes tests/portable/activation_vectors.py: activation commands, right and wrong, for both interpreters.

    python -m tests.make_activation_vectors

For the image "v2" of tests/portable/image_vectors.py; the supplier's key is make_envelope_vectors' OTHER_KEY.
test_activation_vectors.py checks that the file is what this script writes.
"""

from pathlib import Path

from tests.activation_commands import command, hash_of
from tests.make_envelope_vectors import EUI64, KEY, OTHER_KEY, _literal
from tests.portable.bench import Image
from tools import keys

OUTPUT = Path(__file__).parent / "portable" / "activation_vectors.py"
HASH = hash_of(Image("v2").data)
OTHER_HASH = hash_of(Image("v3").data)
CANCEL = b"99991231235959Z"


def right(key=OTHER_KEY, image_hash=HASH, eui64=EUI64, **options):
    return command(key, image_hash, eui64, **options)


GOOD = {
    "now": right(),
    "large-counter": right(counter=(1 << 64) - 1),
    "other-hash": right(image_hash=OTHER_HASH),
    "dated": right(when=b"20300228235959Z"),
    "cancel": right(when=CANCEL),
}
WRONG = {
    "by-the-manufacturer": right(KEY),
    "by-a-stranger": right(keys.from_scalar(3)),
    "response": right(kind=b"\x02"),
    "other-code": right(code=b"\x00\x13"),
    "two-counters": right(payload_counter=b"\x03\xe9"),
    "lengths": right(recipient_length=b"\x07"),
    "date-of-13-digits": right(when=b"203002282359Z"),
    "date-of-signs": right(when=b"2030012;235959Z"),
    "month-13": right(when=b"20301328235959Z"),
    "more-than-a-date": right(when=b"20300228235959ZZ", date_length=b"\x0f"),
    "local-time": right(when=b"20300228235959+"),
}
FOR_ANOTHER = right(eui64=bytes(8))


def text():
    """The vectors' module."""
    lines = [
        '"""Made by tests/make_activation_vectors.py; do not edit."""',
        "",
        "from binascii import unhexlify",
        "",
    ]
    lines.append(f"SUPPLIER = {_literal(OTHER_KEY.public_key, '')}")
    lines.append(f"FOR_ANOTHER = {_literal(FOR_ANOTHER, '')}")
    for name, commands in (("GOOD", GOOD), ("WRONG", WRONG)):
        lines.append(f"{name} = {{")
        lines += [f'    "{key}": {_literal(value, "    ")},' for key, value in commands.items()]
        lines.append("}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    OUTPUT.write_text(text())
