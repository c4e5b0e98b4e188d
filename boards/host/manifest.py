# Read by MicroPython's build. tools/firmware.py has put what is frozen into one directory: the files that no
# download replaces, with their constants folded.
import os

freeze(os.environ["HANOTA_FROZEN"])  # noqa: F821
