"""Which device file is which: what a download may replace, and what it must never replace.

The one list of it: ``hanota build`` packs from it, boards freeze from it, the docs print it.
Patterns are relative to the project's root; a new file falls under a pattern by itself.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Frozen, or in the boot files: boot, store, verify. Fixed code imports only fixed code.
FIXED = [
    "firmware_agent/__init__.py",
    "firmware_agent/reject.py",
    "firmware_agent/boot.py",
    "firmware_agent/handover.py",
    "firmware_agent/trust/*.py",
    "firmware_agent/store/*.py",
    "hal/__init__.py",
    "hal/flash.py",
    "hal/byte_loops.py",
    "hal/modules.py",
]

# Travels in every payload beside the application, unless it is FIXED.
UPDATABLE = [
    "firmware_agent/*.py",
    "firmware_agent/protocol/*.py",
    "hal/link.py",
]


def fixed_files() -> list[str]:
    """Sorted paths, relative to ROOT, of what is never replaced by a download."""
    return sorted(matches(FIXED))


def updatable_files() -> list[str]:
    """Sorted paths, relative to ROOT, of what travels in every payload."""
    return sorted(matches(UPDATABLE) - matches(FIXED))


def device_files() -> list[str]:
    """Sorted paths, relative to ROOT, of all that runs on a device, boards included."""
    return sorted(matches([*FIXED, *UPDATABLE, "hal/sim/*.py", "boards/*/*.py"]))


def matches(patterns: list[str]) -> set[str]:
    """Paths, relative to ROOT, of the files that fit one of the patterns."""
    return {path.relative_to(ROOT).as_posix() for pattern in patterns for path in ROOT.glob(pattern)}
