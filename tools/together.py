"""Two things at a time: a hub's offer, and what is waited for meanwhile."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from typing import Any


@contextlib.asynccontextmanager
async def beside(coroutine: Coroutine[Any, Any, Any]) -> AsyncIterator[asyncio.Task[Any]]:
    """It runs while the block does, and is cancelled in the end."""
    task = asyncio.create_task(coroutine)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def while_going(task: asyncio.Task[Any], wanted: Coroutine[Any, Any, Any]) -> None:
    """``wanted`` comes true while ``task`` goes on, or has ended well; its failure is ours."""
    async with beside(wanted) as other:
        await asyncio.wait((task, other), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        await other
