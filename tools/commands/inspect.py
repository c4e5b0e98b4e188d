"""``hanota inspect``: what is in upgrade files, and the device's verdict on them."""

import json
import os
from pathlib import Path

import click

from tools import files, inspection, keys
from tools.inspection import Report


@click.command("inspect")
@click.argument(
    "paths",
    metavar="FILE...",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path),
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line and file.")
@click.option(
    "--trust",
    "trusted",
    multiple=True,
    metavar="public.pem",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A public key to trust; may be given more than once. Without one every file is refused.",
)
@click.pass_context
def command(ctx: click.Context, paths: tuple[Path, ...], as_json: bool, trusted: tuple[Path, ...]) -> None:
    """Show header, elements and manifest of upgrade files, and the verdict of a device that they suit, with
    its reason. Any file may be given. Exit status 1 if one is refused.

    \b
    Example:
      hanota inspect v2.ota --trust keys/public.pem
    """
    anchors = [keys.load_public(path) for path in trusted]
    accepted = True
    for path in paths:
        report = inspection.examine(files.read(path, inspection.SIZE_MAXIMUM + 1), anchors)
        accepted = accepted and report.verdict == inspection.ACCEPTED
        if as_json:
            click.echo(json.dumps(inspection.as_json(os.fspath(path), report)))
        else:
            _print(path, report)
    ctx.exit(0 if accepted else 1)


def _print(path: Path, report: Report) -> None:
    click.echo(click.format_filename(path))
    shown = inspection.as_json("", report)
    _print_fields("header", shown["header"])
    for element in shown["elements"]:
        click.echo(f"  element     {element['tag']} {element['name']}, {element['length']} bytes")
    _print_fields("manifest", shown["manifest"])
    colour = "green" if report.verdict == inspection.ACCEPTED else "red"
    click.secho(f"  {report.verdict}", fg=colour, nl=False)
    click.echo(f": {report.reason}" if report.reason else "")


def _print_fields(title: str, fields: dict | None) -> None:
    click.echo(f"  {title}" + ("" if fields else "      none that decodes"))
    for name, value in (fields or {}).items():
        if value is not None:
            click.echo(f"    {name:27} {value}")
