"""Checks boards/ports/PORT_flash.py against its port's MicroPython stubs: ``python -m tools.port_types``.

The stubs of each port lie in a directory of their own under the virtual environment: they have modules of the
same names, and beside the host's packages they would shadow Python's own.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from tools import layout
from tools.errors import Failed

PORTS = ("rp2", "esp32", "stm32")
_CONFIG = """\
[mypy]
python_version = 3.11
mypy_path = {stubs}
custom_typeshed_dir = {stubs}
follow_imports = silent
follow_imports_for_stubs = True
check_untyped_defs = True
warn_unused_ignores = True
cache_dir = {cache}
"""


def stubs_of(port: str) -> Path:
    """Where setup puts them."""
    return Path(sys.prefix) / f"typings-{port}"


def check(port: str, path: Path) -> subprocess.CompletedProcess[str]:
    """mypy's verdict of ``path`` as a module for ``port``. Failed without its stubs."""
    if not stubs_of(port).is_dir():
        raise Failed(f"no stubs of the port {port} in {stubs_of(port)}; make setup puts them there")
    with tempfile.TemporaryDirectory(prefix="hanota-") as directory:
        config = Path(directory) / "mypy.ini"
        cache = layout.ROOT / ".mypy_cache" / port
        config.write_text(_CONFIG.format(stubs=stubs_of(port), cache=cache))
        return subprocess.run(
            [sys.executable, "-m", "mypy", "--config-file", str(config), str(path)],
            cwd=layout.ROOT,
            capture_output=True,
            text=True,
            check=False,
        )


def main() -> None:
    """Every port; exit 1 if one does not fit."""
    failed = False
    for port in PORTS:
        result = check(port, layout.ROOT / "boards" / "ports" / f"{port}_flash.py")
        if result.returncode:
            failed = True
            print(f"{port}:\n{result.stdout}{result.stderr}", file=sys.stderr)
    if failed:
        sys.exit(1)


if __name__ == "__main__":
    main()
