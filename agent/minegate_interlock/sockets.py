"""The interlock's three listening sockets in the run directory. It owns them; whoever wants to talk connects."""

from __future__ import annotations

import os
import socket
from pathlib import Path

POINTS = "points.sock"
VERDICTS = "verdicts.sock"
CONTROL = "control.sock"
_CONTROL_MODE = 0o660  # owner and group: the operators of this gateway
_BACKLOG = 8


class SocketTakenError(OSError):
    """Another interlock is listening there."""


def listen(folder: Path, name: str) -> socket.socket:
    """A non-blocking SOCK_SEQPACKET listener. A file left behind by a dead process is replaced; a living one is not."""
    path = folder / name
    probe = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        probe.connect(str(path))
    except (FileNotFoundError, ConnectionRefusedError):
        path.unlink(missing_ok=True)
    else:
        raise SocketTakenError(f"{path}: another interlock is listening here")
    finally:
        probe.close()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
    before = os.umask(0o777 & ~_CONTROL_MODE)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    listener.listen(_BACKLOG)
    return listener
