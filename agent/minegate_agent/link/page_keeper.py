"""Keeps the page up, and link alive without it: a taken port or a missing library is one line.

The web server is loaded when the first browser comes: a gateway at which nobody looks has no memory for it, and a start
no time.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from importlib import import_module
from importlib.util import find_spec

from minegate_agent.clock import Clock
from minegate_agent.config import Page
from minegate_agent.link.page_listener import listen
from minegate_agent.link.view import View

RETRY_S = 30.0
NEEDED = ("starlette", "uvicorn")  # the extra `page`; it may not be installed on a small gateway

log = logging.getLogger("link")


async def keep_page(page: Page, view: View, clock: Clock, looked_at: Callable[[], Awaitable[None]]) -> None:
    """Serve the page until cancelled; while its port is taken, try again each RETRY_S. `looked_at`: before the first
    look.
    """
    if not page.enabled:
        return
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        log.error("page.enabled = true, but %s is not installed (pip install 'minegate[page]'): no page", missing[0])
        return
    said = ""
    while True:
        try:
            listener = listen(page.host, page.tcp_port)
        except OSError as error:
            why = error.strerror or str(error)
            if why != said:
                log.error("page.tcp_port = %d on %s: %s; tried each %.0f s", page.tcp_port, page.host, why, RETRY_S)
                said = why
        else:
            await _serve(listener, page, view, clock, looked_at)
        await asyncio.sleep(RETRY_S)


async def _serve(
    listener: socket.socket, page: Page, view: View, clock: Clock, looked_at: Callable[[], Awaitable[None]]
) -> None:
    with listener:
        await _somebody(listener)
        await looked_at()
        # in a thread: loading it takes longer than an alarm may wait
        web = await asyncio.to_thread(import_module, "minegate_agent.link.page")
        await web.serve_on(listener, view, clock, page.host)


async def _somebody(listener: socket.socket) -> None:
    """Wait for the first connection; it stays in the queue of the socket."""
    loop, came = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(listener, came.set)
    try:
        await came.wait()
    finally:
        loop.remove_reader(listener)
