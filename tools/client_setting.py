"""A setting of the upgrade client as a command-line value: NAME=VALUE, names as in docs/protocol.md."""

from typing import Any

import click

from firmware_agent.protocol.settings import Settings

_LARGEST = (1 << 30) - 1  # a small integer on every port


class ClientSetting(click.ParamType):
    """(name, value); a bool is 0 or 1, several numbers are separated by commas."""

    name = "setting"

    def convert(self, value: Any, param, ctx) -> tuple[str, int | list[int]]:
        if isinstance(value, tuple):
            return value
        name, equals, text = value.partition("=")
        default = vars(Settings).get(name)
        if not equals or name.startswith("_") or default is None:
            self.fail(f"{value!r}: write NAME=VALUE with one of the names in docs/protocol.md", param, ctx)
        numbers = text.split(",")
        if not all(one.isascii() and one.isdigit() and int(one) <= _LARGEST for one in numbers):
            self.fail(f"{text!r} is not a number from 0 to {_LARGEST}", param, ctx)
        if isinstance(default, tuple):
            return name, [int(one) for one in numbers]
        if len(numbers) > 1 or (isinstance(default, bool) and int(text) > 1):
            self.fail(f"{name} has one value, like {int(default)}", param, ctx)
        return name, int(text)
