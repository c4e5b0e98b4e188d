"""hanota's device half: the firmware-update agent of a ZigBee Smart Energy device.

Two kinds of module share this package. What must never be replaced by a download (boot, store,
trust, reject) lies in the boot files or is frozen; the rest comes with the application in the slot
that runs. MicroPython looks for submodules in one place only, so boot calls provide() once the
slot's file system is mounted: what it has already imported stays, what follows comes from the slot.
"""

# What the first kind offers to the second, as a number that a signed image asks for: the newest interface,
# and the oldest that still works. tools/interface.py says when they rise, docs/updatable.md why.
INTERFACE = 2
OLDEST_INTERFACE = 2


def provide(directory):
    """From now on ``import firmware_agent.x`` looks in ``directory`` (a path, no trailing slash)."""
    global __path__
    __path__ = directory + "/firmware_agent"
