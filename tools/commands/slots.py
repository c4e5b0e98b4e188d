"""``hanota slots``: what an emulated device's slots hold."""

import hashlib
import json
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from firmware_agent.boot import SLOT_NAMES
from firmware_agent.reject import Rejected
from firmware_agent.store import state as store_state
from firmware_agent.store.firmware_store import FirmwareStore
from firmware_agent.trust import manifest
from firmware_agent.trust.anchors import unpack, usage_text
from tools import files
from tools.emulator.state_dir import StateDir
from tools.emulator.stored import open_flash
from tools.errors import Failed, UnusableArguments

# In these the slot holds a whole image; in the others its bytes mean nothing.
_WHOLE = (
    store_state.CANDIDATE,
    store_state.STAGED,
    store_state.TRIAL,
    store_state.FAILED,
    store_state.UPDATED,
)


def payload_of(store: FirmwareStore, slot: int) -> bytes | None:
    """The payload's bytes as stored, or None if the slot holds no whole image."""
    if store.slot_state(slot) not in _WHOLE:
        return None
    try:
        found = store.head_of(slot, bytearray(manifest.HEAD_LIMIT))
    except Rejected:
        return None
    if found.head_length + found.payload_length > store.slots[slot].size:
        return None
    data = bytearray(found.payload_length)
    store.slots[slot].read(found.head_length, data)
    return bytes(data)


def report(store: FirmwareStore) -> dict:
    """The object of ``--json``."""
    state = store.state
    trial = state.secondary_state in (store_state.STAGED, store_state.TRIAL)
    slots = {}
    for slot, name in enumerate(SLOT_NAMES):
        entry: dict = {"state": store_state.STATE_NAMES[store.slot_state(slot)]}
        payload = payload_of(store, slot)
        version = None
        if payload is not None:
            version = f"0x{store.head_of(slot, bytearray(manifest.HEAD_LIMIT)).file_version:08x}"
        entry["file_version"] = version
        entry["size"] = None if payload is None else len(payload)
        entry["sha256"] = None if payload is None else hashlib.sha256(payload).hexdigest()
        slots[name] = entry
    return {
        "boots": SLOT_NAMES[store.secondary if trial else state.primary],
        "security_counter": state.security_counter,
        "trust_anchors": [
            {"key_id": anchor.key_id.hex(), "usage": usage_text(anchor.usage)}
            for anchor in unpack(store.device.anchors).entries
        ],
        "slots": slots,
    }


@click.command("slots")
@click.option(
    "--state", "state_path", required=True, metavar="DIR", type=click.Path(file_okay=False, path_type=Path)
)
@click.option("--json", "as_json", is_flag=True, help="One object.")
@click.option("--dump", type=click.Choice(SLOT_NAMES), help="Write this slot's payload to -o FILE.")
@click.option("-o", "--output", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
def command(state_path: Path, as_json: bool, dump: str | None, output: Path | None) -> None:
    """Show the slots of the emulated device in DIR, also while it runs: which one boots, what is in them.

    SIZE and SHA-256 are the payload's, as it is stored.
    """
    if (dump is None) != (output is None):
        raise UnusableArguments("--dump A|B and -o FILE go together")
    store = open_flash(StateDir(state_path))
    if dump is not None:
        assert output is not None
        payload = payload_of(store, SLOT_NAMES.index(dump))
        if payload is None:
            raise Failed(f"slot {dump} holds no whole image")
        files.write(output, payload)
        return
    found = report(store)
    if as_json:
        click.echo(json.dumps(found))
        return
    table = Table("slot", "boots", "state", "file version", "size", "SHA-256 of the payload")
    for name, entry in found["slots"].items():
        boots = "yes" if found["boots"] == name else ""
        size = "" if entry["size"] is None else str(entry["size"])
        table.add_row(name, boots, entry["state"], entry["file_version"], size, entry["sha256"])
    console = Console()
    console.print(table)
    console.print(f"security counter 0x{found['security_counter']:08x}")
    for anchor in found["trust_anchors"]:
        console.print(f"trust anchor {anchor['key_id']}: {anchor['usage']}")
