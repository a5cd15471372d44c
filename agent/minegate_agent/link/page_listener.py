"""The page's listening socket. It stands from the start; what answers on it is loaded when somebody looks."""

from __future__ import annotations

import socket

UNREAD_WITHIN_MS = 10_000  # a browser that takes nothing for so long is closed by the kernel
UNREAD_BYTES_MAX = 262_144  # what the kernel keeps for it meanwhile; some whole snapshots


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_WITHIN_MS)  # accepted sockets inherit both
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, UNREAD_BYTES_MAX)
    return listener
