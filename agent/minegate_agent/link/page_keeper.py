"""Keeps the page up, and link alive without it: a taken port or a missing library is one line."""

from __future__ import annotations

import asyncio
import logging

from minegate_agent.clock import Clock
from minegate_agent.config import Page
from minegate_agent.link.view import View

RETRY_S = 30.0

log = logging.getLogger("link")


async def keep_page(page: Page, view: View, clock: Clock) -> None:
    """Serve the page until cancelled; while its port is taken, try again each RETRY_S."""
    if not page.enabled:
        return
    try:
        from minegate_agent.link.page import serve  # the extra `page` may not be installed on a small gateway
    except ModuleNotFoundError as error:
        log.error("page.enabled = true, but %s is not installed (pip install 'minegate[page]'): no page", error.name)
        return
    said = ""
    while True:
        try:
            await serve(view, clock, page.host, page.tcp_port)
        except OSError as error:
            why = error.strerror or str(error)
            if why != said:
                log.error("page.tcp_port = %d on %s: %s; tried each %.0f s", page.tcp_port, page.host, why, RETRY_S)
                said = why
        await asyncio.sleep(RETRY_S)
