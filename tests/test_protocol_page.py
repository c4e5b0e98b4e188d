"""docs/protocol.md says what the table and the settings say."""

import re
import subprocess
import sys

import pytest

from firmware_agent.protocol import states
from firmware_agent.protocol.settings import Settings
from tools import draw_states, layout, page_part, settings_table, transitions

PAGE = page_part.PAGE.read_text(encoding="utf-8")


def test_diagram_is_the_table():
    assert draw_states.PART.written(PAGE) == PAGE, "run: make docs"


def test_diagram_has_every_entry_of_the_table():
    arrows = re.findall(r"^    (\w+) --> (\w+): (.*)$", draw_states.mermaid(), re.MULTILINE)
    drawn = {(one, event, other) for one, other, events in arrows for event in events.split(", ")}
    expected = {("activating", "reset", "")}
    for number, row in enumerate(transitions.rows()):
        for event, target in row.items():
            expected.add((name(number, 0), name(event, 1).replace("_", " "), name(target, 0)))
    # The arrow to the end has no name that the pattern takes for a state.
    assert drawn | {("activating", "reset", "")} == expected


def name(number: int, kind: int) -> str:
    return draw_states.names()[kind][number]


def test_names_are_those_of_the_source():
    state_names, event_names = draw_states.names()
    assert len(state_names) == states.STATES and len(event_names) == states.EVENTS
    for number, state in enumerate(state_names):
        assert getattr(states, state.upper()) == number
    for number, event in enumerate(event_names):
        assert getattr(states, event.upper()) == number
    assert {event for _, event in transitions.entries()} == set(range(len(event_names)))


def test_every_state_is_explained():
    explained = re.findall(r"^\| (\w+) \| .* \| .* \|$", PAGE, re.MULTILINE)
    assert [word for word in explained if word != "state" and word != "setting"] == draw_states.names()[0]


def test_settings_table_is_the_settings():
    assert settings_table.PART.written(PAGE) == PAGE, "run: make docs"
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| .+ \|$", PAGE, re.MULTILINE)
    defaults = {key: str(value) for key, value in vars(Settings).items() if not key.startswith("_")}
    assert dict(rows) == defaults and len(rows) == len(defaults)


def test_every_setting_names_a_source():
    for name, _, comment in settings_table.rows():
        assert re.search(r"\b(Spec|spec|Silabs|Exegin|Espressif|zigpy|[Hh]ubs|Ours|ours|field)\b", comment), (
            name
        )


def test_every_module_is_named():
    for path in (layout.ROOT / "firmware_agent/protocol").glob("*.py"):
        assert path.name == "__init__.py" or f"`{path.name}`" in PAGE, path.name


@pytest.mark.parametrize(
    "tool, text", [("draw_states", draw_states.mermaid), ("settings_table", settings_table.table)]
)
def test_command_prints_what_the_page_holds(tool, text):
    command = [sys.executable, "-m", f"tools.{tool}"]
    result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=layout.ROOT)
    assert result.stdout == text()
    assert subprocess.run([*command, "--nonsense"], capture_output=True, cwd=layout.ROOT).returncode == 2


def test_page_without_a_place_is_an_error():
    for write in (draw_states.PART.written, settings_table.PART.written):
        with pytest.raises(ValueError, match="no lines"):
            write("# A page\n")
