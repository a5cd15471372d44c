"""`minegate journal`: look into a site's journal, verify, repair and export it, make a key for it."""

from __future__ import annotations

import argparse
import errno
import itertools
import os
import secrets
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from minegate_agent.clock import SystemClock
from minegate_agent.config import Config, ConfigError, load
from minegate_agent.link.disk import OS_DISK
from minegate_agent.link.inspection import Gap, SegmentSeen, Thinned, Torn, inspect
from minegate_agent.link.journal import EVENT, Journal, NotOurs
from minegate_agent.link.loss_event import loss_event
from minegate_agent.link.records import encode_event
from minegate_agent.link.signing import BadKey, signer
from minegate_agent.link.store.reader import Record
from minegate_agent.site import FILE
from minegate_tools.commands import verify
from minegate_tools.commands.site import folder_argument
from minegate_tools.export import Formats, export
from minegate_tools.progress import parts_of
from minegate_tools.table import table

READ_RECORDS, READ_BYTES = 2000, 4_000_000
CHECKSUMS = {0: "?", 1: "CRC-32", 2: "CRC-32C"}


def declare(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    command = commands.add_parser("journal", help="inspect, verify, repair or export a journal; make its key")
    parts = command.add_subparsers(metavar="WHAT", required=True)
    _part(parts, "inspect", "every segment with what is in it and what is not; reads only", _inspect)
    verify.arguments(parts.add_parser("verify", help="show that nothing was changed"))
    words = "cut a torn tail, and journal what is lost; keeps the damaged files; the site must not run"
    _part(parts, "repair", words, _repair)
    exporting = _part(parts, "export", "values and events as CSV or Parquet; reads only", _export)
    exporting.add_argument("--to", metavar="FILE", type=Path, required=True, help="ends in .csv or .parquet")
    exporting.add_argument("--first", metavar="N", type=int, default=1, help="from this journal sequence on")
    exporting.add_argument("--last", metavar="N", type=int, default=1 << 62, help="up to this journal sequence")
    key = parts.add_parser("key", help="make an Ed25519 key: FILE is private, FILE.pub is for everybody")
    key.add_argument("file", metavar="FILE", type=Path)
    key.set_defaults(do=_key)


def _part(
    parts: argparse._SubParsersAction[argparse.ArgumentParser], name: str, words: str, do: object
) -> argparse.ArgumentParser:
    part = parts.add_parser(name, help=words, description=words)
    folder_argument(part)
    part.set_defaults(do=lambda asked: _guarded(asked, do))
    return part


def _guarded(asked: argparse.Namespace, do: object) -> int:
    assert callable(do)
    try:
        config, _ = load(asked.dir / FILE)
        return int(do(asked, config, asked.dir / config.journal.folder))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{error.filename}: {error.strerror}" if error.filename else error, file=sys.stderr)
        return 1
    except (NotOurs, ModuleNotFoundError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1


@dataclass
class _Row:
    """A segment in the table."""

    seen: SegmentSeen
    scans: int = 0
    events: int = 0
    thinned: int = 0

    def cells(self) -> list[object]:
        seen = self.seen
        checksum = CHECKSUMS.get(seen.checksum, "?")
        return [seen.file, self.scans, self.events, self.thinned or "", seen.size, checksum, seen.strange or "well"]


def _inspect(_: argparse.Namespace, config: Config, folder: Path) -> int:
    rows: list[_Row] = []
    faults: list[str] = []
    for seen in inspect(folder):
        if isinstance(seen, SegmentSeen):
            rows.append(_Row(seen))
        elif isinstance(seen, Record):
            rows[-1].events += seen.klass == EVENT
            rows[-1].scans += seen.klass != EVENT
        elif isinstance(seen, Thinned):
            rows[-1].thinned += seen.last - seen.first + 1
        elif isinstance(seen, Gap):
            faults.append(f"{seen.file}: sequences {seen.first} to {seen.last} are missing from byte {seen.offset} on")
        elif isinstance(seen, Torn):
            faults.append(f"{seen.file}: {seen.size} bytes behind the last whole record, at {seen.offset}")
    print(table(("segment", "scans", "events", "thinned", "bytes", "checksum", ""), [row.cells() for row in rows]))
    used = sum(row.seen.size for row in rows)
    print(f"\n{len(rows)} segments, {used} bytes of {config.journal.bytes_max}")
    for fault in faults:
        print(fault)
    return 1 if faults or any(row.seen.strange for row in rows) else 0


def _must_be(folder: Path) -> None:
    """Who only looks makes nothing."""
    if not folder.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(folder))


def _keep_originals(folder: Path) -> None:
    """A copy of each file that is not as it was written, before anything is done to it."""
    faulty = {seen.file for seen in inspect(folder) if isinstance(seen, Gap | Torn)}
    faulty |= {seen.file for seen in inspect(folder) if isinstance(seen, SegmentSeen) and seen.strange}
    if not faulty:
        return
    kept = next(path for number in itertools.count(1) if not (path := folder / f"before-repair-{number}").exists())
    kept.mkdir()
    for name in sorted(faulty):
        shutil.copy2(folder / name, kept / name)
    print(f"{len(faulty)} file(s) kept as they were in {kept}")


def _repair(_: argparse.Namespace, config: Config, folder: Path) -> int:
    """What opening does, and one walk through everything: each loss becomes an event that is delivered."""
    _must_be(folder)
    try:
        unlock = OS_DISK.lock(folder)
    except BlockingIOError as error:
        raise NotOurs(f"{folder}: another process writes this journal; stop the site first") from error
    try:
        _keep_originals(folder)
    finally:
        unlock()
    journal = Journal.open(
        folder, segment_bytes=config.journal.segment_bytes, bytes_max=config.journal.bytes_max, released=0
    )
    try:
        if journal.cut_bytes:
            print(f"a torn tail of {journal.cut_bytes} bytes was cut; nobody had been promised it")
        lost = after = 0
        while after < journal.last_sequence:
            for record in journal.read(after, READ_RECORDS, READ_BYTES):
                after = record.sequence
            losses = journal.take_losses()
            if not losses:
                continue
            for loss in losses:
                lost += loss.count
                print(f"sequences {loss.first} to {loss.last} are lost ({loss.file} at byte {loss.offset})")
                journal.append(EVENT, encode_event(loss_event(loss, SystemClock().utc_ms())))
            journal.commit()
    finally:
        journal.close()
    print(f"{lost} records lost, and the journal says so" if lost else "nothing is lost")
    return 0


def _export(asked: argparse.Namespace, config: Config, folder: Path) -> int:
    form = Formats.of(asked.to)
    _must_be(folder)
    total = sum(path.stat().st_size for path in folder.glob("*.seg"))
    with parts_of("export", total) as on_record:
        rows = export(folder, asked.to, form, asked.first, asked.last, on_record)
    print(f"{rows} rows to {asked.to}")
    return 0


def _key(asked: argparse.Namespace) -> int:
    try:
        descriptor = os.open(asked.file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)  # never over a key that is there
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32) + "\n")
        public = signer(asked.file).public
        asked.file.with_name(asked.file.name + ".pub").write_text(public.hex() + "\n", encoding="ascii")
    except (OSError, BadKey) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{asked.file} is private; give {asked.file}.pub ({public.hex()[:8]}...) to whoever verifies")
    return 0
