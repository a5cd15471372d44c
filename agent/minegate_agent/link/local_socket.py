"""A listening Unix socket of this process: its file appears for owner and group, and goes with the process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

MODE = 0o660  # owner and group, as control.sock of the interlock

Accept = Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]


@asynccontextmanager
async def listening(path: Path, accept: Accept) -> AsyncIterator[None]:
    """Listen inside the block. Raises OSError. A file left behind by a process that was killed is replaced; a living
    one would hold the journal, without which nobody gets here.
    """
    _remove(path)
    server = await asyncio.start_unix_server(accept, str(path))
    try:
        _open_to_group(path)
        yield
    finally:
        server.close()
        _remove(path)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def _open_to_group(path: Path) -> None:
    path.chmod(MODE)
