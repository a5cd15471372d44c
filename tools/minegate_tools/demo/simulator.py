"""The simulated heading as the demo sees it: commands over its control socket, and its lines of truth."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

ANSWER_S = 5.0


class SimulatorLost(Exception):  # noqa: N818 - says what happened
    """The simulator does not answer, or refused. The text says which."""


async def command(folder: Path, **wish: object) -> dict[str, Any]:
    """Give the simulator in `folder` one command; its answer. Raises SimulatorLost."""
    path = folder / "control.sock"
    try:
        async with asyncio.timeout(ANSWER_S):
            reader, writer = await asyncio.open_unix_connection(str(path))
            try:
                writer.write(json.dumps(wish).encode() + b"\n")
                await writer.drain()
                answer = json.loads(await reader.readline())
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError) as error:
        raise SimulatorLost(f"{path}: {wish}: {type(error).__name__} {error}") from error
    if not isinstance(answer, dict) or not answer.get("ok", True):
        raise SimulatorLost(f"{path}: {wish}: {answer}")
    return answer


def truth(folder: Path) -> list[dict[str, Any]]:
    """Every whole line of `truth.jsonl` so far; empty before the first."""
    path = folder / "truth.jsonl"
    if not path.exists():
        return []
    whole = path.read_text(encoding="utf-8").rpartition("\n")[0]
    return [json.loads(line) for line in whole.splitlines()]


def contact_closed(lines: list[dict[str, Any]]) -> bool:
    """Whether the relay's contact is closed after these lines; it is open before any."""
    edges = [line["what"] for line in lines if line["what"] in ("contact_open", "contact_closed")]
    return bool(edges) and edges[-1] == "contact_closed"
