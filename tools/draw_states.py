"""Draws the download's states from the table that is the law, firmware_agent.protocol.states.

``python -m tools.draw_states`` prints the diagram; ``--write`` puts it into docs/protocol.md, where a
test holds it to the table.
"""

import ast
import sys
from pathlib import Path

from firmware_agent.protocol import states
from tools import transitions
from tools.page_part import PagePart


def names() -> tuple[list[str], list[str]]:
    """States and events by their numbers, as the source names them: first all states, then all events."""
    tree = ast.parse(Path(states.__file__).read_text(encoding="utf-8"))
    found = []
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            if node.targets[0].id == "TRANSITIONS":
                break
            found.append(node.targets[0].id.lower())
    count = states.STATES
    return found[:count], found[count:]


def mermaid() -> str:
    """The diagram, fenced. Events with the same way share an arrow."""
    state_names, event_names = names()
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {state_names[states.IDLE]}"]
    for number, row in enumerate(transitions.rows()):
        arrows: dict[int, list[str]] = {}
        for event, target in row.items():
            arrows.setdefault(target, []).append(event_names[event].replace("_", " "))
        for target, events in arrows.items():
            lines.append(f"    {state_names[number]} --> {state_names[target]}: {', '.join(events)}")
    lines.append(f"    {state_names[states.ACTIVATING]} --> [*]: reset")
    return "\n".join([*lines, "```"]) + "\n"


PART = PagePart("draw_states", "end", mermaid)

if __name__ == "__main__":
    sys.exit(PART.main(sys.argv[1:]))
