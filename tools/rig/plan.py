"""What a run does to each bench: steps in order, from a TOML file or registered here under a name."""

from dataclasses import dataclass, field
from pathlib import Path

from tools.errors import UnusableArguments
from tools.rig import tables
from tools.rig.tables import Table

SUFFIX = ".toml"


@dataclass(frozen=True)
class Value:
    """A step's number: its range, and what it is if a plan does not say."""

    least: float
    most: float
    default: float


TIMEOUT = Value(0.1, 86400.0, 300.0)  # seconds that one update may take
# What a step may be told. tools/rig/steps.py has what they do.
KINDS: dict[str, dict[str, Value]] = {
    "update": {"timeout": TIMEOUT},
    "cuts": {"count": Value(1, 100000, 25), "each": Value(1, 100, 25), "timeout": TIMEOUT},
    "losses": {"percent": Value(0.01, 50.0, 1.0), "timeout": TIMEOUT},
    "hostile": {"frames": Value(1, 1000000, 300), "timeout": TIMEOUT},
    "reboots": {"count": Value(1, 100000, 3)},
    "hang": {"timeout": TIMEOUT},
    "crash-loop": {"timeout": TIMEOUT},
    "on-device": {"timeout": TIMEOUT},
    "trace": {"cuts": Value(0, 100000, 4), "timeout": TIMEOUT},
}


@dataclass(frozen=True)
class Step:
    """``values``: every number that its kind knows; ``tests``: for on-device, files of tests/portable by
    their names, "test_link", or functions of them, "test_link.test_fcs_check_value"."""

    kind: str
    values: dict[str, float] = field(default_factory=dict)
    tests: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> float:
        return self.values[name]

    def count(self, name: str) -> int:
        """A whole number."""
        return int(self.values[name])

    @property
    def title(self) -> str:
        """For reports: the kind, and what differs from the default."""
        told = [f"{name} {value:g}" for name, value in self.values.items() if name != "timeout"]
        return ", ".join([self.kind, *told, *self.tests])


@dataclass(frozen=True)
class Plan:
    """Its steps run in order on every bench; one that fails does not keep the others from running."""

    name: str
    steps: tuple[Step, ...]


def step(kind: str, *tests: str, **values: float) -> Step:
    """A step of this kind, with these numbers in place of the defaults."""
    known = KINDS[kind]
    assert not set(values) - set(known), values
    return Step(kind, {name: values.get(name, value.default) for name, value in known.items()}, tests)


# In CI on an emulated board: within five minutes.
SMOKE = Plan(
    "smoke",
    (
        step("update"),
        step("cuts", count=25),
        step("hang"),
        step("crash-loop"),
        step("hostile", frames=300),
        step("losses", percent=0.4),
        step("reboots", count=2),
        step(
            "on-device",
            "test_zero_allocation.test_the_lock_shows_an_allocation",
            "test_zero_allocation.test_20000_blocks_allocate_nothing",
            "test_zero_allocation.test_lost_foreign_and_late_frames_allocate_nothing",
        ),
        step("trace", cuts=4),
    ),
)
LONG = Plan(
    "long",
    (
        step("update"),
        step("cuts", count=500),
        step("losses", percent=2.0, timeout=1800),
        step("hang"),
        step("crash-loop"),
        step("hostile", frames=5000),
        step("reboots", count=20),
        step(
            *("on-device", "test_zero_allocation", "test_endpoint", "test_cbor"),
            *("test_zdo", "test_states", "test_reject"),
        ),
        step("trace", cuts=20, timeout=3600),
    ),
)
PLANS = {plan.name: plan for plan in (SMOKE, LONG)}


def find(name: str) -> Plan:
    """The registered plan of this name, or the one in a TOML file."""
    if name in PLANS:
        return PLANS[name]
    if not name.endswith(SUFFIX):
        raise UnusableArguments(
            f"no plan {name!r}; there is: {', '.join(PLANS)}; or name a file that ends in {SUFFIX}"
        )
    return read(Path(name))


def read(path: Path) -> Plan:
    """The plan in a file. UnusableArguments says where it is wrong and what to write."""
    top = tables.read(path)
    name = top.text("name", path.stem)
    steps = tuple(_step(table) for table in top.tables("step"))
    top.end()
    return Plan(name, steps)


def _step(table: Table) -> Step:
    kind = table.choice("do", list(KINDS))
    values = {
        name: table.number(name, value.least, value.most, value.default)
        for name, value in KINDS[kind].items()
    }
    tests = table.words("tests") if kind == "on-device" else ()
    table.end()
    return Step(kind, values, tests)
