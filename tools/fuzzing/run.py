"""The process that atheris drives: ``python -m tools.fuzzing.run TARGET [--bug] [--replay DIR] OPTIONS...``.

With --bug a fault is seeded that the campaign must find; with --replay the inputs in a directory are run once
each under coverage, and the share of the parsers' lines that they reach is printed.
"""

import json
import sys
from pathlib import Path

from tools import layout
from tools.seeded_bugs import Bug, Patched

BUGS = {
    "frames": Bug(
        "a block that is cut",
        "firmware_agent/protocol/download.py",
        "if size == 0 or end - at < ota.BLOCK_DATA_AT + size:",
        "if size == 0 or buf[at + 13 + size] < 0 or (size > end - at and 1 // 0):",
    ),
    "files": Bug(
        "an image outside its file",
        "firmware_agent/protocol/upgrade_file.py",
        "if length <= 0 or offset + length != self.size:",
        "if length < 0:",
    ),
}
# What a hub's bytes reach first.
MEASURED = ("firmware_agent/protocol/*", "hal/link.py")


def replay(name: str, directory: Path) -> None:
    """Each input of a corpus once; prints {"inputs": n, "lines": {module: (lines, missing)}} as JSON."""
    import coverage

    measure = coverage.Coverage(data_file=None, include=[str(layout.ROOT / one) for one in MEASURED])
    measure.start()
    from tools.fuzzing import targets
    from tools.simulator.explorer import remembered_signatures

    inputs = [path.read_bytes() for path in sorted(directory.iterdir())]
    with remembered_signatures():
        for data in inputs:
            targets.TARGETS[name](data)
    measure.stop()
    shares = {}
    for path in layout.matches(list(MEASURED)):
        if not path.endswith("__init__.py"):
            _, lines, _, missing, _ = measure.analysis2(str(layout.ROOT / path))
            shares[path] = (lines, missing)
    print(json.dumps({"inputs": len(inputs), "lines": shares}))


def main() -> None:
    """Never returns from a campaign: libFuzzer ends the process."""
    name, *rest = sys.argv[1:]
    if rest[:1] == ["--replay"]:
        replay(name, Path(rest[1]))
        return
    if rest[:1] == ["--bug"]:
        rest.pop(0)
        sys.meta_path.insert(0, Patched(BUGS[name]))
        for module in [one for one in sys.modules if one.startswith("firmware_agent")]:
            del sys.modules[module]
    import atheris

    # The rest only costs time: it never sees a byte that these did not let through.
    with atheris.instrument_imports(include=["firmware_agent.protocol", "firmware_agent.trust"]):
        from tools.fuzzing import targets
        from tools.simulator.explorer import remembered_signatures

    remembered_signatures().__enter__()
    atheris.Setup([sys.argv[0], *rest], targets.TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
