"""uvicorn inside the link's event loop: it takes no signals, writes no access log, ends when its task is cancelled."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from minegate_agent.clock import Clock
from minegate_agent.link.page.app import build
from minegate_agent.link.page.stream import Hub
from minegate_agent.link.page_listener import listen
from minegate_agent.link.view import View

CONNECTIONS_MAX = 96  # open descriptors that the page may cost; the journal lives in the same process
REQUEST_WITHIN_S = 10.0  # a connection that asks nothing is closed
CLOSE_WITHIN_S = 1


async def serve(view: View, clock: Clock, host: str, port: int) -> None:
    """Serve until cancelled. OSError at once if the address cannot be had."""
    await serve_on(listen(host, port), view, clock, host)


async def serve_on(listener: socket.socket, view: View, clock: Clock, host: str) -> None:
    """As `serve`, on a socket from `listen(host, ...)`, which is closed at the end."""
    hub = Hub(view, clock)
    config = uvicorn.Config(
        build(view, clock, hub, host),
        http=_BoundedProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=CLOSE_WITHIN_S,
    )
    server = _Server(config)
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(hub.run(), name="page-stream")
            tasks.create_task(server.serve(sockets=[listener]), name="page-server")
    finally:
        hub.close()
        if server.started:
            await server.shutdown(sockets=[listener])
        listener.close()


class _Server(uvicorn.Server):
    """Signals belong to the process that this page is a part of."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        """Wait to be cancelled; uvicorn's own loop wakes ten times a second to see whether it should exit."""
        await self.on_tick(0)
        await asyncio.Event().wait()


class _BoundedProtocol(H11Protocol):
    """uvicorn's own limit answers 503 but keeps accepting; descriptors are what must not run out."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        if len(self.connections) > CONNECTIONS_MAX:
            transport.abort()
            return
        self.timeout_keep_alive_task = self.loop.call_later(REQUEST_WITHIN_S, self.timeout_keep_alive_handler)
