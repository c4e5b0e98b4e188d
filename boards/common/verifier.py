"""What checks signatures here. It is chosen at the factory and lies in fixed code: no download changes it.

| choice | is | needs the module |
|---|---|---|
| python | pure Python, any key; always there | |
| pinned | pure Python, faster for the manufacturer's key | pinned_key, its table (tools/pinned_table.py) |
| native | machine code, any key | p256_native, the build for this processor |
| native-pinned | machine code, faster still for that key | both |

All answer alike (docs/signatures.md), so a part that is missing or damaged costs speed, never the device:
what is left does the work, and the event ``verifier`` says so.
"""

from firmware_agent.trust import signature

PYTHON = "python"
PINNED = "pinned"
NATIVE = "native"
NATIVE_PINNED = "native-pinned"
CHOICES = (PYTHON, PINNED, NATIVE, NATIVE_PINNED)
NATIVE_MODULE = "p256_native"
TABLE_MODULE = "pinned_key"

# A signature that is known to be good (NIST CAVP SigVer, P-256 with SHA-256): key, digest, signature.
_KEY = (
    b"\x04\xe4\x24\xdc\x61\xd4\xbb\x3c\xb7\xef\x43\x44\xa7\xf8\x95\x7a\x0c\x51\x34\xe1\x6f\x7a\x67\xc0\x74"
    b"\xf8\x2e\x6e\x12\xf4\x9a\xbf\x3c\x97\x0e\xed\x7a\xa2\xbc\x48\x65\x15\x45\x94\x9d\xe1\xdd\xda\xf0\x12"
    b"\x7e\x59\x65\xac\x85\xd1\x24\x3d\x6f\x60\xe7\xdf\xae\xe9\x27"
)
_DIGEST = (
    b"\xd1\xb8\xef\x21\xeb\x41\x82\xee\x27\x06\x38\x06\x10\x63\xa3\xf3\xc1\x6c\x11\x4e\x33\x93\x7f\x69\xfb"
    b"\x23\x2c\xc8\x33\x96\x5a\x94"
)
_SIGNATURE = (
    b"\xbf\x96\xb9\x9a\xa4\x9c\x70\x5c\x91\x0b\xe3\x31\x42\x01\x7c\x64\x2f\xf5\x40\xc7\x63\x49\xb9\xda\xb7"
    b"\x2f\x98\x1f\xd9\x34\x7f\x4f\x17\xc5\x50\x95\x81\x90\x89\xc2\xe0\x3b\x9c\xd4\x15\xab\xdf\x12\x44\x4e"
    b"\x32\x30\x75\xd9\x8f\x31\x92\x0b\x9e\x0f\x57\xec\x87\x1c"
)


def choose(choice):
    """Have ``signature.verify`` use ``choice``, or what of it can be used.

    Returns (what is used, one of CHOICES; why it is not the choice, "" if it is).
    """
    why = []
    native = table = None
    if choice not in CHOICES:
        why.append("%s: no such choice" % choice)
    if choice in (NATIVE, NATIVE_PINNED):
        native = _native(why)
    if choice in (PINNED, NATIVE_PINNED):
        table = getattr(_load(TABLE_MODULE, why), "TABLE", None)
    try:
        signature.choose(native, table)
    except ValueError as failure:
        why.append("%s: %s" % (TABLE_MODULE, failure))
        table = None
        signature.choose(native)
    if native:
        used = NATIVE_PINNED if table else NATIVE
    else:
        used = PINNED if table else PYTHON
    return used, "; ".join(why)


def _load(name, why):
    try:
        return __import__(name)
    except (ImportError, ValueError, MemoryError) as failure:
        # ValueError: a .mpy of another version, or for another processor.
        why.append("%s: %s" % (name, failure or "out of memory"))
        return None


def _native(why):
    """The native module, once it has told a good signature from a bad one: what loads can still be wrong."""
    module = _load(NATIVE_MODULE, why)
    if module is None:
        return None
    verify = getattr(module, "verify", None)
    altered = bytes([_DIGEST[0] ^ 1]) + _DIGEST[1:]
    if (
        verify is None
        or verify(_KEY, _DIGEST, _SIGNATURE, None) is not True
        or verify(_KEY, altered, _SIGNATURE, None) is not False
    ):
        why.append("%s: fails its self-test" % NATIVE_MODULE)
        return None
    return module
