"""The newest records, in memory: what was just journaled goes out without being read back from the disk."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import islice

from minegate_agent.link.store.reader import Record

RECORDS_MAX = 3000  # some blocks of the fastest line
BYTES_MAX = 600_000  # of bodies


class Recent:
    """Records with rising sequences that leave none out. Whoever asks says up to which one they are durable."""

    def __init__(self) -> None:
        self._records: deque[Record] = deque()
        self._bytes = 0

    def note(self, records: Sequence[Record]) -> None:
        """These follow the ones before."""
        if self._records and records[0].sequence != self._records[-1].sequence + 1:
            self._records.clear()
            self._bytes = 0
        self._records.extend(records)
        self._bytes += sum([len(record.body) for record in records])
        while self._bytes > BYTES_MAX or len(self._records) > RECORDS_MAX:
            self._bytes -= len(self._records.popleft().body)

    def after(self, sequence: int, upto: int, records_max: int, bytes_max: int) -> list[Record]:
        """Records from `sequence` + 1 on, at least one if there is one; none if the disk must be asked."""
        if not self._records or not self._records[0].sequence <= sequence + 1:
            return []
        begin = sequence + 1 - self._records[0].sequence
        end = min(upto + 1 - self._records[0].sequence, begin + records_max)
        found: list[Record] = []
        for record in islice(self._records, begin, max(begin, end)):
            bytes_max -= len(record.body)
            if found and bytes_max < 0:
                break
            found.append(record)
        return found
