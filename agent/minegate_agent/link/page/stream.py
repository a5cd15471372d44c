"""Server-sent events: one whole snapshot to a new browser, then what changed, at most four times a second.

A browser that does not read is dropped and may come again; a page that stands still must never cost the gateway memory.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import msgspec
from starlette.types import Receive, Scope, Send

from minegate_agent.clock import Clock
from minegate_agent.link.page.changes import changes
from minegate_agent.link.view import View

CLIENTS_MAX = 32
FRAMES_WAITING_MAX = 8  # two seconds of changes
TICK_S = 0.25
HEARTBEAT_MS = 1000  # the page calls itself stale when it hears nothing for 3 s

log = logging.getLogger("page")


class Full(Exception):  # noqa: N818 - says what the hub is
    """CLIENTS_MAX browsers are watching."""


class Client:
    """One browser's frames. None in the queue ends the stream."""

    def __init__(self) -> None:
        self.started = False
        self.ended = False
        self._frames: asyncio.Queue[bytes | None] = asyncio.Queue(FRAMES_WAITING_MAX)

    def offer(self, frame: bytes) -> bool:
        """False if the browser is too slow; it is dropped then, because a frame left out would make the page lie."""
        if self._frames.full():
            self.end()
            return False
        self._frames.put_nowait(frame)
        return True

    def end(self) -> None:
        """Throw away what waits and end the stream."""
        self.ended = True
        while not self._frames.empty():
            self._frames.get_nowait()
        self._frames.put_nowait(None)

    async def frame(self) -> bytes | None:
        """The next frame, None at the end."""
        return await self._frames.get()


class Hub:
    """Everybody who watches, and what they were told last."""

    def __init__(self, view: View, clock: Clock) -> None:
        self._view = view
        self._clock = clock
        self._clients: set[Client] = set()
        self._somebody = asyncio.Event()
        self._closed = False
        self._told: dict[str, Any] = {}
        self._told_mark = self._told_version = 0
        self._told_ms = 0

    @property
    def watching(self) -> int:
        """Browsers that hold a place, dropped ones included until their connection is gone."""
        return len(self._clients)

    def join(self) -> Client:
        """A place for one more browser. Raises Full."""
        if self._closed or len(self._clients) >= CLIENTS_MAX:
            raise Full
        client = Client()
        self._clients.add(client)
        self._somebody.set()
        return client

    def leave(self, client: Client) -> None:
        """Give the place back."""
        self._clients.discard(client)

    def close(self) -> None:
        """End every stream and let nobody join."""
        self._closed = True
        for client in self._clients:
            client.end()

    async def run(self) -> None:
        """Tell everybody, until cancelled. Nobody watching costs nothing."""
        while True:
            if not self._clients:
                self._somebody.clear()
                await self._somebody.wait()
            self._tell()
            await asyncio.sleep(TICK_S)

    def _tell(self) -> None:
        now_ms = self._clock.monotonic_ms()
        new = any(not client.started for client in self._clients)
        due = now_ms - self._told_ms >= HEARTBEAT_MS or self._view.version != self._told_version
        if not (new or due):
            return
        document = self._view.snapshot(now_ms)
        change = changes(self._told, document) if self._told else {}
        change_frame = self._frame("change", change, self._told_mark)
        full_frame = self._frame("full", document, 0) if new else b""
        self._told, self._told_ms = document, now_ms
        self._told_mark, self._told_version = self._view.trend_mark, self._view.version
        for client in self._clients:
            if client.ended:
                continue
            if not client.offer(change_frame if client.started else full_frame):
                log.warning("a browser reads too slowly and was dropped; %d watch", len(self._clients) - 1)
            client.started = True

    def _frame(self, name: str, document: dict[str, Any], mark: int) -> bytes:
        body = {**document, "utc_ms": self._clock.utc_ms(), "trends": self._view.trends(after=mark)}
        return b"event: %b\ndata: %b\n\n" % (name.encode("ascii"), msgspec.json.encode(body))


class EventStream:
    """The ASGI answer that carries one client's frames until either side has enough."""

    def __init__(self, hub: Hub, client: Client) -> None:
        self._hub = hub
        self._client = client

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        try:
            async with asyncio.TaskGroup() as tasks:
                gone = tasks.create_task(_end_when_gone(receive, self._client), name="page-browser-gone")
                await _send_frames(self._client, send)
                gone.cancel()
        finally:
            self._hub.leave(self._client)


async def _end_when_gone(receive: Receive, client: Client) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    client.end()


async def _send_frames(client: Client, send: Send) -> None:
    headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"x-accel-buffering", b"no")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    while (frame := await client.frame()) is not None:
        await send({"type": "http.response.body", "body": frame, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
