"""MicroPython's own builds: make, its output in a log."""

import os
import subprocess
from pathlib import Path

from tools.errors import Failed

# Our own make must not reach into theirs.
_OURS = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "BOARD")


def run(directory: Path, variables: dict[str, str], log: Path, jobs: int = 1, **environment: str) -> None:
    """make in ``directory``. Failed shows the end of the log."""
    command = ["make", "-C", str(directory), f"-j{jobs}"]
    command += [f"{name}={value}" for name, value in variables.items()]
    inherited = {name: value for name, value in os.environ.items() if name not in _OURS}
    with log.open("w") as output:
        done = subprocess.run(
            command, env=inherited | environment, stdout=output, stderr=subprocess.STDOUT, check=False
        )
    if done.returncode:
        last = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise Failed(f"make failed in {directory}; the whole log is {log}:\n{last}")
