"""HOST:PORT on a command line."""

from typing import Any

import click


class HostPort(click.ParamType):
    """HOST:PORT as (host, port); [::1]:5000 for IPv6. Port 0, "any free one", only where one listens."""

    name = "HOST:PORT"

    def __init__(self, listens: bool = False) -> None:
        self._lowest = 0 if listens else 1

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        if isinstance(value, tuple):
            return value
        host, colon, port = value.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not (colon and host and port.isascii() and port.isdigit() and self._lowest <= int(port) < 65536):
            self.fail(f"{value!r} is not HOST:PORT, such as 127.0.0.1:5000", param, ctx)
        return host, int(port)
