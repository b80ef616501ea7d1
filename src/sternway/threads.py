"""Work in threads that is never left alone: who is cancelled meanwhile still waits for its end."""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def uninterrupted(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run blocking work in a thread; a cancellation takes effect once the thread is done.

    A thread cannot be cancelled, and what it writes could not be cleared up while it writes.
    """
    return await aborted_by(lambda: None, work, *args, **kwargs)


async def aborted_by(abort: Callable[[], object], work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run blocking work in a thread that ends soon once `abort` is called, as it is for a cancellation."""
    running = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        abort()
        await asyncio.wait([running])
        if not running.cancelled():
            running.exception()  # taken, so that nobody is told of what no longer matters
        raise
