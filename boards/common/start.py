"""From reset to payload, the same on every board: boot, mount the slot's file system, run what is in it.

If neither slot may run, the recovery agent does: the same agent, from the boot files.
"""

import sys

import firmware_agent
import hal
from boards.common import flash_map as fm
from firmware_agent import boot, reject
from firmware_agent.store.state import STATE_NAMES
from hal import byte_loops
from hal.modules import forget

_MICROPYTHON = sys.implementation.name == "micropython"


def start(board):
    """Boot and run; ends by ``board.halt()``, ``board.reset()`` or an exception."""
    if _MICROPYTHON:
        from boards.common import byte_loops_viper

        byte_loops.use(byte_loops_viper)
    from boards.common import verifier

    used, why = verifier.choose(board.verifier)
    forget("boards.common.verifier")
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
        _run_recovery(board, boot.recover(store, board.cause))
        return
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
    _run_payload(board, handover)


def _run_recovery(board, handover):
    """Nothing is mounted: the agent that is imported is the one in the boot files."""
    from boards.common.recovery import Recovery
    from firmware_agent.agent import run

    run(board, handover, Recovery(board))


def _run_payload(board, handover):
    if not _MICROPYTHON:
        # CPython cannot run .mpy: for debugging, the checkout's agent and sample application stand in.
        from boards.applications.in_home_display import app
        from firmware_agent.agent import run

        run(board, handover, app)
        return
    import vfs

    manifest = handover.manifest
    area = handover.store.slots[handover.slot]
    payload = area.view(manifest.head_length, manifest.payload_length)
    vfs.mount(vfs.VfsRom(payload), "/app")  # type: ignore[abstract]
    sys.path.insert(0, "/app")
    firmware_agent.provide("/app")
    hal.provide("/app")
    payload_main = __import__("main")
    payload_main.main(board, handover)
