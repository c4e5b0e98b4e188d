"""The benches, from one TOML file: ports, power control, hub, lock, and whose firmware goes on the board."""

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tools import layout
from tools.devices import IMAGE_TYPES
from tools.emulator.emulator import MACHINES
from tools.errors import UnusableArguments
from tools.rig import tables
from tools.rig.tables import Table

DEFAULT = layout.ROOT / "boards" / "benches.toml"
HUBS = ["zigpy", "own"]
_KINDS = ["command", "relay", "emulated"]


@dataclass(frozen=True)
class CommandPower:
    """Programs that switch the board's supply."""

    on: tuple[str, ...]
    off: tuple[str, ...]


@dataclass(frozen=True)
class RelayPower:
    """A relay on a serial port, switched by bytes."""

    port: str
    baud: int
    on: bytes
    off: bytes


@dataclass(frozen=True)
class EmulatedPower:
    """An emulated board: its process is its supply. ``state``: None for a new device in every run;
    ``heap``: empty for the board's own."""

    board: str
    state: Path | None
    heap: str


@dataclass(frozen=True)
class BenchSpec:
    """One bench. ``console``, ``han``: ports; empty for an emulated board, whose power-on makes them.
    ``key``: what signs images for it; None: a new key in every run."""

    name: str
    power: CommandPower | RelayPower | EmulatedPower
    console: str
    han: str
    baud: int
    hub: str
    lock: Path
    key: Path | None
    application: Path
    device: str
    manufacturer_code: int
    hardware_version: int


def read(path: Path) -> dict[str, BenchSpec]:
    """Every bench of the file, by name. UnusableArguments says where it is wrong and what to write."""
    top = tables.read(path)
    benches = {name: _bench(name, table, path) for name, table in top.named("bench")}
    top.end()
    return benches


def select(path: Path, names: tuple[str, ...]) -> list[BenchSpec]:
    """The benches of these names; all of the file's if none is given."""
    benches = read(path)
    for name in names:
        if name not in benches:
            raise UnusableArguments(f"{path} has no bench {name!r}; it has: {', '.join(benches)}")
    return [benches[name] for name in names or benches]


def _bench(name: str, table: Table, path: Path) -> BenchSpec:
    power_table = table.table("power")
    power = _power(power_table, path.parent)
    power_table.end()
    emulated = isinstance(power, EmulatedPower)
    what = "the path of a serial port, such as /dev/serial/by-id/usb-..."
    if emulated and ("console" in table or "han" in table):
        raise UnusableArguments(
            f"{table.where}: an emulated board makes its own ports: take console and han out"
        )
    console = "" if emulated else table.text("console", what=what)
    han = "" if emulated else table.text("han", what=what)
    if han and han == console:
        raise table.fail("han", f"{han} is the console: a board has two ports")
    key = table.text("key", None, "the path of the private key that the board's trust anchor belongs to")
    kept = not emulated or power.state is not None  # type: ignore[union-attr]
    if kept and key is None:
        raise table.fail(
            "key", "is missing: the board keeps its trust anchor, so name the private key for it"
        )
    application = table.text("application", None)
    spec = BenchSpec(
        name,
        power,
        console,
        han,
        table.number("baud", 1200, 4000000, 115200),
        table.choice("hub", HUBS, HUBS[0]),
        _lock(table.text("lock", None), name, path),
        None if key is None else _existing(table, "key", path.parent / key),
        layout.ROOT / "boards/applications/in_home_display"
        if application is None
        else _existing(table, "application", path.parent / application),
        table.choice("device", list(IMAGE_TYPES), "ppmid"),
        table.number("manufacturer_code", 0, 0xFFFF, 0x1234),
        table.number("hardware_version", 0, 0xFFFF, 1),
    )
    table.end()
    return spec


def _power(table: Table, folder: Path) -> CommandPower | RelayPower | EmulatedPower:
    kind = table.choice("kind", _KINDS)
    if kind == "command":
        return CommandPower(table.words("on"), table.words("off"))
    if kind == "relay":
        port = table.text("port")
        return RelayPower(
            port, table.number("baud", 300, 4000000, 9600), _hex(table, "on"), _hex(table, "off")
        )
    state = table.text("state", None)
    return EmulatedPower(
        table.choice("board", list(MACHINES)),
        None if state is None else folder / state,
        table.text("heap", ""),
    )


def _hex(table: Table, key: str) -> bytes:
    text = table.text(key)
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise table.fail(key, f'{text!r} is not bytes in hexadecimal, such as "A0 01 01 A2"') from None


def _existing(table: Table, key: str, path: Path) -> Path:
    if not path.exists():
        raise table.fail(key, f"there is no {path}")
    return path


def _lock(given: str | None, name: str, path: Path) -> Path:
    if given is not None:
        return path.parent / given
    # The same bench is the same lock, whoever runs it from wherever.
    mark = hashlib.sha256(f"{path.resolve()} {name}".encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"hanota-bench-{mark}.lock"
