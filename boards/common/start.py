"""From reset to payload, the same on every board: boot, mount the slot's file system, run what is in it.

If neither slot may run, the recovery agent does: the same agent, from the boot files. What only boot needs is
unloaded before: it could not come back, since a payload's modules are found first from then on.
"""

import sys

import firmware_agent
import hal
from firmware_agent.handover import NO_SLOT
from hal.modules import forget

_MICROPYTHON = sys.implementation.name == "micropython"
BOOT_ONLY = (
    "boards.common.booting",
    "boards.common.store",
    "boards.common.verifier",
    "firmware_agent.boot",
    "firmware_agent.store.checks",
    "firmware_agent.trust",
)


def start(board):
    """Boot and run; ends by ``board.halt()``, ``board.reset()`` or an exception."""
    handover = booted(board)
    if handover.slot == NO_SLOT:
        _run_recovery(board, handover)
    else:
        _run_payload(board, handover)


def booted(board):
    """The Handover, and what made it is unloaded."""
    handover = _boot(board)
    for name in BOOT_ONLY:
        forget(name)
    return handover


def _boot(board):
    from boards.common.booting import boot_up

    return boot_up(board)


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

    forget(__name__)  # it has done its part
    manifest = handover.manifest
    area = handover.store.slots[handover.slot]
    payload = area.view(manifest.head_length, manifest.payload_length)
    vfs.mount(vfs.VfsRom(payload), "/app")  # type: ignore[abstract]
    sys.path.insert(0, "/app")
    firmware_agent.provide("/app")
    hal.provide("/app")
    payload_main = __import__("main")
    payload_main.main(board, handover)
