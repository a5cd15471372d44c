"""Carries out what comes from above and may be: each number of a key once, each answered with a result event."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from pathlib import Path

from minegate_agent.clock import Clock
from minegate_agent.config import ConfigError, load
from minegate_agent.link.command import CUT, HISTORY, STAGE, Command, Refused, taken
from minegate_agent.link.committer import Committer
from minegate_agent.link.cursor import Cursor
from minegate_agent.link.disk import Disk
from minegate_agent.link.store.appear import appear, close_quietly
from minegate_interlock.lines import NAME_BYTES, RECORD_BYTES_MAX, TEXT_BYTES, Answer, Verb, pack, unpack
from minegate_interlock.lines import Command as Order
from minegate_interlock.lines import Refused as Unreadable

WAITING_MAX = 20
INTERLOCK_S = 3.0

log = logging.getLogger("link")


class Commands:
    """`send_again` asks the uplinks for a range and says whether any of them can; `status` is the status document."""

    def __init__(
        self,
        folder: Path,
        staged: Path,
        control: Path,
        disk: Disk,
        clock: Clock,
        committer: Committer,
        names: tuple[str, str],
        keys: tuple[bytes, ...],
        *,
        remote_cut: bool,
        send_again: Callable[[int, int], bool],
        status: Callable[[], dict[str, object]],
    ) -> None:
        self._staged = staged
        self._control = control
        self._disk = disk
        self._clock = clock
        self._committer = committer
        self._names = names
        self._remote_cut = remote_cut
        self._send_again = send_again
        self._status = status
        self._numbers = {key: Cursor.open(folder / f"command-{key.hex()[:16]}.cursor", disk) for key in keys}
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue(WAITING_MAX)
        self.dropped = 0

    def hear(self, _topic: str, payload: bytes) -> None:
        """A message from above. Too many at once are dropped and counted: they will be sent again, or have expired."""
        try:
            self._waiting.put_nowait(payload)
        except asyncio.QueueFull:
            self.dropped += 1
            if self.dropped == 1:
                log.error("commands come faster than they can be carried out; some are dropped")

    async def keep_obeying(self) -> None:
        """One after the other, for ever."""
        while True:
            payload = await self._waiting.get()
            told: dict[str, object] = {}
            try:
                command = taken(payload, self._numbers, *self._names, self._clock.utc_ms(), self._clock.quality())
                told = command.told()
                await self._once(command)
                result = await self._do(command)
            except Refused as refused:
                log.error("command refused: %s", refused)
                await self._committer.own_event(
                    "command_result", **(refused.told or told), done=False, reason=str(refused)
                )
                continue
            log.info("command %s of %s done", command.do, command.by)
            await self._committer.own_event("command_result", **told, done=True, **result)

    async def _once(self, command: Command) -> None:
        """The number is on disk before anything is done: a command cut off by a power failure is not repeated."""
        numbers = self._numbers[command.key]
        if not command.number > numbers.sequence:
            raise Refused(f"number {command.number} was used: {numbers.sequence} is the last one", command.told())
        try:
            await asyncio.to_thread(numbers.move, command.number)
        except OSError as error:
            raise Refused(f"the disk refuses ({error.strerror})", command.told()) from error

    async def _do(self, command: Command) -> dict[str, object]:
        if command.do == CUT:
            return await self._cut(command)
        if command.do == HISTORY:
            return self._history(command)
        if command.do == STAGE:
            return await asyncio.to_thread(self._stage, command)
        document = self._status()
        return {"status": {key: document.get(key) for key in ("processes", "areas", "delivery", "disk", "lines")}}

    def _history(self, command: Command) -> dict[str, object]:
        first, last = command.arguments["first"], command.arguments["last"]
        if not 1 <= first <= last <= self._committer.durable.value:
            raise Refused(f"{first} to {last}, the journal ends at {self._committer.durable.value}", command.told())
        if not self._send_again(first, last):
            raise Refused("no consumer is connected", command.told())
        return {"first": first, "last": last}

    def _stage(self, command: Command) -> dict[str, object]:
        """The file lies beside the present one, checked, until somebody puts it into force."""
        path = self._staged / "gateway.toml"
        try:
            self._disk.make_folder(self._staged)
            close_quietly(appear(self._disk, path, [command.arguments["content"]]))
            _, digest = load(path)
        except OSError as error:
            raise Refused(f"the disk refuses ({error.strerror})", command.told()) from error
        except ConfigError as error:
            self._disk.delete(path)
            raise Refused(str(error), command.told()) from error
        return {"config": digest}

    async def _cut(self, command: Command) -> dict[str, object]:
        if not self._remote_cut:
            raise Refused("commands.remote_cut is false here", command.told())
        area, reason = command.arguments["area"], command.arguments["reason"]
        if not 0 < len(area.encode()) <= NAME_BYTES or not len(reason.encode()) <= TEXT_BYTES:
            raise Refused("area or reason is too long", command.told())
        by = _short(f"uplink: {command.by}", NAME_BYTES)
        line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(INTERLOCK_S):
                await loop.sock_connect(line, str(self._control))
                await loop.sock_sendall(line, pack(Order(Verb.CUT, area, by, reason)))
                answer = unpack(await loop.sock_recv(line, RECORD_BYTES_MAX + 1))
        except (OSError, TimeoutError, Unreadable) as error:
            raise Refused(f"the interlock does not answer: {error}", command.told()) from error
        finally:
            line.close()
        if not isinstance(answer, Answer) or not answer.done:
            raise Refused(f"the interlock refuses: {getattr(answer, 'text', '')}", command.told())
        return {"area": area, "answer": answer.text}


def _short(text: str, bytes_max: int) -> str:
    return text.encode()[:bytes_max].decode(errors="ignore")
