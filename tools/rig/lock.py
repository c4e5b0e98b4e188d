"""A bench belongs to one run at a time: a busy one is waited for, or refused."""

import asyncio
import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import click

from tools.errors import Failed

_LOOK = 0.2  # seconds


def _say(text: str) -> None:
    click.echo(text, err=True)


class BenchLock:
    """An async context manager; ``wait``: until the bench is free, else Failed if it is not.

    ``tell`` gets a line, once, when there is somebody to wait for; by default it goes to standard error.
    """

    def __init__(self, name: str, path: Path, wait: bool, tell: Callable[[str], None] = _say):
        self._name = name
        self.path = path
        self._wait = wait
        self._tell = tell
        self._descriptor = -1

    async def __aenter__(self) -> "BenchLock":
        try:
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise Failed(
                f"cannot open the lock {self.path} of bench {self._name}: {error.strerror}"
            ) from error
        try:
            await self._take()
        except BaseException:
            os.close(self._descriptor)
            raise
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)
        return self

    async def __aexit__(self, *exception: object) -> None:
        # Closing frees it. The file stays: removing it would let two runs lock two files of one name.
        os.close(self._descriptor)

    async def _take(self) -> None:
        told = False
        while not self._taken():
            holder = os.pread(self._descriptor, 32, 0).decode(errors="replace").strip() or "somebody"
            busy = f"bench {self._name} is busy (process {holder})"
            if not self._wait:
                raise Failed(f"{busy}; --wait waits until it is free")
            if not told:
                self._tell(f"{busy}: waiting until it is free")
                told = True
            await asyncio.sleep(_LOOK)

    def _taken(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
