"""Listens to the interlock: verdicts into the journal, each number once, areas onto the page. It never speaks of
power: the only thing it sends is from where it wants to hear on.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from pathlib import Path
from typing import Protocol

from minegate_agent.clock import Clock
from minegate_agent.link.committer import Committer
from minegate_agent.link.journal import Journal
from minegate_agent.link.numbering import declared, missing
from minegate_agent.link.verdict_event import event_of
from minegate_interlock.lines import (
    RECORD_BYTES_MAX,
    AreaState,
    Lateness,
    Reaction,
    Refused,
    Resume,
    Verdict,
    pack,
    unpack,
)

RETRY_S = 0.5
NOBODY_S = 2.0  # where no interlock has ever run; its verdicts wait in its ring
RECORDS_AT_ONCE_MAX = 64  # then the loop has its turn; what still waits wakes it again
SILENT_S = 5.0  # areas are told each second; who says nothing for so long is not there
OVERRUN = "ring_overrun"  # the interlock keeps its last 1024 verdicts; older ones were gone when we came

log = logging.getLogger("link")


def _is_there(path: Path) -> bool:
    return os.path.exists(path)


class Shown(Protocol):
    """Who is told (link/view.py)."""

    def on_area(self, state: AreaState, now_ms: int) -> None:
        """The interlock's word on one area."""

    def on_reaction(self, reaction: Reaction) -> None:
        """How long the cuts of one path took."""

    def on_lateness(self, lateness: Lateness) -> None:
        """How late the interlock's ticks were."""

    def on_interlock(self, up: bool, now_ms: int) -> None:
        """The interlock came or went."""


class Verdicts:
    """The client of verdicts.sock."""

    def __init__(self, journal: Journal, committer: Committer, clock: Clock, shown: Shown) -> None:
        self._journal = journal
        self._committer = committer
        self._clock = clock
        self._shown = shown
        self._heard: tuple[int, int] = (0, 0)  # boot and number of the last verdict that is journaled
        self._strange = 0

    def remember(self, boot: int, sequence: int) -> None:
        """The journal ends with this verdict of the interlock."""
        self._heard = (boot, sequence)

    async def keep_listening(self, path: Path) -> None:
        """Connect, listen, connect again, for ever."""
        up = False
        while True:
            if not _is_there(path):
                await asyncio.sleep(NOBODY_S)
                continue
            line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
            try:
                await asyncio.get_running_loop().sock_connect(line, str(path))
                up = True
                self._shown.on_interlock(True, self._clock.monotonic_ms())
                log.info("interlock up")
                await self._listen(line)
            except (OSError, TimeoutError, EOFError) as error:
                if up:
                    log.warning("interlock gone: %s", error)
            finally:
                line.close()
            if up:
                up = False
                self._shown.on_interlock(False, self._clock.monotonic_ms())
            await asyncio.sleep(RETRY_S)

    async def _listen(self, line: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(line, pack(Resume(*self._heard)))
        while True:
            waits = asyncio.Event()
            silence = loop.call_later(SILENT_S, waits.set)
            loop.add_reader(line, waits.set)  # only while nobody reads: it would wake for the same record for ever
            try:
                await waits.wait()
            finally:
                loop.remove_reader(line)
                silence.cancel()
            if await self._hear_all(line) == 0:
                raise TimeoutError(f"silent for {SILENT_S:.0f} s")

    async def _hear_all(self, line: socket.socket) -> int:
        """How many records were waiting. Raises EOFError at the end of the line."""
        for count in range(RECORDS_AT_ONCE_MAX):
            try:
                datagram = line.recv(RECORD_BYTES_MAX + 1)  # one byte more than any: a longer one is seen
            except BlockingIOError:
                return count
            if not datagram:
                raise EOFError("it closed the line")
            await self._hear(datagram)
        return RECORDS_AT_ONCE_MAX

    async def _hear(self, datagram: bytes) -> None:
        try:
            record = unpack(datagram)
        except Refused as error:
            self._strange += 1
            if self._strange == 1:  # said once; a newer interlock may say many things we do not know
                log.error("interlock: a record that is not ours (%s)", error)
            return
        if isinstance(record, AreaState):
            self._shown.on_area(record, self._clock.monotonic_ms())
        elif isinstance(record, Reaction):
            self._shown.on_reaction(record)
        elif isinstance(record, Lateness):
            self._shown.on_lateness(record)
        elif isinstance(record, Verdict):
            await self._verdict(record)

    async def _verdict(self, verdict: Verdict) -> None:
        boot, heard = self._heard
        last = heard if boot == verdict.boot else self._journal.origins_appended.get(verdict.boot, 0)
        if verdict.sequence <= last:
            return
        event = event_of(verdict, self._clock.utc_ms())
        gap = missing(last, verdict.sequence)
        if gap is not None:
            log.error("interlock: verdicts %d to %d are lost", gap.first, gap.last)
            loss = declared(gap, verdict.boot, "interlock", OVERRUN, None, self._clock.utc_ms())
            await self._committer.event(loss, (verdict.boot, gap.last))
        await self._committer.event(event)
        self._heard = (verdict.boot, verdict.sequence)
