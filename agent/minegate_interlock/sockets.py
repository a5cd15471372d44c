"""The interlock's three listening sockets in the run directory. It owns them; whoever wants to talk connects.

Whether another interlock lives here is asked of a lock and not by connecting: to be connected to and left is an event
for whoever listens (its field process would be gone, and power with it).
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
from contextlib import suppress

from minegate_interlock.world import Folder

POINTS = "points.sock"
VERDICTS = "verdicts.sock"
CONTROL = "control.sock"
_LOCK = "interlock.lock"
_CONTROL_MODE = 0o660  # owner and group: the operators of this gateway
_BACKLOG = 8
_PEER = struct.Struct("3i")  # pid, uid, gid


class SocketTakenError(OSError):
    """Another interlock is listening there."""


def claim(folder: Folder) -> int:
    """A descriptor that keeps every other interlock out of `folder` until this process ends, however it ends."""
    lock = os.open(os.path.join(folder, _LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _CONTROL_MODE)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise SocketTakenError(f"{os.path.join(folder, POINTS)}: another interlock is listening here") from error
    return lock


def listen(folder: Folder, name: str) -> socket.socket:
    """A non-blocking SOCK_SEQPACKET listener in a claimed folder: a file that is there was left by a dead process."""
    path = os.path.join(folder, name)
    with suppress(FileNotFoundError):
        os.unlink(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
    before = os.umask(0o777 & ~_CONTROL_MODE)
    try:
        listener.bind(path)
    finally:
        os.umask(before)
    listener.listen(_BACKLOG)
    return listener


def who(connection: socket.socket, by: str) -> str:
    """The name that a person gave, and the account that the kernel saw."""
    pid, uid, _ = _PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
    return f"{by!r} (uid {uid}, pid {pid})"
