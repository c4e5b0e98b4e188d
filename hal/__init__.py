"""Hardware abstraction: contracts in words, and code that several boards share.

hal/flash.py belongs to the boot files; drivers that only the agent needs (hal/link.py) come with the
slot that runs, by the same provide() as in firmware_agent.
"""


def provide(directory):
    """From now on ``import hal.x`` looks in ``directory`` (a path, no trailing slash)."""
    global __path__
    __path__ = directory + "/hal"
