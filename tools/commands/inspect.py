"""``hanota inspect``: what is in upgrade files, and the device's verdict on them."""

import json
import os
from pathlib import Path

import click

from firmware_agent.store import facts
from firmware_agent.trust.anchors import ANCHORS, FIRMWARE, Anchor, Anchors
from tools import anchor_options, envelope, explanation, files, inspection, keys
from tools.anchor_options import EUI64, AnchorAdded
from tools.devices import IMAGE_TYPES
from tools.errors import UnusableArguments
from tools.inspection import Report
from tools.number import U16, U32
from tools.zigbee_time import Moment

# Of the host board's device, whose flash map also gives the size of a slot.
_MANUFACTURER_CODE = 0x1234
_HARDWARE_VERSION = 1
_DESCRIBED = (
    "device",
    "manufacturer_code",
    "image_type",
    "hardware_version",
    "device_eui64",
    "running_version",
    "security_counter",
    "slot_size",
    "now",
    "anchors",
    "built_for_test",
)


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
@click.option(
    "--explain",
    is_flag=True,
    help="Rule by rule, why one certain device takes it: --device-state, or the one of the options below.",
)
@click.option(
    "--device-state",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The emulated device in DIR, as it is now, with its own trust anchors.",
)
@click.option("--device", type=click.Choice(list(IMAGE_TYPES)), help="Kind of device. [default: ppmid]")
@click.option("--manufacturer-code", type=U16, help="[default: 0x1234]")
@click.option("--image-type", type=U16, help="Instead of the kind's own.")
@click.option("--hardware-version", type=U16, help="[default: 1]")
@click.option("--device-eui64", type=EUI64(), help="Without it the device takes no image for one device.")
@click.option(
    "--running-version", type=U32, help="File version that runs. [default: none, as at the factory]"
)
@click.option("--security-counter", type=U32, help="[default: 0]")
@click.option("--slot-size", type=U32, help="Bytes. [default: the host board's]")
@click.option(
    "--now", type=Moment(), help="The device's time, e.g. 2027-01-31T18:00Z. [default: it has none]"
)
@click.option(
    "--anchor",
    "anchors",
    multiple=True,
    type=AnchorAdded(),
    metavar="USAGES=public.pem",
    help=f"A trust anchor with its usages ({anchor_options.USAGES}); --trust gives it the first two.",
)
@click.option("--built-for-test", is_flag=True, help="A device that believes keys that everybody knows.")
@click.pass_context
def command(
    ctx: click.Context,
    paths: tuple[Path, ...],
    as_json: bool,
    trusted: tuple[Path, ...],
    explain: bool,
    device_state: Path | None,
    **described,
) -> None:
    """Show header, elements and manifest of upgrade files, and the verdict of a device that they suit, with
    its reason. Any file may be given. Exit status 1 if one is refused.

    With --explain it is the verdict of one certain device, rule by rule, and of all rules: a device stops at
    the first refusal.

    \b
    Example:
      hanota inspect v2.ota --trust keys/public.pem
      hanota inspect v2.ota --explain --device-state device
    """
    anchors = [keys.load_public(path) for path in trusted]
    asked = None
    if explain:
        asked = _device(ctx, device_state, anchors, described)
    elif device_state is not None or _given(ctx):
        raise UnusableArguments(f"{(_given(ctx) or ['--device-state'])[0]} describes a device for --explain")
    accepted = True
    for path in paths:
        data = files.read(path, inspection.SIZE_MAXIMUM + 1)
        report = inspection.examine(data, anchors)
        findings = None
        if asked is not None:
            findings = explanation.explain(data, asked)
            _judge_by(report, findings)
        accepted = accepted and report.verdict == inspection.ACCEPTED
        if as_json:
            shown = inspection.as_json(os.fspath(path), report)
            if asked is not None and findings is not None:
                shown["device"] = explanation.device_fields(asked)
                shown["rules"] = explanation.as_json(findings)
            click.echo(json.dumps(shown))
        else:
            _print(path, report, findings)
    ctx.exit(0 if accepted else 1)


def _given(ctx: click.Context) -> list[str]:
    """The options that describe a device and stand on the command line."""
    on_line = click.core.ParameterSource.COMMANDLINE
    by_name = {option.name: option.opts[0] for option in ctx.command.params}
    return [by_name[name] for name in _DESCRIBED if ctx.get_parameter_source(name) is on_line]


def _device(ctx: click.Context, state: Path | None, trusted: list[bytes], described: dict) -> facts.Device:
    if state is not None:
        if _given(ctx) or trusted:
            option = _given(ctx)[0] if _given(ctx) else "--trust"
            raise UnusableArguments(f"--device-state says who the device is: leave {option} out")
        from tools.emulator.state_dir import StateDir
        from tools.emulator.stored import device_now

        return device_now(StateDir(state))
    return _described(trusted, **described)


def _described(
    trusted: list[bytes],
    device: str | None,
    manufacturer_code: int | None,
    image_type: int | None,
    hardware_version: int | None,
    device_eui64: bytes | None,
    running_version: int | None,
    security_counter: int | None,
    slot_size: int | None,
    now: int | None,
    anchors: tuple[Anchor, ...],
    built_for_test: bool,
) -> facts.Device:
    from boards.common import flash_map

    manufacturer = _MANUFACTURER_CODE if manufacturer_code is None else manufacturer_code
    kind = IMAGE_TYPES[device or "ppmid"] if image_type is None else image_type
    try:
        anchor_set = Anchors([*(Anchor(key, FIRMWARE | ANCHORS) for key in trusted), *anchors])
    except ValueError as error:
        raise UnusableArguments(f"a device cannot have these trust anchors: {error}") from error
    asked = facts.Device(
        manufacturer,
        kind,
        _HARDWARE_VERSION if hardware_version is None else hardware_version,
        envelope.vendor_id(manufacturer),
        envelope.class_id(manufacturer, kind),
        security_counter or 0,
        flash_map.SLOT_UNITS * flash_map.ERASE_SIZE if slot_size is None else slot_size,
        anchor_set,
        device_eui64,
        built_for_test,
    )
    asked.file_version = running_version
    asked.time = now
    return asked


def _judge_by(report: Report, findings: list[explanation.Finding]) -> None:
    """The verdict is that of the device that was asked."""
    refused = explanation.refusal(findings)
    report.verdict = inspection.ACCEPTED if refused is None else inspection.REFUSED
    report.reason = "" if refused is None else f"{refused.reason}: {refused.detail}"


def _print(path: Path, report: Report, findings: list[explanation.Finding] | None) -> None:
    click.echo(click.format_filename(path))
    shown = inspection.as_json("", report)
    _print_fields("header", shown["header"])
    for element in shown["elements"]:
        click.echo(f"  element     {element['tag']} {element['name']}, {element['length']} bytes")
    _print_fields("manifest", shown["manifest"])
    if shown["gbcs"] is not None:
        _print_fields("gbcs", shown["gbcs"])
    if findings is not None:
        _print_rules(findings)
    colour = "green" if report.verdict == inspection.ACCEPTED else "red"
    click.secho(f"  {report.verdict}", fg=colour, nl=False)
    click.echo(f": {report.reason}" if report.reason else "")


def _print_rules(findings: list[explanation.Finding]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    styles = {explanation.PASSED: "green", explanation.REFUSED: "red", explanation.SKIPPED: "yellow"}
    table = Table("", "rule", "verdict", "why", pad_edge=False)
    first = explanation.refusal(findings)
    for number, finding in enumerate(findings, 1):
        verdict = finding.reason or finding.verdict
        # Text, not markup: what a file says must not steer the terminal.
        row = (Text(str(number)), Text(finding.rule), Text(verdict, styles.get(finding.verdict, "dim")))
        table.add_row(*row, Text(finding.detail))
    Console().print(table)
    if first is not None:
        rules = [finding.rule for finding in findings]
        proven = rules.index(first.rule) > rules.index("signature")
        below = "the rules below it are for you" if proven else "what is below it is read from unproven bytes"
        click.echo(f"  A device stops at {first.rule!r}; {below}.")


def _print_fields(title: str, fields: dict | None) -> None:
    click.echo(f"  {title}" + ("" if fields else "      none that decodes"))
    for name, value in (fields or {}).items():
        if value is not None:
            click.echo(f"    {name:27} {value}")
