"""A person at the gateway: one command to the interlock's control socket, and what was answered."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from minegate_interlock.lines import RECORD_BYTES_MAX, Answer, Refused, unpack
from minegate_interlock.sockets import CONTROL, POINTS, VERDICTS
from minegate_sim.virtual.timeline import Timeline

PATIENCE_MS = 3000.0  # as `minegate reset` waits
LOOK_MS = 10.0
_SOCKETS = {"interlock": (POINTS, VERDICTS, CONTROL), "link": ("scans.sock", "status.sock"), "field": ("record.sock",)}


def ask(
    run_folder: Path, command: bytes, timeline: Timeline, answered: Callable[[str], None], lines: set[socket.socket]
) -> None:
    """Send `command`; `answered` gets the words, or why there are none. In `lines` meanwhile: whoever ends the time in
    which an answer could come closes them.
    """
    line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
    try:
        line.connect(str(run_folder / CONTROL))
        line.send(command)
    except OSError as error:
        line.close()
        answered(f"none: {error.strerror}")
        return
    lines.add(line)
    until_ms = timeline.now_ms + PATIENCE_MS

    def look() -> None:
        try:
            text = _words(line.recv(RECORD_BYTES_MAX + 1))
        except BlockingIOError:
            if timeline.now_ms < until_ms:
                timeline.after(LOOK_MS, look)
                return
            text = "none: timed out"
        except OSError as error:
            text = f"none: {error.strerror}"
        lines.discard(line)
        line.close()
        answered(text)

    timeline.after(LOOK_MS, look)


def leave_socket_files(run_folder: Path, process: str) -> None:
    """A killed process leaves the names of its sockets behind; nobody listens under them."""
    for name in _SOCKETS[process]:
        path = run_folder / name
        if not path.exists():
            with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as dead:
                dead.bind(str(path))


def _words(data: bytes) -> str:
    try:
        answer = unpack(data)
    except Refused:
        return "none: closed"
    return f"{answer.done} {answer.text}" if isinstance(answer, Answer) else "none: strange"
