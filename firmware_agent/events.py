"""Events that more than one module tells: docs/emulator.md lists them all."""

from firmware_agent import reject


def version_text(version):
    """As in every event: "0x00020000"."""
    return "0x%08x" % version


def tell_rejected(board, refusal, version):
    """The image with this file version is refused, by a Rejected."""
    text = reject.text(refusal.number)
    if refusal.detail:
        text = "%s (%s)" % (text, refusal.detail)
    board.emit(
        "rejected",
        {
            "reason": reject.name(refusal.number),
            "number": refusal.number,
            "text": text,
            "file_version": version_text(version),
        },
    )
