"""The routes. All of them read; there is none that changes anything."""

from __future__ import annotations

import mimetypes
from pathlib import Path

import msgspec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from minegate_agent.clock import Clock
from minegate_agent.link.page.guard import Guard
from minegate_agent.link.page.stream import CLIENTS_MAX, EventStream, Full, Hub
from minegate_agent.link.view import View

STATIC = Path(__file__).parent / "static"


def build(view: View, clock: Clock, hub: Hub, bound: str) -> Starlette:
    """The application. The files of the page are read now, so that no request touches the disk or names a path."""
    files = {path.relative_to(STATIC).as_posix(): path for path in STATIC.rglob("*") if path.is_file()}
    answers = {name: _answer(path) for name, path in files.items()}

    async def index(request: Request) -> Response:
        return answers["index.html"]

    async def static(request: Request) -> Response:
        found = answers.get(request.path_params["name"])
        return found or PlainTextResponse("no such file\n", status_code=404)

    async def status(request: Request) -> Response:
        document = {**view.snapshot(clock.monotonic_ms()), "utc_ms": clock.utc_ms()}
        return Response(msgspec.json.encode(document), media_type="application/json")

    async def stream(request: Request) -> ASGIApp:
        if request.method == "HEAD":
            return Response(media_type="text/event-stream")
        try:
            return EventStream(hub, hub.join())
        except Full:
            text = f"{CLIENTS_MAX} browsers are watching, which is the limit\n"
            return PlainTextResponse(text, status_code=503, headers={"Retry-After": "5"})

    routes = [
        Route("/", index),
        Route("/static/{name:path}", static),
        Route("/api/status", status),
        Route("/api/stream", stream),
    ]
    return Starlette(routes=routes, middleware=[Middleware(Guard, bound=bound)])


def _answer(path: Path) -> Response:
    kind = mimetypes.guess_type(path.name)[0] or "text/plain"
    return Response(path.read_bytes(), media_type=kind)
