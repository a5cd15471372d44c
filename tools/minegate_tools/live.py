"""The status document of a running site, read from its local socket."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

ANSWER_S = 3.0
BYTES_MAX = 16_000_000

# The document is shown, not computed with: its shape is link's (link/view.py) and is not declared a second time.
Document = dict[str, Any]


class NotRunning(Exception):  # noqa: N818 - says what is the case
    """Nobody answers. The text names the socket and the reason."""


def document(run_folder: Path) -> Document:
    """Ask the link process of `run_folder` once. Raises NotRunning."""
    path = run_folder / "status.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(ANSWER_S)
        try:
            line.connect(str(path))
            text = _all(line)
        except (FileNotFoundError, ConnectionRefusedError) as error:
            raise NotRunning(f"{path}: the link process is not running here") from error
        except OSError as error:
            raise NotRunning(f"{path}: {error}") from error
    try:
        found = json.loads(text)
    except ValueError as error:
        raise NotRunning(f"{path}: not a status document: {error}") from error
    if not isinstance(found, dict):
        raise NotRunning(f"{path}: not a status document")
    return found


def _all(line: socket.socket) -> bytes:
    heard = bytearray()
    while some := line.recv(65_536):
        heard += some
        if len(heard) > BYTES_MAX:
            raise OSError(f"more than {BYTES_MAX} bytes")
    return bytes(heard)
