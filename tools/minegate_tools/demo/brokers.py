"""A broker as a process that can be taken away and brought back: mosquitto if it is here, else the embedded one."""

from __future__ import annotations

import asyncio
import shutil
import socket
from pathlib import Path

from minegate_agent import bound

HOST = "127.0.0.1"
START_S = 20.0
STOP_S = 5.0
_KNOCK_S = 0.05


def mosquitto() -> str | None:
    """Path of mosquitto; Debian puts it where an ordinary user's PATH does not look."""
    return shutil.which("mosquitto") or shutil.which("/usr/sbin/mosquitto")


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


class Broker:
    """One broker on `port` of 127.0.0.1; its files are in `folder`."""

    def __init__(self, port: int, folder: Path, embedded: bool = False) -> None:
        self.port = port
        self._folder = folder
        self._program = None if embedded else mosquitto()
        self._process: asyncio.subprocess.Process | None = None

    @property
    def kind(self) -> str:
        """Which broker this is, for people."""
        return "embedded amqtt" if self._program is None else "mosquitto"

    async def start(self) -> None:
        """Start, and return when it listens. Raises OSError, TimeoutError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "broker.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command(), stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        async with asyncio.timeout(START_S):
            while not await self._answers():
                if self._process.returncode is not None:
                    raise OSError(f"{self.kind} did not start; see {self._folder / 'broker.log'}")
                await asyncio.sleep(_KNOCK_S)

    async def stop(self) -> None:
        """End it; by force when it does not end by itself."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            async with asyncio.timeout(STOP_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    async def kill(self) -> None:
        """End it with -9."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()

    def _command(self) -> tuple[str, ...]:
        if self._program is None:
            return bound.command("minegate_tools.demo.embedded", str(self.port))
        conf = self._folder / "mosquitto.conf"
        # max_queued_messages 0: no limit, or the broker would drop for a slow subscriber what it has confirmed to us.
        # user root: mosquitto would give up root for a user that cannot read this folder; no effect for other users.
        conf.write_text(
            f"listener {self.port} {HOST}\nallow_anonymous true\npersistence false\nmax_queued_messages 0\nuser root\n"
            "sys_interval 1\n",
            encoding="utf-8",
        )
        return bound.program(self._program, "-c", str(conf))

    async def _answers(self) -> bool:
        try:
            _, writer = await asyncio.open_connection(HOST, self.port)
        except OSError:
            return False
        writer.close()
        return True
