"""The journal: every record of this gateway under one sequence, without gaps for ever, on disk before anybody hears.

`append` takes RAM only and is for the event loop; `commit` waits for the disk and is for a thread; `read` gives durable
records and is for either. What they promise, they promise across a power cut at any moment.
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from minegate_agent.link.disk import OS_DISK, Disk
from minegate_agent.link.records import EVENT, SCAN, origin_of
from minegate_agent.link.store.chain import linked
from minegate_agent.link.store.form import BODY_BYTES_MAX, CLASS_MAX, RECORD_BYTES, Origin, pack_record
from minegate_agent.link.store.losses import Loss, Losses
from minegate_agent.link.store.origins import Origins
from minegate_agent.link.store.pending import Full, Pending, Waiting
from minegate_agent.link.store.reader import Reader, Record
from minegate_agent.link.store.recovery import NotOurs, Recovered, recover
from minegate_agent.link.store.retention import Retention
from minegate_agent.link.store.shelf import Shelf
from minegate_agent.link.store.writer import Writer

__all__ = ["EVENT", "SCAN", "Full", "Journal", "Loss", "NotOurs", "Record"]

PENDING_BYTES_MAX = 16_000_000
_GROUP_RECORDS_MAX = 10_000
_SEGMENTS_MIN = 4  # in the budget; the oldest one is the unit of loss


class Journal:
    """One writer per folder; any number of readers in the same process."""

    def __init__(
        self,
        disk: Disk,
        folder: Path,
        recovered: Recovered,
        unlock: Callable[[], None],
        *,
        floor: int,
        released: int,
        segment_bytes: int,
        bytes_max: int,
        pending_bytes_max: int,
    ) -> None:
        self._disk = disk
        self._folder = folder
        self._unlock = unlock
        self._shelf = Shelf(recovered.segments, segment_bytes, floor)
        self._losses = Losses()
        self._reader = Reader(disk, self._shelf, self._losses)
        # One segment of headroom: while a loss is being declared, its segment is still on disk.
        self._retention = Retention(disk, folder, self._shelf, self._losses, bytes_max - segment_bytes)
        self._writer = Writer(disk, folder, self._shelf, recovered.tail, segment_bytes)
        self._floor = floor
        self._released = released
        self._closed = False
        self._committing = threading.Lock()  # held while the disk works
        self._tidying = threading.Lock()  # the same for the budget; taken behind the other one
        self._ram = threading.Lock()  # held for moments: what the loop and the committing thread share
        self._pending = Pending(pending_bytes_max)
        self._next_sequence = max(self._shelf.last, floor) + 1
        self._origins = recovered.origins
        self._origins_appended = Origins(recovered.origins.copy())
        self._chain = (self._shelf.last, recovered.chain)  # the last durable record, and the chain behind it
        self._chain_appended = recovered.chain
        self._bytes_written = 0
        self._readings = 0
        self.cut_bytes = recovered.cut_bytes

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        segment_bytes: int,
        bytes_max: int,
        disk: Disk = OS_DISK,
        floor: int = 0,
        released: int | None = None,
        pending_bytes_max: int = PENDING_BYTES_MAX,
    ) -> Journal:
        """Open or create. Raises NotOurs (a newer format, or another process has it) or OSError.

        `floor`: the highest sequence a receiver has confirmed (the cursor's). Numbering goes on above it even if the
        records are gone, because a receiver takes a sequence it knows for a repetition and throws it away.
        `released`: what every receiver has confirmed; the floor if there is only one.
        `cut_bytes` tells how much of a torn tail was cut.
        """
        disk.make_folder(folder)
        try:
            unlock = disk.lock(folder)
        except BlockingIOError as error:
            raise NotOurs(f"{folder}: another process writes this journal") from error
        try:
            recovered = recover(disk, folder)
        except (OSError, NotOurs):
            unlock()
            raise
        return cls(
            disk,
            folder,
            recovered,
            unlock,
            floor=floor,
            released=floor if released is None else released,
            segment_bytes=min(segment_bytes, bytes_max // _SEGMENTS_MIN),
            bytes_max=bytes_max,
            pending_bytes_max=pending_bytes_max,
        )

    @property
    def first_sequence(self) -> int:
        """Of the oldest record that can be read; `last_sequence + 1` if there is none."""
        return self._shelf.first

    @property
    def last_sequence(self) -> int:
        """Of the newest durable record, or of the last one there ever was."""
        return max(self._shelf.last, self._floor)

    @property
    def pending(self) -> int:
        """How many records are appended and not durable."""
        with self._ram:
            return len(self._pending)

    @property
    def bytes_used(self) -> int:
        """Bytes of all segments on disk."""
        return self._retention.bytes_used

    @property
    def trouble(self) -> str:
        """Why the byte budget cannot be kept at the moment; empty if it can."""
        return self._retention.trouble

    @property
    def chain(self) -> tuple[int, bytes]:
        """The last durable sequence and the hash chain behind it."""
        with self._ram:
            return self._chain

    @property
    def bytes_written(self) -> int:
        """Of records and by thinning, by this process: what the flash has to bear, file system aside."""
        with self._ram:
            return self._bytes_written + self._retention.bytes_written

    @property
    def readings(self) -> int:
        """How many of the records that this process has appended are readings."""
        with self._ram:
            return self._readings

    @property
    def thinned(self) -> int:
        """How many readings this process has taken out of the journal to keep the budget; each is declared lost."""
        return self._retention.thinned

    @property
    def wants_room(self) -> bool:
        """Whether `keep_budget` has something to do."""
        return self._retention.wanted

    @property
    def origins(self) -> dict[int, int]:
        """Per producer's boot the highest number that is durable: what may be confirmed. The last 8 boots."""
        with self._ram:
            return self._origins.copy()

    @property
    def origins_appended(self) -> dict[int, int]:
        """The same with what waits for the disk: what need not be appended again."""
        with self._ram:
            return self._origins_appended.copy()

    def free_bytes(self) -> int:
        """What the disk still takes. Raises OSError."""
        return self._disk.free_bytes(self._folder)

    def append(self, klass: int, body: bytes, origin: Origin | None = None) -> int:
        """Give the record the next sequence. Not durable before `commit` returned this sequence or a higher one.

        `origin` (boot, number) replaces what the body says of itself (records.origin_of); with a loss event it says up
        to which number the producer's items are accounted for. Raises Full; then nothing was appended. Scans meet that
        first: an eighth of the space is kept for alarms and losses.
        """
        assert 0 < klass <= CLASS_MAX, klass
        assert len(body) <= BODY_BYTES_MAX, len(body)
        said = origin_of(klass, body)
        with self._ram:
            sequence = self._next_sequence
            packed = pack_record(sequence, klass, body, None if origin == said else origin)
            self._pending.refuse_if_full(len(packed), reserve=klass != SCAN)
            origin = origin or said
            self._chain_appended = linked(self._chain_appended, sequence, klass, body)
            self._pending.add(Waiting(sequence, packed, origin, self._chain_appended))
            self._origins_appended.note(origin)
            self._next_sequence += 1
            self._readings += klass == SCAN
            return sequence

    def append_all(self, bodies: Sequence[tuple[bytes, Origin]]) -> int:
        """As `append`, of readings that come together: each body with what it says of its origin. The first sequence.

        Raises Full; then none of them was appended.
        """
        with self._ram:
            first = sequence = self._next_sequence
            self._pending.refuse_if_full(sum([len(body) + RECORD_BYTES for body, _ in bodies]), reserve=False)
            chain = self._chain_appended
            for body, origin in bodies:
                chain = linked(chain, sequence, SCAN, body)
                self._pending.add(Waiting(sequence, pack_record(sequence, SCAN, body, None), origin, chain))
                sequence += 1
            self._chain_appended = chain
            for origin in dict(origin for _, origin in bodies).items():
                self._origins_appended.note(origin)
            self._next_sequence = sequence
            self._readings += len(bodies)
            return first

    def commit(self) -> int:
        """Make durable what was appended before this call; return the last durable sequence. Waits for the disk.

        After an OSError what is not durable is still pending and in order, and the next call tries again.
        """
        with self._committing:
            assert not self._closed, self._folder
            with self._ram:
                upto = self._next_sequence - 1
            count = _GROUP_RECORDS_MAX
            while self._shelf.last < upto and (group := self._next_group(upto, count)):
                try:
                    self._write(group)
                except OSError as error:
                    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                        raise
                    if self._make_room():
                        continue
                    if len(group) == 1:
                        raise
                    count = len(group) // 2  # what the disk still takes shall be on it
            return self.last_sequence

    def keep_budget(self) -> None:
        """Bring the folder to its byte budget as far as that can be now; what the disk refuses is told in `trouble`.

        Takes time when readings have to be thinned, which goes on beside appends, commits and reads. A thinning is
        declared first (take_losses) and done by the first call after its event is durable.
        """
        with self._tidying:
            if not self._closed:
                self._retention.keep(self._released, self._shelf.last)

    def _make_room(self) -> bool:
        with self._tidying:
            return self._retention.make_room(self._released)

    def _next_group(self, upto: int, count: int) -> list[Waiting]:
        with self._ram:
            return [waiting for waiting in self._pending.oldest(count) if waiting.sequence <= upto]

    def _write(self, group: list[Waiting]) -> None:
        written = self._writer.write(group, self._origins.copy(), self._chain[1])
        with self._ram:
            self._chain = (written[-1].sequence, written[-1].chain)
            self._bytes_written += sum(len(waiting.packed) for waiting in written)
            self._pending.durable(len(written))
            for waiting in written:
                self._origins.note(waiting.origin)

    def read(self, after: int, records_max: int, bytes_max: int) -> list[Record]:
        """Durable records with a sequence above `after`, oldest first; at least one if there is one.

        Bytes are those of the bodies. Damaged records are missing, and declared as losses unless they were released;
        reading goes on behind a loss when its event is durable (take_losses, append, commit), so that no cursor can
        move past what is not declared. Raises OSError if the disk is away, never for damage.
        """
        return self._reader.read(after, self._released, records_max, bytes_max)

    def release(self, upto: int) -> None:
        """Every consumer has what is up to this sequence; it is kept as history as long as the budget allows."""
        self._released = max(self._released, upto)

    def take_losses(self) -> list[Loss]:
        """Losses found since the last call. At once append one event for each, in this order.

        What the budget takes away stays on disk until its loss event is durable. Nothing while the disk has fallen so
        far behind that the events might find no room.
        """
        with self._ram:
            return [] if self._pending.crowded else self._losses.take(self._next_sequence)

    def close(self) -> None:
        """Give files and folder back. What is pending is not made durable; commit first. Safe to call twice."""
        with self._committing, self._tidying:
            if self._closed:
                return
            self._closed = True
            self._writer.close()
            self._unlock()
