"""``python -m tools``: the same as ``hanota``."""

from tools.cli import main

main()
