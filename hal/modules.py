"""Which modules hold the heap: at rest most of it is code, and most code is wanted now and then only.

An import inside a function loads a module when it is wanted; forget() gives its memory back.
"""

import gc
import sys


def count():
    """How many modules are loaded: while it is the same, there is nothing new to forget."""
    return len(sys.modules)


def forget(name, kept=""):
    """Unload a module, or every module of a package, until an import brings it back; the package stays.

    name: "firmware_agent.store.journal", say, or "firmware_agent.trust". kept: what stays of a package, as
    names in it with spaces between. What something still refers to keeps its memory, and an object keeps its
    class: whoever calls this lets go of those first. On CPython nothing happens, since there is no need.
    """
    if sys.implementation.name != "micropython":
        return
    stay = kept.split()
    below = name + "."
    # What is left of MicroPython's dict stays where it is when an entry goes; a list of all names would be a
    # large piece to ask of a heap that may be full.
    for loaded in sys.modules:
        within = loaded == name or loaded.startswith(below)
        if within and loaded[len(name) + 1 :] not in stay and not hasattr(sys.modules[loaded], "__path__"):
            dot = loaded.rfind(".")
            package = sys.modules[loaded[:dot]]
            del sys.modules[loaded]
            if hasattr(package, loaded[dot + 1 :]):
                delattr(package, loaded[dot + 1 :])
    # At once, so that what is loaded next lies close to what stays, and leaves room in one piece.
    gc.collect()
