"""Writes the table of the upgrade client's settings from firmware_agent.protocol.settings, where each one's
comment says what it is and whose value it has.

``python -m tools.settings_table`` prints it; ``--write`` puts it into docs/protocol.md, where a test holds it
to the source. `make docs` does that and the rest of the page.
"""

import sys
from pathlib import Path

from firmware_agent.protocol import settings
from tools.page_part import PagePart


def rows() -> list[tuple[str, str, str]]:
    """(name, default, comment) of each setting in the source's order. ValueError if one has no comment."""
    found = []
    comment: list[str] = []
    body = Path(settings.__file__).read_text(encoding="utf-8").partition("class Settings:")[2]
    for line in body.partition("\n\n\n")[0].splitlines():
        text = line.strip()
        if text.startswith("# "):
            comment.append(text[2:])
        elif " = " in text:
            name = text.partition(" = ")[0]
            if not comment:
                raise ValueError(f"{name} has no comment of its own")
            found.append((name, str(getattr(settings.Settings, name)), " ".join(comment)))
            comment = []
    return found


def table() -> str:
    """The table in Markdown."""
    lines = ["| setting | default | what it is, and whose value |", "|---|---|---|"]
    lines += [f"| `{name}` | {default} | {comment} |" for name, default, comment in rows()]
    return "\n".join(lines) + "\n"


PART = PagePart("settings_table", "end of settings", lambda: f"\n{table()}\n")

if __name__ == "__main__":
    sys.exit(PART.main(sys.argv[1:]))
