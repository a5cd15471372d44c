"""From record to record through a segment, over whatever is damaged."""

from __future__ import annotations

from collections.abc import Iterator

from minegate_agent.link.store.form import (
    PAYLOAD_BYTES_MAX,
    RECORD_BYTES,
    Stored,
    candidates,
    payload_bytes,
    unpack_record,
    whole_records,
)
from minegate_agent.link.store.window import CHUNK_BYTES, Window


class Walk:
    """The records with a sequence in (above, upto] from byte `begin`, each sequence once and in rising order.

    A jump of sequence is damage; it begins at byte `whole`, where the last whole record ended. Older sequences (written
    again after a failed sync) are passed over.
    """

    def __init__(self, window: Window, begin: int, above: int, upto: int) -> None:
        self._window = window
        self._upto = upto
        self.sequence = above
        self.whole = begin

    def __iter__(self) -> Iterator[Stored]:
        for stored in self._all():
            if stored.sequence > self._upto:
                return
            self.whole = stored.end
            if stored.sequence > self.sequence:
                self.sequence = stored.sequence
                yield stored

    def _all(self) -> Iterator[Stored]:
        """Chunk by chunk, whatever the sequences are; `whole` moves on behind each."""
        while True:
            yield from whole_records(*self._window.see(self.whole, RECORD_BYTES), self.whole)
            stored = self._here(self.whole) or self._behind_damage()
            if stored is None:
                return
            yield stored

    def _here(self, at: int) -> Stored | None:
        """The record at this byte, unless it is damaged."""
        buffer, index = self._window.see(at, RECORD_BYTES)
        if len(buffer) - index < RECORD_BYTES:
            return None
        length = payload_bytes(buffer, index)
        if not length <= PAYLOAD_BYTES_MAX:
            return None
        buffer, index = self._window.see(at, RECORD_BYTES + length)
        return unpack_record(buffer, index, at)

    def _behind_damage(self) -> Stored | None:
        """The next record behind a place that is none, by its sequence, class, length and CRC; None up to the end."""
        # No sequence can be higher than if every record on the way were empty; so few make chance hits of the CRC rare.
        upto = min(self._upto, self.sequence + (self._window.end - self.whole) // RECORD_BYTES + 1)
        if not self.sequence < upto:
            return None
        pattern = candidates(self.sequence, upto)
        at = self.whole + 1
        while True:
            buffer, index = self._window.see(at, CHUNK_BYTES)
            if len(buffer) - index < RECORD_BYTES:
                return None
            for match in pattern.finditer(buffer, index):
                stored = self._here(at + match.start() - index)
                if stored is not None and self.sequence < stored.sequence <= upto:
                    return stored
            at += len(buffer) - index - RECORD_BYTES + 1
