"""One command to the interlock over its local socket, and its answer.

Who may is decided by the permission of the socket file.
"""

from __future__ import annotations

import socket
from pathlib import Path

from minegate_interlock.lines import RECORD_BYTES_MAX, Answer, Command, Refused, pack, unpack

ANSWER_S = 3.0  # the interlock answers within a tick; more than this means it is not well


class NoAnswer(Exception):  # noqa: N818 - says what happened
    """The interlock did not answer. The text names the socket and the reason."""


def ask(run_folder: Path, command: Command) -> Answer:
    """Hand `command` to the interlock of `run_folder`. Raises NoAnswer."""
    path = run_folder / "control.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as line:
        line.settimeout(ANSWER_S)
        try:
            line.connect(str(path))
            line.send(pack(command))
            heard = unpack(line.recv(RECORD_BYTES_MAX + 1))
        except (FileNotFoundError, ConnectionRefusedError) as error:
            raise NoAnswer(f"{path}: the interlock is not running here") from error
        except TimeoutError as error:
            raise NoAnswer(f"{path}: no answer within {ANSWER_S:.0f} s") from error
        except (OSError, Refused) as error:
            raise NoAnswer(f"{path}: {error}") from error
    if not isinstance(heard, Answer):
        raise NoAnswer(f"{path}: answered with {type(heard).__name__}")
    return heard
