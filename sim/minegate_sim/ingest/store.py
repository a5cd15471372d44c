"""What has arrived, on disk, each (gateway, sequence) once: several workers may write to one file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

BUSY_S = 10.0
_SEQUENCE_MAX = 2**63 - 1
_TABLES = """
CREATE TABLE IF NOT EXISTS record (
  gateway TEXT NOT NULL, sequence INTEGER NOT NULL, class INTEGER NOT NULL, body BLOB NOT NULL, birth TEXT NOT NULL,
  PRIMARY KEY (gateway, sequence)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS birth (id TEXT PRIMARY KEY, payload BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS again (gateway TEXT PRIMARY KEY, count INTEGER NOT NULL);
"""


class Arrived(NamedTuple):
    """One record as the journal has it."""

    sequence: int
    klass: int
    body: bytes


class Store:
    """A SQLite file. Every call is a transaction that is on disk when it returns (synchronous = FULL)."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(_TABLES)

    def keep(self, gateway: str, birth: str, records: Iterable[Arrived]) -> int:
        """Store what is new; how many were there before. Raises sqlite3.Error; then nothing of it is stored."""
        rows = [(gateway, each.sequence, each.klass, each.body, birth) for each in records]
        self._db.execute("BEGIN IMMEDIATE")
        try:
            before = self._db.total_changes
            self._db.executemany("INSERT INTO record VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", rows)
            again = len(rows) - (self._db.total_changes - before)
            if again:
                self._db.execute(
                    "INSERT INTO again VALUES (?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count",
                    (gateway, again),
                )
        except sqlite3.Error:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")
        return again

    def keep_birth(self, birth: str, payload: bytes) -> None:
        """Store what explains records."""
        self._db.execute("INSERT OR IGNORE INTO birth VALUES (?, ?)", (birth, payload))

    def gateways(self) -> list[str]:
        """Topic prefixes that something came from."""
        return [gateway for (gateway,) in self._db.execute("SELECT DISTINCT gateway FROM record ORDER BY gateway")]

    def records(self, gateway: str, first: int = 1, last: int = _SEQUENCE_MAX) -> Iterator[Arrived]:
        """By sequence."""
        rows = self._db.execute(
            "SELECT sequence, class, body FROM record WHERE gateway = ? AND sequence BETWEEN ? AND ? ORDER BY sequence",
            (gateway, first, last),
        )
        for row in rows:
            yield Arrived(*row)

    def count(self, gateway: str) -> int:
        """How many records there are."""
        return int(self._db.execute("SELECT count(*) FROM record WHERE gateway = ?", (gateway,)).fetchone()[0])

    def newest(self, gateway: str, count: int) -> list[Arrived]:
        """Those with the highest sequences, the highest first."""
        rows = self._db.execute(
            "SELECT sequence, class, body FROM record WHERE gateway = ? ORDER BY sequence DESC LIMIT ?",
            (gateway, count),
        )
        return [Arrived(*row) for row in rows]

    def again(self, gateway: str) -> int:
        """How often something came that was there."""
        found = self._db.execute("SELECT count FROM again WHERE gateway = ?", (gateway,)).fetchone()
        return int(found[0]) if found else 0

    def close(self) -> None:
        """Give the file back."""
        self._db.close()
