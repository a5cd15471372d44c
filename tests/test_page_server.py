"""The page is read-only, answers to its own address only, and costs a bounded amount whatever browsers do."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import pytest

import page_site
from minegate_agent.clock import SystemClock
from minegate_agent.link.page import listen, serve
from minegate_agent.link.page.guard import HEADERS, host_allowed
from minegate_agent.link.page.server import CONNECTIONS_MAX
from minegate_agent.link.page.stream import CLIENTS_MAX, FRAMES_WAITING_MAX, Client, Full, Hub
from minegate_agent.link.view import View
from page_served import HOST, Served, served
from page_site import CUT, PERMITTED, methane, site

DEADLINE_S = 20


@pytest.fixture
def view() -> View:
    return View(site(), page_site.LIMITS, page_site.TITLES)


class Stream:
    """The server-sent events of one connection."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self._lines = answer.aiter_lines()

    async def next(self) -> tuple[str, dict[str, Any]]:
        async with asyncio.timeout(DEADLINE_S):
            kind = await anext(self._lines)
            data = await anext(self._lines)
            assert await anext(self._lines) == ""
        return kind.removeprefix("event: "), json.loads(data.removeprefix("data: "))

    async def drain(self) -> None:
        """Read until the gateway has ended the stream in good order."""
        async for _ in self._lines:
            pass

    async def until(self, key: str) -> dict[str, Any]:
        """The next change that says something of `key`."""
        while True:
            kind, document = await self.next()
            assert kind == "change"
            if key in document:
                return document


@asynccontextmanager
async def watching(page: Served) -> AsyncIterator[Stream]:
    async with (
        httpx.AsyncClient(base_url=page.address, timeout=DEADLINE_S) as browser,
        browser.stream("GET", "/api/stream") as answer,
    ):
        yield Stream(answer)


async def test_every_answer_carries_the_strict_headers(view: View) -> None:
    async with served(view) as page, httpx.AsyncClient(base_url=page.address) as browser:
        for path in ("/", "/static/page.js", "/static/nothing.js", "/api/status", "/nowhere"):
            answer = await browser.get(path)
            assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
            assert "server" not in answer.headers
        foreign = await browser.get("/", headers={"Host": "evil.example"})
        assert foreign.status_code == 421
        assert foreign.headers["Content-Security-Policy"].startswith("default-src 'self'")


async def test_the_files_of_the_page_have_their_types(view: View) -> None:
    async with served(view) as page, httpx.AsyncClient(base_url=page.address) as browser:
        types = {
            path: (await browser.get(path)).headers["content-type"].partition(";")[0]
            for path in ("/", "/static/page.js", "/static/page.css", "/static/texts.json", "/static/icon.svg")
        }
    assert types == {
        "/": "text/html", "/static/page.js": "text/javascript", "/static/page.css": "text/css",
        "/static/texts.json": "application/json", "/static/icon.svg": "image/svg+xml",
    }  # fmt: skip


@pytest.mark.parametrize(
    "path", ["/static/../app.py", "/static/..%2fapp.py", "/static/%2e%2e/app.py", "/static//etc/passwd"]
)
async def test_no_path_leads_out_of_the_folder(view: View, path: str) -> None:
    async with served(view) as page:
        reader, writer = await asyncio.open_connection(HOST, page.port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
    assert b" 404 " in answer.splitlines()[0]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_nothing_can_be_changed(view: View, method: str) -> None:
    async with served(view) as page, httpx.AsyncClient(base_url=page.address) as browser:
        for path in ("/", "/api/status", "/api/stream", "/static/page.js"):
            assert (await browser.request(method, path)).status_code == 405


@pytest.mark.parametrize(
    ("header", "bound", "allowed"),
    [
        ("127.0.0.1:8420", "127.0.0.1", True),
        ("127.0.0.1", "127.0.0.1", True),
        ("localhost:9999", "127.0.0.1", True),  # a tunnel changes the port
        ("[::1]:8420", "::1", True),
        ("LocalHost", "localhost", True),
        ("evil.example", "127.0.0.1", False),
        ("evil.example:8420", "0.0.0.0", False),
        ("127.0.0.1.evil.example", "127.0.0.1", False),
        ("10.1.2.3", "127.0.0.1", False),
        ("10.1.2.3:8420", "0.0.0.0", True),
        ("[fd00::1]", "::", True),
        ("gateway.mine", "gateway.mine", True),
        ("localhost:80@evil.example", "127.0.0.1", False),
        ("[::1]evil.example", "::1", False),
        ("[::1", "::1", False),
        ("", "127.0.0.1", False),
    ],
)
def test_only_the_pages_own_address_is_answered(header: str, bound: str, allowed: bool) -> None:
    assert host_allowed(header, bound) is allowed


async def test_the_status_is_the_snapshot(view: View) -> None:
    view.on_interlock(True, SystemClock().monotonic_ms())
    view.on_area(CUT, SystemClock().monotonic_ms())
    async with served(view) as page, httpx.AsyncClient(base_url=page.address) as browser:
        document = (await browser.get("/api/status")).json()
    assert document["areas"][0]["state"] == "cut"
    assert document["utc_ms"] > page_site.UTC_MS


async def test_a_browser_gets_the_whole_and_then_only_what_changed(view: View) -> None:
    clock = SystemClock()
    view.on_scan(methane(1, 0.40), 1, clock.monotonic_ms())
    async with served(view) as page, watching(page) as stream:
        kind, whole = await stream.next()
        assert kind == "full"
        assert len(whole["points"]) == 7
        assert whole["trends"]["1201-T1-ch4"]["v"] == [pytest.approx(0.4)]
        view.on_scan(methane(1, 0.55, utc_ms=page_site.UTC_MS + 1000), 2, clock.monotonic_ms())
        change = await stream.until("points")
        assert [(row["name"], row["value"]) for row in change["points"]] == [("1201-T1-ch4", pytest.approx(0.55))]
        assert change["trends"] == {"1201-T1-ch4": {"t": [page_site.UTC_MS + 1000], "v": [pytest.approx(0.55)]}}
        view.on_event(5, {"kind": "alarm", "point": "1201-T1-ch4"})
        view.on_event(6, {"kind": "cut", "area": page_site.AREA})
        change = await stream.until("events")
        assert [event["journal_sequence"] for event in change["events"]] == [6, 5]
        assert "points" not in change
        view.on_interlock(True, clock.monotonic_ms())
        view.on_area(PERMITTED, clock.monotonic_ms())
        assert (await stream.until("areas"))["areas"][0]["state"] == "permitted"


async def test_a_point_that_falls_silent_is_told_though_nothing_was_heard(view: View) -> None:
    view.on_scan(methane(1, 0.40), 1, SystemClock().monotonic_ms() - 2000)  # stale a second from now
    async with served(view) as page, watching(page) as stream:
        _, whole = await stream.next()
        assert whole["points"][0]["quality"] == []
        change = await stream.until("points")
        assert [(row["name"], row["quality"]) for row in change["points"]] == [("1201-T1-ch4", ["STALE"])]


async def test_when_nothing_happens_a_heartbeat_still_comes(view: View) -> None:
    async with served(view) as page, watching(page) as stream:
        await stream.next()
        for _ in range(2):
            kind, heartbeat = await stream.next()
            assert (kind, set(heartbeat)) == ("change", {"utc_ms", "trends"})


async def test_only_so_many_browsers_may_watch_and_a_place_comes_free(view: View) -> None:
    async with served(view) as page, httpx.AsyncClient(base_url=page.address, timeout=DEADLINE_S) as browser:
        connections = [await asyncio.open_connection(HOST, page.port) for _ in range(CLIENTS_MAX)]
        for reader, writer in connections:
            writer.write(f"GET /api/stream HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
            async with asyncio.timeout(DEADLINE_S):
                assert b" 200 " in await reader.readline()
        refused = await browser.get("/api/stream")
        assert refused.status_code == 503
        assert str(CLIENTS_MAX) in refused.text
        assert (await browser.get("/api/status")).status_code == 200
        connections[0][1].close()
        async with asyncio.timeout(DEADLINE_S):
            while not await _may_watch(page):
                pass  # each try is a request, answered by the loop that also sees the closed connection
        for _, writer in connections:
            writer.close()


async def _may_watch(page: Served) -> bool:
    async with watching(page) as stream:
        return stream.answer.status_code == 200


def test_a_browser_that_does_not_read_is_dropped_and_its_frames_with_it() -> None:
    client = Client()
    assert all(client.offer(b"frame") for _ in range(FRAMES_WAITING_MAX))
    assert not client.offer(b"one too many")
    assert client.ended
    assert asyncio.run(client.frame()) is None


def test_a_place_is_held_until_the_connection_is_gone() -> None:
    hub = Hub(View(site()), SystemClock())
    clients = [hub.join() for _ in range(CLIENTS_MAX)]
    clients[0].end()
    with pytest.raises(Full):
        hub.join()
    hub.leave(clients[0])
    assert hub.join() is not clients[0]
    assert hub.watching == CLIENTS_MAX


async def test_connections_that_ask_nothing_cannot_eat_the_descriptors(view: View) -> None:
    async with served(view) as page:
        idle = [await asyncio.open_connection(HOST, page.port) for _ in range(CONNECTIONS_MAX)]
        reader, writer = await asyncio.open_connection(HOST, page.port)
        async with asyncio.timeout(DEADLINE_S):
            with suppress(ConnectionResetError):
                assert await reader.read() == b""
        for _, each in [*idle, (reader, writer)]:
            each.close()


async def test_a_port_in_use_is_an_error_at_once(view: View) -> None:
    with socket.create_server((HOST, 0)) as other, pytest.raises(OSError, match="in use"):
        await serve(view, SystemClock(), HOST, other.getsockname()[1])


async def test_the_page_takes_no_signal_and_ends_when_cancelled(view: View) -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    async with served(view) as page, watching(page) as stream:
        await stream.next()
        assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
        async with asyncio.timeout(DEADLINE_S):
            await page.stop()
            await stream.drain()
    with listen(HOST, page.port):
        pass  # the address is free again
    assert {task.get_name() for task in asyncio.all_tasks()} & {"page", "page-stream", "page-server"} == set()
