"""The console's only question: whoever types ? is told how the device is, by the event `status`.

It changes nothing and stops nothing, so it may be asked at any time, also in the middle of a download.
"""

from firmware_agent.handover import SLOT_NAMES

_QUESTION = "?"


def answer(typed, board):
    """``typed``: one character from the console."""
    if typed == _QUESTION:
        store = board.handover.reopen()
        board.emit("status", describe(store, board.identity.file_version))


def describe(store, file_version):
    """What the store says of both slots and of a download, as the event's fields."""
    from firmware_agent.store.state import STATE_NAMES

    state = store.state
    slots = {}
    for slot in range(2):
        slots[SLOT_NAMES[slot]] = STATE_NAMES[store.slot_state(slot)]
    fields = {
        "runs": SLOT_NAMES[store.running] if store.running >= 0 else None,
        "file_version": "0x%08x" % file_version,
        "slots": slots,
        "security_counter": state.security_counter,
    }
    if store.downloading:
        fields["download"] = {
            "file_version": "0x%08x" % state.file_version,
            "durable": state.durable,
            "size": state.file_size,
        }
    if state.rejected_reason:
        fields["rejected"] = {
            "file_version": "0x%08x" % state.rejected_version,
            "number": state.rejected_reason,
        }
    return fields
