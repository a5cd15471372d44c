"""Which birth explains which records: a backlog of last week is delivered under last week's birth.

One small file per birth in the folder `births` of the journal; its name says from which journal sequence it holds.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from minegate_agent.link.birth import Birth, birth_in
from minegate_agent.link.disk import Disk

BIRTH_BYTES_MAX = 16_000_000
_NAME = re.compile(r"(\d{20})\.birth")


class InForce(NamedTuple):
    """`birth` explains the records from sequence `first` up to the next entry's."""

    first: int
    birth: Birth


class Births:
    """Births in the order of the sequences from which they hold. The first one explains whatever is older, too."""

    def __init__(self, folder: Path, disk: Disk, entries: list[InForce]) -> None:
        self._folder = folder
        self._disk = disk
        self._entries = entries

    @classmethod
    def open(cls, folder: Path, disk: Disk) -> Births:
        """Read what is there; a file that cannot be read as birth is left out. Raises OSError."""
        disk.make_folder(folder)
        entries = []
        for name in sorted(entry.name for entry in disk.list(folder)):
            matched = _NAME.fullmatch(name)
            birth = birth_in(disk.read(folder / name, 0, BIRTH_BYTES_MAX)) if matched else None
            if matched and birth is not None:
                entries.append(InForce(int(matched[1]), birth))
        return cls(folder, disk, entries)

    @property
    def newest(self) -> Birth | None:
        """The birth of the records that are journaled now; None in a new journal."""
        return self._entries[-1].birth if self._entries else None

    def of_config(self, config: str) -> Birth | None:
        """The birth of this configuration hash, if one is kept."""
        return next((entry.birth for entry in reversed(self._entries) if entry.birth.config == config), None)

    def at(self, sequence: int) -> tuple[Birth, int | None]:
        """The birth that explains a record, and the first sequence that the next birth explains."""
        assert self._entries, self._folder
        later = [entry for entry in self._entries if entry.first > sequence]
        earlier = self._entries[: len(self._entries) - len(later)] or self._entries[:1]
        behind = next((entry.first for entry in later if entry.first > earlier[-1].first), None)
        return earlier[-1].birth, behind

    def enter(self, birth: Birth, first: int) -> None:
        """From sequence `first` on, records are explained by `birth`. Durable on return; waits for the disk.

        Raises OSError; then nothing has changed.
        """
        assert not self._entries or first >= self._entries[-1].first, first
        path = self._folder / f"{first:020d}.birth"
        fresh = path.with_suffix(".new")
        file = self._disk.create(fresh)
        try:
            file.write_at(0, birth.payload)
            file.fdatasync()
        finally:
            file.close()
        self._disk.replace(fresh, path)
        self._disk.sync_folder(self._folder)
        # A new list: `at` may be asked by another thread meanwhile.
        self._entries = [*(entry for entry in self._entries if entry.first < first), InForce(first, birth)]

    def forget_below(self, sequence: int) -> None:
        """No record below `sequence` will be delivered again. Waits for the disk; raises OSError."""
        while len(self._entries) > 1 and self._entries[1].first <= sequence:
            self._disk.delete(self._folder / f"{self._entries[0].first:020d}.birth")
            self._entries = self._entries[1:]
