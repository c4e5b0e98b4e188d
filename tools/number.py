"""Numbers on the command line: decimal or 0x hexadecimal, within what their field holds."""

import click


class Number(click.ParamType):
    """An integer from 0 to ``maximum``."""

    name = "number"

    def __init__(self, maximum: int, minimum: int = 0):
        self.minimum = minimum
        self.maximum = maximum

    def convert(self, value, param, ctx):
        if isinstance(value, int):
            return value
        try:
            number = int(value, 16) if value[:2].lower() == "0x" else int(value, 10)
        except ValueError:
            self.fail(f"{value!r} is not a number; write 4660 or 0x1234", param, ctx)
        if not self.minimum <= number <= self.maximum:
            self.fail(f"{value} is not within {self.minimum} and 0x{self.maximum:x}", param, ctx)
        return number


U16 = Number(0xFFFF)
U32 = Number(0xFFFFFFFF)
