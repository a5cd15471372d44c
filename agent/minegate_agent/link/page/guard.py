"""What every request must pass and every answer carries. The page has no accounts, so the browser is held tightly."""

from __future__ import annotations

from ipaddress import ip_address

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
    ),
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Guard:
    """Refuses a foreign Host header and adds HEADERS to every answer, errors included."""

    def __init__(self, app: ASGIApp, bound: str) -> None:
        self._app = app
        self._bound = bound

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        app = self._app
        if not host_allowed(Headers(scope=scope).get("host", ""), self._bound):
            app = PlainTextResponse("this page answers to its own address only\n", status_code=421)
        await app(scope, receive, send_with_headers)


def host_allowed(header: str, bound: str) -> bool:
    """A number address, `localhost`, or the very name that was bound.

    DNS rebinding makes a browser send the attacker's host name to our address; it cannot make it send a number. The
    port is not compared: a tunnel (`ssh -L`) changes it.
    """
    host = header.strip().lower()
    if host.startswith("["):
        host, bracket, rest = host[1:].partition("]")
        well_formed = bool(bracket) and (rest == "" or (rest[0] == ":" and rest[1:].isdigit()))
    else:
        host, colon, port = host.partition(":")
        well_formed = not colon or port.isdigit()
    if not well_formed:
        return False
    if host in ("localhost", bound.lower()):
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or not _is_loopback(bound)


def _is_loopback(bound: str) -> bool:
    if bound == "localhost":
        return True
    try:
        return ip_address(bound).is_loopback
    except ValueError:
        return False
