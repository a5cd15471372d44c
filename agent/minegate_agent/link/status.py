"""status.sock: whoever connects gets one JSON document, the same as the page's, and the line is closed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from minegate_agent.link.local_socket import listening

CLIENTS_MAX = 8
WRITE_S = 2.0


async def serve(path: Path, document: Callable[[], Awaitable[dict[str, object]]]) -> None:
    """Listen until cancelled. Raises OSError if the socket cannot be had."""
    async with asyncio.TaskGroup() as tasks:
        answering: set[asyncio.Task[None]] = set()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if len(answering) >= CLIENTS_MAX:
                writer.close()
                return
            task = tasks.create_task(_answer(writer, document), name="status-answer")
            answering.add(task)
            task.add_done_callback(answering.discard)

        async with listening(path, accept):
            await asyncio.Event().wait()


async def _answer(writer: asyncio.StreamWriter, document: Callable[[], Awaitable[dict[str, object]]]) -> None:
    try:
        writer.write(msgspec.json.encode(await document()))
        async with asyncio.timeout(WRITE_S):
            await writer.drain()
            writer.close()
            await writer.wait_closed()
    except (OSError, TimeoutError):
        writer.transport.abort()  # it asked and did not listen
    finally:
        writer.close()
