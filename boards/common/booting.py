"""From reset to the handover, the same on every board: who checks signatures, what boots, the events of it.

All of it is done once and unloaded then (boards.common.start), with firmware_agent.boot below it.
"""

import sys

from boards.common import flash_map as fm
from boards.common import verifier
from firmware_agent import boot, reject
from firmware_agent.store.state import STATE_NAMES
from hal import byte_loops


def boot_up(board):
    """The Handover to what runs now, the recovery agent if no slot may; or ``board.halt()``."""
    if sys.implementation.name == "micropython":
        from boards.common import byte_loops_viper

        byte_loops.use(byte_loops_viper)
    used, why = verifier.choose(board.verifier)
    if why:
        board.emit("verifier", {"choice": board.verifier, "uses": used, "why": why})
    store = board.store
    if not store.load():
        board.halt(fm.EXIT_NO_DEVICE)
    try:
        handover = boot.boot(store, board.cause, board.watchdog.feed)
    except boot.NothingBoots as failure:
        reasons = [reject.name(number) if number else None for number in failure.reasons]
        board.emit("failed", {"text": "no slot holds an image that may run", "reasons": reasons})
        return boot.recover(store, board.cause)
    version = "0x%08x" % handover.manifest.file_version
    if handover.reverted:
        board.emit(
            "reverted",
            {
                "slot": boot.SLOT_NAMES[handover.slot],
                "file_version": version,
                "reason": reject.name(handover.reverted),
                "number": handover.reverted,
            },
        )
    if handover.dropped:
        board.emit(
            "rejected",
            {
                "reason": reject.name(handover.dropped),
                "number": handover.dropped,
                "text": "the download crashed the firmware that runs, again and again",
                "file_version": "0x%08x" % store.state.rejected_version,
            },
        )
    board.emit(
        "boot",
        {
            "slot": boot.SLOT_NAMES[handover.slot],
            "file_version": version,
            "state": STATE_NAMES[store.slot_state(handover.slot)],
            "cause": handover.cause,
            "verifier": used,
        },
    )
    return handover
