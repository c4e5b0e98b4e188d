"""The one call that checks a signature; what is behind it is the board's choice.

  p256           pure Python, any key; always there, and what is used if a board chooses nothing
  p256_pinned    pure Python, more than twice as fast, for the one key whose table the board brings
  p256_native    machine code for any key, and for the pinned one where there is a table, too

All give the same answers: one set of tests is run on each of them (tests/portable/test_p256.py).
"""

import firmware_agent.trust as _trust


def verify(public_key, digest, signature, hook=None):
    """True if ``signature`` over ``digest`` was made with the private key of ``public_key``.

    ``public_key``  65 bytes: 4, x, y (big-endian, as all numbers here)
    ``digest``      32 bytes: the message's SHA-256
    ``signature``   64 bytes: r, s
    ``hook``        called without arguments now and then, to feed a watchdog or to answer the radio

    Anything else that comes in gives False. An exception can only be the hook's own, or MemoryError.
    """
    native, table = _trust.choice
    if native:
        if table:
            return native.verify(public_key, digest, signature, hook, table)
        return native.verify(public_key, digest, signature, hook)
    from firmware_agent.trust.p256 import verify as plain

    if table:
        from firmware_agent.trust.p256_pinned import PinnedKey

        try:
            return PinnedKey(table).verify(public_key, digest, signature, hook)
        except ValueError:
            pass  # it has worn since it was chosen
    return plain(public_key, digest, signature, hook)


def choose(native=None, table=None):
    """Choose what ``verify`` uses from now on: a board's matter, before it starts the agent.

    ``native``  the module p256_native, as the board imported it. Which build runs is for the board to know:
                what an interpreter says of its architecture can be too much (a Cortex-M3 that says armv7em)
    ``table``   the table of a pinned key (bytes, tools/pinned_table.py). ValueError if it is damaged or was
                not made for the key that it names; then the choice stays what it was
    """
    if table:
        from firmware_agent.trust.p256_pinned import PinnedKey

        table = PinnedKey(table).table
    _trust.choice = (native, table or None)
