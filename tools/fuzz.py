"""Campaigns of the hostile hub: ``python -m tools.fuzz`` fuzzes frames and upgrade files on a whole device.

Prints executions and the share of the protocol's lines that the inputs reach, module by module. Exit code 1
if an input broke something (it is kept beside the corpus), or if the share is below the floor.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import click

from tools import layout

# Per cent of the lines of firmware_agent/protocol and hal/link.py that both corpora together must reach.
FLOOR = 75
_CORPUS = layout.ROOT / "build/fuzz"


@dataclass
class Campaign:
    """What one target's campaign came to. failure: what broke, and the input that shows it."""

    executions: int = 0
    failure: str | None = None


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "tools.fuzzing.run", *arguments]


def campaign(name: str, seconds: int, corpus: Path, bug: bool = False) -> Campaign:
    """Fuzz one target for so long, adding to the corpus; ``bug``: with a seeded fault that it must find."""
    from tools.fuzzing import targets

    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(targets.seeds(name)):
        (corpus / f"seed-{number}").write_bytes(seed)
    found = Campaign()
    with tempfile.TemporaryDirectory() as kept:
        options = [f"-max_total_time={seconds}", "-max_len=1024", "-timeout=60", "-print_final_stats=1"]
        options += [f"-artifact_prefix={kept}/", str(corpus)]
        done = subprocess.run(
            _command(name, *(["--bug"] if bug else []), *options),
            capture_output=True,
            text=True,
            timeout=seconds + 300,
            check=False,
            cwd=layout.ROOT,
        )
        output = done.stdout + done.stderr
        executed = re.search(r"stat::number_of_executed_units: (\d+)", output)
        found.executions = int(executed[1]) if executed else 0
        broken = [path for path in Path(kept).iterdir() if path.is_file()]
        if done.returncode or not executed or broken:
            last = [line for line in output.splitlines() if re.match(r"\w*(Error|Broken|Exception)\b", line)]
            what = last[-1] if last else "\n".join(output.splitlines()[-20:])
            found.failure = f"{what}; input: {broken[0].read_bytes().hex() if broken else 'none'}"
    return found


def measure(name: str, corpus: Path) -> tuple[int, dict[str, tuple[list[int], list[int]]]]:
    """Run a corpus under coverage: (inputs, {module: (lines, lines not reached)})."""
    done = subprocess.run(
        _command(name, "--replay", str(corpus)),
        capture_output=True,
        text=True,
        timeout=900,
        check=True,
        cwd=layout.ROOT,
        env={**os.environ, "COVERAGE_CORE": "ctrace"},
    )
    result = json.loads(done.stdout.splitlines()[-1])
    return result["inputs"], result["lines"]


def reached(corpora: dict[str, Path]) -> tuple[int, dict[str, tuple[int, int]]]:
    """(inputs, {module: (lines reached by any of the corpora, lines)})."""
    inputs = 0
    lines: dict[str, set[int]] = {}
    missing: dict[str, set[int]] = {}
    for name, corpus in corpora.items():
        count, modules = measure(name, corpus)
        inputs += count
        for path, (there, absent) in modules.items():
            lines[path] = set(there)
            missing[path] = missing.get(path, set(there)) & set(absent)
    return inputs, {path: (len(lines[path]) - len(missing[path]), len(lines[path])) for path in sorted(lines)}


def share(modules: dict[str, tuple[int, int]]) -> float:
    """Per cent of all lines."""
    return 100 * sum(hit for hit, _ in modules.values()) / sum(count for _, count in modules.values())


@click.command()
@click.option("--seconds", default=60, show_default=True, help="For both targets together.")
@click.option("--corpus", default=str(_CORPUS), show_default=True, help="Where inputs are kept.")
def main(seconds: int, corpus: str) -> None:
    """Fuzz frames and upgrade files against a whole device."""
    corpora = {name: Path(corpus) / name for name in ("frames", "files")}
    failed = False
    for name, directory in corpora.items():
        found = campaign(name, seconds // len(corpora), directory)
        click.echo(f"{name}: {found.executions} executions, {len(list(directory.iterdir()))} inputs kept")
        if found.failure:
            failed = True
            click.echo(f"broken: {found.failure}")
    if failed:
        raise SystemExit(1)
    inputs, modules = reached(corpora)
    for path, (hit, count) in modules.items():
        click.echo(f"{path}: {hit} of {count} lines")
    click.echo(f"{inputs} inputs reach {share(modules):.1f} % of the lines; at least {FLOOR} % is asked for")
    if share(modules) < FLOOR:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
