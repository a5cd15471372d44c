"""Takes what field produces: every number once, gaps declared, nothing confirmed that is not on disk."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from minegate_agent.clock import Clock
from minegate_agent.link.birth import Birth
from minegate_agent.link.births import Births
from minegate_agent.link.committer import Committer
from minegate_agent.link.hand_over import Hello, Item, Mangled, frame, hello, item, receive
from minegate_agent.link.journal import Journal
from minegate_agent.link.local_socket import listening
from minegate_agent.link.machine import Machine
from minegate_agent.link.numbering import NUMBER_MAX, Missing, declared, missing, open_end
from minegate_agent.link.records import SCAN
from minegate_agent.scan import Scan

FIELD_DIED = "field_died"
POWER_CUT = "power_cut"
GAP = "gap"
UNREADABLE = "unreadable"
HELLO_S = 5.0
REFUSED_S = 5.0  # how long a field that cannot be served is kept waiting, so that it does not come back at once
TOGETHER_ITEMS = 100  # readings that are journaled in one go, between two turns of the loop
TOGETHER_BYTES = 1_000_000
CONFIRM_ITEMS = 100  # so many at once are confirmed at once: field sends only some thousand that are not
CONFIRM_S = 0.5
SHOWN_MS = 1000  # of readings that come together from a shorter time the newest is shown
RETRY_S = 1.0

log = logging.getLogger("link")


class Shown(Protocol):
    """Who is told what came in (link/view.py)."""

    def on_scan(self, scan: Scan, sequence: int, heard_ms: int) -> None:
        """A scan is journaled."""

    def on_field(self, up: bool, now_ms: int) -> None:
        """Field came or went."""

    def on_health(self, health: dict[str, Any], now_ms: int) -> None:
        """Field's own account of ports and devices."""


class Intake:
    """The server of scans.sock. One field at a time: a new connection ends the one before."""

    def __init__(
        self,
        journal: Journal,
        births: Births,
        committer: Committer,
        clock: Clock,
        shown: Shown,
        config: str,
        birth_of_config: Callable[[str], Birth | None],
        machine: Machine,
    ) -> None:
        self._journal = journal
        self._births = births
        self._committer = committer
        self._clock = clock
        self._shown = shown
        self._config = config
        self._birth_of_config = birth_of_config
        self._machine = machine
        self._restart_told: int | None = None  # sequence of the event that tells what the machine's restart has cost
        self._last_utc_ms: dict[int, int] = {}  # of the last item per boot; as many as the journal keeps origins
        self._present: asyncio.Task[None] | None = None
        self._refused = ""
        self._change: tuple[str, int] | None = None  # birth id and sequence of a change that is not on disk yet

    def remember(self, boot: int, utc_ms: int) -> None:
        """An item of this boot in the journal is so young: it bounds what is missing behind it."""
        self._last_utc_ms[boot] = max(utc_ms, self._last_utc_ms.pop(boot, 0))
        if len(self._last_utc_ms) > len(self._journal.origins_appended) + 1:
            del self._last_utc_ms[next(iter(self._last_utc_ms))]

    async def serve(self, path: Path) -> None:
        """Listen until cancelled. Raises OSError if the socket cannot be had."""
        async with asyncio.TaskGroup() as tasks:

            def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                connection = self._connection(reader, writer, self._present)
                self._present = tasks.create_task(connection, name="field")

            async with listening(path, accept):
                await asyncio.Event().wait()

    async def _connection(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, before: asyncio.Task[None] | None
    ) -> None:
        try:
            if before is not None:
                before.cancel()
                await asyncio.wait((before,))  # two that append at the same time would number one boot twice
            async with asyncio.timeout(HELLO_S):
                greeting = hello(await receive(reader))
            if await self._welcome(greeting):
                await self._talk(greeting, reader, writer)
        except* Mangled as error:
            log.error("field closed: %s", error.exceptions[0])
        except* TimeoutError:
            log.error("field closed: no hello within %.0f s", HELLO_S)
        except* (OSError, EOFError):
            pass  # it went; `up` and the log say so below
        finally:
            writer.close()

    async def _welcome(self, greeting: Hello) -> bool:
        """Whether its records can be explained. If so, they are from now on, and the dead boot's loss is declared."""
        birth = self._birth_of_config(greeting.config)
        if birth is None:
            self._refuse(f"it runs configuration {greeting.config}, which is not the gateway.toml on disk")
        elif await self._explained_by(birth):
            self._refused = ""
            await self._bury(greeting)
            return True
        await asyncio.sleep(REFUSED_S)
        return False

    def _refuse(self, why: str) -> None:
        if why != self._refused:
            log.error("field refused: %s; restart field. It keeps what it reads, up to its hold", why)
            self._refused = why

    async def _explained_by(self, birth: Birth) -> bool:
        before = self._births.newest
        if before is not None and before.id == birth.id:
            return True
        if self._change is None or self._change[0] != birth.id:
            detail = f"{before.config if before else '-'} -> {birth.config}"
            told = await self._committer.own_event("config_change", config=birth.config, birth=birth.id, detail=detail)
            self._change = (birth.id, told)
        try:
            await asyncio.to_thread(self._births.enter, birth, self._change[1])
            self._change = None
        except OSError as error:
            self._refuse(f"the new configuration cannot be kept ({error.strerror})")
            return False
        return True

    async def _bury(self, greeting: Hello) -> None:
        """What the process before had numbered and never handed over died with it."""
        if greeting.previous is not None and greeting.previous[0] != greeting.boot:
            boot, last = greeting.previous
            gap = missing(self._journal.origins_appended.get(boot, 0), last + 1)
            if gap is not None:
                await self._declare(gap, boot, FIELD_DIED)
        if self._machine.restarted and self._restart_told is None:
            self._restart_told = await self._declare_open_end(greeting)

    async def _declare_open_end(self, greeting: Hello) -> int:
        """The tally before a power cut is not to be trusted: what field had in hand then is lost, and nobody knows how
        much it was. Before the first item of a new gateway is on disk there is nobody to say it of.
        """
        known = [boot for boot in self._last_utc_ms if boot != greeting.boot]
        known = known or ([greeting.previous[0]] if greeting.previous else [])
        if not known:
            return 0
        boot = known[-1]
        last, from_utc_ms = self._journal.origins_appended.get(boot, 0), self._last_utc_ms.get(boot)
        log.error(
            "field: what it had in hand when the machine stopped is lost: all behind number %d, boot %d", last, boot
        )
        event = open_end(boot, last, greeting.boot, POWER_CUT, from_utc_ms, self._clock.utc_ms())
        return await self._committer.event(event, (boot, NUMBER_MAX))

    async def _note_restart(self) -> None:
        """The present start of the machine, when what the one before has cost is on disk."""
        if self._restart_told is not None:
            await self._committer.durable.above(self._restart_told - 1)
        while self._machine.unnoted:
            try:
                await asyncio.to_thread(self._machine.note)
            except OSError:  # the committer says that the disk is away
                await asyncio.sleep(RETRY_S)

    async def _declare(self, gap: Missing, boot: int, reason: str) -> None:
        log.error(
            "field: %d items lost, numbers %d to %d of boot %d (%s)", gap.how_many, gap.first, gap.last, boot, reason
        )
        event = declared(gap, boot, "field", reason, self._last_utc_ms.get(boot), self._clock.utc_ms())
        await self._committer.event(event, (boot, gap.last))

    async def _talk(self, greeting: Hello, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if greeting.config != self._config:
            log.warning("field runs another configuration than link: restart link to see it on the page")
        log.info("field up, boot %d", greeting.boot)
        self._shown.on_field(True, self._clock.monotonic_ms())
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._confirm(greeting.boot, writer), name="field-confirm")
                tasks.create_task(self._take(greeting, reader), name="field-take")
                tasks.create_task(self._note_restart(), name="field-restart")
        finally:
            self._shown.on_field(False, self._clock.monotonic_ms())
            log.warning("field gone, boot %d", greeting.boot)

    async def _confirm(self, boot: int, writer: asyncio.StreamWriter) -> None:
        """Tell field what is on disk: first of all, then as it grows, but not for a handful more often than needed."""
        told = -1
        while True:
            durable = self._committer.durable.value
            number = self._journal.origins.get(boot, 0)
            if number != told:
                writer.write(frame({"k": "have", "boot": boot, "number": number}))
                await writer.drain()
            few = number - told < CONFIRM_ITEMS
            told = number
            if few:
                await asyncio.sleep(CONFIRM_S)
            await self._committer.durable.above(durable)

    async def _take(self, greeting: Hello, reader: asyncio.StreamReader) -> None:
        last = self._journal.origins_appended.get(greeting.boot, 0)
        while True:
            message = await receive(reader)
            if message["k"] == "items" and isinstance(message.get("items"), list):
                last = await self._items(message["items"], greeting, last)
            elif message["k"] == "health":
                self._shown.on_health(message, self._clock.monotonic_ms())
            else:
                raise Mangled(f"a message of kind {message['k']!r}")

    async def _items(self, rows: list[Any], greeting: Hello, last: int) -> int:
        """Readings that follow each other are journaled together; what is anything else, one by one."""
        readings: list[Item] = []
        size = 0
        for row in rows:
            one = item(row, greeting.boot)
            if one.number <= last:  # sent again, because the line broke before it was confirmed
                continue
            gap = missing(last, one.number)
            plain = one.klass == SCAN and gap is None
            if readings and not (plain and len(readings) < TOGETHER_ITEMS and size < TOGETHER_BYTES):
                await self._journal_readings(readings, greeting)
                readings, size = [], 0
                await asyncio.sleep(0)  # the loop gets a turn while a long backlog comes in
            last = one.number
            if plain:
                readings.append(one)
                size += len(one.body)
                continue
            if gap is not None:
                await self._declare(gap, greeting.boot, GAP)
            await self._journal_one(one, greeting)
        if readings:
            await self._journal_readings(readings, greeting)
        return last

    async def _journal_readings(self, readings: list[Item], greeting: Hello) -> None:
        """`readings` are scans that follow each other."""
        age_ms = max(0, self._clock.utc_ms() - readings[0].utc_ms)
        bodies = [(one.body, (greeting.boot, one.number)) for one in readings]
        first = await self._committer.append_all(bodies, age_ms / 1000)
        self.remember(greeting.boot, max([one.utc_ms for one in readings]))
        if greeting.config == self._config:
            self._show(first, readings)

    def _show(self, first: int, readings: list[Item]) -> None:
        """The page wants the newest of each device; of a backlog it draws the way there."""
        utc_ms, now_ms = self._clock.utc_ms(), self._clock.monotonic_ms()
        numbered = list(enumerate(readings, first))
        if readings[-1].utc_ms - readings[0].utc_ms < SHOWN_MS:
            newest = {(one.scan.device, one.scan.part): (sequence, one) for sequence, one in numbered if one.scan}
            numbered = list(newest.values())
        for sequence, one in numbered:
            assert one.scan is not None, one
            self._shown.on_scan(one.scan, sequence, now_ms - max(0, utc_ms - one.utc_ms))

    async def _journal_one(self, one: Item, greeting: Hello) -> None:
        if one.scan is not None:
            await self._journal_readings([one], greeting)
        elif one.event is not None:
            await self._committer.event(one.event)
            self.remember(greeting.boot, one.utc_ms)
        else:
            log.error("field: item %d cannot be read: %s", one.number, one.strange)
            await self._declare(Missing(one.number, one.number), greeting.boot, UNREADABLE)
