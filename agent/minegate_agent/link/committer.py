"""The one task that writes: what is appended is committed in groups, failures are told at their edges and retried.

`durable` is the only thing anybody may rely on: field's confirmation and the uplink both wait for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence

from minegate_agent.clock import Clock
from minegate_agent.link.advance import Advance
from minegate_agent.link.ahead import Ahead
from minegate_agent.link.journal import EVENT, SCAN, Full, Journal, Loss, Record
from minegate_agent.link.loss_event import loss_event
from minegate_agent.link.recent import Recent
from minegate_agent.link.records import encode_event
from minegate_agent.link.store.form import Origin
from minegate_agent.link.store.losses import JOURNAL_THINNED

GROUP_RECORDS_MAX = 2000  # as many waiting records are committed without waiting for `commit_ms`
RETRY_S = 1.0
IDLE_S = 1.0  # readers may have found damage; losses are fetched at least so often
ROOM_S = 0.05
_ALL = 1 << 63

log = logging.getLogger("link")


class Committer:
    """Appends for everybody in the event loop and commits in a thread: `commit_ms` after the first that waits was read,
    or at once for an event.
    """

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        commit_ms: int,
        ahead: Ahead,
        *,
        on_event: Callable[[int, dict[str, object]], None],
        on_disk: Callable[[str], None],
    ) -> None:
        self.durable = Advance(journal.last_sequence)
        self.recent = Recent()
        self._journal = journal
        self._clock = clock
        self._commit_s = commit_ms / 1000
        self._ahead = ahead
        self._unseen: deque[tuple[int, dict[str, object]]] = deque()  # events that are not on disk yet
        self._on_event = on_event
        self._on_disk = on_disk
        self._waiting = asyncio.Event()
        self._due_s = 0.0  # on the loop's clock, while something waits
        self._read_s = float("-inf")  # when the last readings came
        self._many = asyncio.Event()
        self._error = ""
        self._trouble = ""
        self._thinning = False

    async def append(self, klass: int, body: bytes, origin: Origin | None = None) -> int:
        """Give the record its sequence. Waits while the disk has fallen so far behind that there is no room."""
        while True:
            try:
                sequence = self._append(klass, body, origin)
            except Full:
                await self._room()
                continue
            self._wake(0.0)
            return sequence

    async def append_all(self, readings: Sequence[tuple[bytes, Origin]], age_s: float) -> int:
        """Give readings that came together their sequences, and return the first; the oldest of them has that age.

        They wait for others, unless there were none for a while: then there is nothing to gather.
        """
        while True:
            try:
                first = self._journal.append_all(readings)
            except Full:
                await self._room()
                continue
            self.recent.note([Record(first + at, SCAN, body) for at, (body, _) in enumerate(readings)])
            now_s = asyncio.get_running_loop().time()
            self._wake(age_s if now_s - self._read_s < IDLE_S else self._commit_s)
            self._read_s = now_s
            return first

    async def event(self, event: dict[str, object], origin: Origin | None = None) -> int:
        """Journal an event at once; it is sent and shown when it is on disk."""
        body = encode_event(event)
        sequence = await self.append(EVENT, body, origin)
        self._noted(sequence, event, body)
        return sequence

    async def own_event(self, kind: str, **more: object) -> int:
        """Journal an event of this process, which happens now."""
        return await self.event({"kind": kind, "from": "link", "utc_ms": self._clock.utc_ms(), **more})

    async def keep_writing(self) -> None:
        """Commit for ever."""
        while True:
            idle = asyncio.get_running_loop().call_later(IDLE_S, self._idle)
            try:
                await self._waiting.wait()
            finally:
                idle.cancel()
            if not self._journal.pending:
                self._waiting.clear()
                continue
            await self._gather()
            if not await self.commit():
                await asyncio.sleep(RETRY_S)

    async def keep_budget(self) -> None:
        """Bring the journal to its byte budget whenever it has grown beyond it, for ever; nobody waits for it."""
        while True:
            seen = self.durable.value
            if self._journal.wants_room:
                await asyncio.to_thread(self._journal.keep_budget)
                self._declare_losses()
            await self.durable.above(seen)

    def _idle(self) -> None:
        self._declare_losses()
        self._waiting.set()

    async def commit(self) -> bool:
        """Commit what is appended now; False if the disk refuses. Everything stays pending then."""
        self._waiting.clear()
        self._many.clear()
        try:
            last = await asyncio.to_thread(self._journal.commit)
        except OSError as error:
            self._refused(error)
            self.durable.to(self._journal.last_sequence)  # a part of it may have been written
            self._show(_ALL)
            return False
        self.durable.to(last)
        self._show(last)
        self._declare_losses()
        self._well()
        return True

    def _noted(self, sequence: int, event: dict[str, object], body: bytes) -> None:
        """Nobody waits for `commit_ms` with an event."""
        self._ahead.note(Record(sequence, EVENT, body))
        self._unseen.append((sequence, event))
        self._many.set()  # before anybody waits for more
        self._wake(0.0)

    def _show(self, upto: int) -> None:
        while self._unseen and self._unseen[0][0] <= upto:
            self._on_event(*self._unseen.popleft())

    def _append(self, klass: int, body: bytes, origin: Origin | None = None) -> int:
        sequence = self._journal.append(klass, body, origin)
        self.recent.note((Record(sequence, klass, body),))
        return sequence

    async def _room(self) -> None:
        self._wake(0.0)
        await asyncio.sleep(ROOM_S)

    def _wake(self, age_s: float) -> None:
        if not self._waiting.is_set():
            waits_s = self._commit_s - min(max(0.0, age_s), self._commit_s)
            self._due_s = asyncio.get_running_loop().time() + waits_s
            self._waiting.set()
        if self._journal.pending >= GROUP_RECORDS_MAX:
            self._many.set()

    async def _gather(self) -> None:
        enough = asyncio.get_running_loop().call_at(self._due_s, self._many.set)
        try:
            await self._many.wait()
        finally:
            enough.cancel()

    def _declare_losses(self) -> None:
        """Journal what the journal itself lost. At once and together: `take_losses` counts on the next sequences."""
        for loss in self._journal.take_losses():
            event = loss_event(loss, self._clock.utc_ms())
            self._say(loss)
            body = encode_event(event)
            self._noted(self._append(EVENT, body), event, body)

    def _say(self, loss: Loss) -> None:
        """Damage each time; that readings are thinned once, because from then on it goes on."""
        told = (loss.count, loss.first, loss.last, loss.reason)
        if loss.reason != JOURNAL_THINNED:
            log.error("journal: %d records lost, sequences %d to %d (%s)", *told)
        elif not self._thinning:
            self._thinning = True
            log.warning(
                "journal: full; from now on readings are thinned, the oldest most, first %d of %d to %d", *told[:3]
            )

    def _refused(self, error: OSError) -> None:
        """While the disk is away people still see what happens; the page says that the disk is away."""
        text = error.strerror or str(error)
        if text == self._error:
            return
        log.error("journal: the disk refuses (%s); nothing is confirmed to field, next try each %.0f s", text, RETRY_S)
        self._edge("disk_error", error=text)
        self._error = text
        self._on_disk(text)

    def _well(self) -> None:
        if self._error:
            log.warning("journal: the disk is well again, everything is written")
            self._error = ""
            self._edge("disk_ok")
            self._on_disk(self._journal.trouble)
        elif self._journal.trouble != self._trouble:
            self._trouble = self._journal.trouble
            self._on_disk(self._trouble)

    def _edge(self, kind: str, **more: object) -> None:
        event: dict[str, object] = {"kind": kind, "from": "link", "utc_ms": self._clock.utc_ms(), **more}
        body = encode_event(event)
        try:
            sequence = self._append(EVENT, body)
        except Full:  # the line above said it, and the page shows it; what waits for the disk matters more
            return
        self._noted(sequence, event, body)
