"""A journal that is overrun, with a key, and what its tests look at."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path

from journal_story import BOOT, FOLDER, alarm_body, loss_body
from link_work import GATEWAY, MINE
from minegate_agent.link.anchors import signed_text
from minegate_agent.link.journal import EVENT, SCAN, Journal, Loss, Record
from minegate_agent.link.proof import Proof, prove
from minegate_agent.link.records import encode_event, encode_scan
from minegate_agent.link.signing import Signer
from minegate_agent.link.store.form import HEADER_BYTES, Stored, said_by, unpack_record
from minegate_agent.scan import Scan
from minegate_sim.disk import SimDisk

SEGMENT_BYTES = 64_000
BYTES_MAX = 800_000
RECORD_BYTES = 400


@cache
def reading(number: int) -> bytes:
    """Item `number` of one of three devices."""
    record = random.Random(number).randbytes(RECORD_BYTES)
    return encode_scan(Scan(BOOT, number, 1 + number % 3, 0, 0, number * 10, 1_700_000_000_000 + number, 1, record))


class Site:
    """A journal with a key that writes what link writes: readings, now and then an alarm, losses and anchors."""

    def __init__(self, disk: SimDisk, key: Signer) -> None:
        self.disk = disk
        self._key = key
        self.journal = self._opened()
        self.events: list[int] = []
        self.losses: list[Loss] = []
        self.number = 0

    def _opened(self) -> Journal:
        return Journal.open(FOLDER, segment_bytes=SEGMENT_BYTES, bytes_max=BYTES_MAX, disk=self.disk)

    def restart(self) -> None:
        self.journal.close()
        self.journal = self._opened()

    def live(self, count: int, alarm_every: int = 40) -> None:
        for _ in range(count):
            self.number += 1
            if self.number % alarm_every:
                self.journal.append(SCAN, reading(self.number))
            else:
                self.events.append(self.journal.append(EVENT, alarm_body(self.number)))
            if self.number % 50 == 0:
                self.commit()
            if self.number % 200 == 0:
                self._anchor()

    def commit(self) -> None:
        self.journal.commit()
        self.journal.keep_budget()
        for loss in self.journal.take_losses():
            self.losses.append(loss)
            self.events.append(self.journal.append(EVENT, loss_body(loss)))

    def settle(self) -> None:
        for _ in range(100):
            self.commit()
            if not self.journal.wants_room and not self.journal.pending:
                return

    def _anchor(self) -> None:
        through, chain = self.journal.chain
        signature = self._key.sign(signed_text(MINE, GATEWAY, through, chain))
        told = {"through": through, "chain": chain, "key": self._key.public, "signature": signature}
        self.events.append(
            self.journal.append(EVENT, encode_event({"kind": "anchor", "from": "link", "utc_ms": 1, **told}))
        )

    def read(self) -> list[Record]:
        found: list[Record] = []
        while block := self.journal.read(found[-1].sequence if found else 0, 100, 100_000):
            found += block
        return found

    def proof(self) -> Proof:
        return prove(FOLDER, MINE, GATEWAY, self._key.public, self.disk)

    def paths(self) -> list[Path]:
        return sorted(FOLDER / entry.name for entry in self.disk.list(FOLDER) if said_by(entry.name) is not None)

    def level(self, path: Path) -> int:
        name = said_by(path.name)
        assert name is not None
        return name.level


def stored_in(site: Site, path: Path) -> list[Stored]:
    content, at, found = site.disk.content(path), HEADER_BYTES, []
    while (stored := unpack_record(content, at, at)) is not None:
        found.append(stored)
        at = stored.end
    return found
