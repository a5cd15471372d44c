"""A page that is really served: uvicorn on a free port of the loopback, in the loop of the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from minegate_agent.clock import SystemClock
from minegate_agent.link.page import listen, serve_on
from minegate_agent.link.view import View

HOST = "127.0.0.1"


class Served:
    """Where it is, and how to end it."""

    def __init__(self, port: int, task: asyncio.Task[None]) -> None:
        self.port = port
        self.address = f"http://{HOST}:{port}"
        self._task = task

    async def stop(self) -> None:
        """As when the link process ends."""
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task


@asynccontextmanager
async def served(view: View, port: int = 0) -> AsyncIterator[Served]:
    """Serve until the end of the block."""
    listener = listen(HOST, port)
    port = listener.getsockname()[1]
    task = asyncio.create_task(serve_on(listener, view, SystemClock(), HOST), name="page")
    page = Served(port, task)
    try:
        yield page
    finally:
        await page.stop()
