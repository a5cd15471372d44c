"""Opens a journal and reads all of it, in a process that did not write it."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from minegate_agent.link.journal import Journal

BLOCK_RECORDS, BLOCK_BYTES = 1_000, 100_000  # what the uplink asks for
SEGMENT_BYTES = 8_000_000


class Opened(NamedTuple):
    """`grown_mb`: how much the process grew from before opening to after reading; `peak_mb` is all of it."""

    segments: int
    journal_bytes: int
    open_s: float
    again_s: float
    middle_ms: float
    read_s: float
    records: int
    grown_mb: float
    peak_mb: float


def opened(folder: Path) -> Opened:
    """In a process of its own. Raises CalledProcessError."""
    command = [sys.executable, "-m", "minegate_tools.bench.journal_open", str(folder)]
    ended = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return Opened(*json.loads(ended.stdout))


def main(folder: Path) -> Opened:
    """The measurement. Every record is looked at."""
    segments = list(folder.glob("*.seg"))
    _forget(segments)
    before_mb = _mb()
    open_s, journal = _timed_open(folder)
    journal.close()
    again_s, journal = _timed_open(folder)
    at = time.perf_counter()
    journal.read((journal.first_sequence + journal.last_sequence) // 2, 1, BLOCK_BYTES)
    middle_ms = (time.perf_counter() - at) * 1000
    at, after, records = time.perf_counter(), journal.first_sequence - 1, 0
    while block := journal.read(after, BLOCK_RECORDS, BLOCK_BYTES):
        assert block[0].sequence == after + 1, "a record is missing"
        after, records = block[-1].sequence, records + len(block)
    read_s = time.perf_counter() - at
    used = journal.bytes_used
    journal.close()
    return Opened(len(segments), used, open_s, again_s, middle_ms, read_s, records, _mb() - before_mb, _mb())


def _timed_open(folder: Path) -> tuple[float, Journal]:
    at = time.perf_counter()
    journal = Journal.open(folder, segment_bytes=SEGMENT_BYTES, bytes_max=1 << 50)
    return time.perf_counter() - at, journal


def _forget(segments: list[Path]) -> None:
    """Out of the kernel's memory, as after a start of the machine."""
    for path in segments:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)


def _mb() -> float:
    """The most this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
