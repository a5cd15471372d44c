"""A real mosquitto for tests: own port, own folder, ended by its process id.

`Mosquitto` is synchronous on purpose: starting takes milliseconds, and a test of any colour can use it. A broker that
is started again after `stop` or `kill` keeps its port, so that clients find it where it was.
"""

from __future__ import annotations

import select
import shutil
import socket
import subprocess
from pathlib import Path

_SYSTEM = "/usr/sbin/mosquitto"  # where Debian puts it; not on the PATH of an ordinary user
_START_S = 10
_STOP_S = 5


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def program() -> str:
    """Path of mosquitto. Raises FileNotFoundError with what to do about it."""
    found = shutil.which("mosquitto") or shutil.which(_SYSTEM)
    if found is None:
        raise FileNotFoundError("mosquitto is not installed: run tools/test, or `apt-get install mosquitto`")
    return found


class Mosquitto:
    """One broker in `folder`. `settings` are further lines of mosquitto.conf."""

    def __init__(self, folder: Path, port: int | None = None, settings: str = "") -> None:
        self.host = "127.0.0.1"
        self.port = port or free_port()
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / "mosquitto.log"
        self._conf = folder / "mosquitto.conf"
        # max_queued_messages 0: no limit, so that a test of delivery never measures the broker's own dropping.
        # user: mosquitto gives up root for a user that could not write into the folder of the test.
        self._conf.write_text(
            f"listener {self.port} {self.host}\nallow_anonymous true\npersistence false\nuser root\n"
            f"max_queued_messages 0\nlog_type all\nlog_dest stderr\n{settings}\n",
            encoding="utf-8",
        )
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id of the running broker."""
        assert self._process is not None, "not started"
        return self._process.pid

    def start(self) -> Mosquitto:
        """Start, and return when it listens. Raises RuntimeError with its log if it does not."""
        assert self._process is None, "already running"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [program(), "-c", str(self._conf)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        if not self._listens():
            self.kill()
            raise RuntimeError(f"mosquitto did not start:\n{self.log.read_text(errors='replace')}")
        return self

    def stop(self) -> None:
        """End it in order (its clients get their connection closed)."""
        if self._process is not None:
            self._process.terminate()
            self._end()

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._end()

    def _end(self) -> None:
        assert self._process is not None
        self._process.wait(_STOP_S)
        self._process = None

    def _listens(self) -> bool:
        assert self._process is not None
        for _ in range(_START_S * 50):
            if self._process.poll() is not None:
                return False
            with socket.socket() as probe:
                if probe.connect_ex((self.host, self.port)) == 0:
                    return True
            select.select((), (), (), 0.02)  # a bounded wait between two knocks; the condition is the connection
        return False
