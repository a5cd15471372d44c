"""`minegate bench journal`: how fast readings are durable, what that writes, and how a large journal opens and reads.

Writing goes through the journal as link uses it: one commit, one fdatasync, for each tenth of a second of the promised
rate. Opening and reading happen in a process of their own, after the kernel was told to forget the files.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from minegate_tools.bench.journal_open import Opened, opened
from minegate_tools.bench.journal_write import Written, write
from minegate_tools.bench.table import Row, at_least, at_most, show

HELP = "values durable a second, bytes written for each, and how a journal of any size opens and is read"

OPEN_S_MAX = 1.0
VALUES_S_MIN = 400_000
READING_MB_MAX = 40.0  # above what the process had before it read
SPARE = 1.2  # of the free space


def run(asked: argparse.Namespace) -> int:
    """Measure and print; 0 if every promise is kept."""
    size = int(asked.gigabytes * 1e9)
    with tempfile.TemporaryDirectory(prefix="minegate-bench-") as folder:
        free = shutil.disk_usage(folder).free
        if not 0 < size * SPARE <= free:
            print(f"--gigabytes {asked.gigabytes:g}: {free / 1e9:.1f} GB are free in {folder}", file=sys.stderr)
            return 2
        broken = 0
        show(Row("figure", "measured", "promised"))
        for row in _rows(Path(folder) / "journal", size):
            show(row)
            broken += row.kept is False
    if broken:
        print(f"{broken} promise(s) not kept; is the machine busy?", file=sys.stderr)
    return 1 if broken else 0


def _rows(folder: Path, size: int) -> Iterator[Row]:
    yield from written_rows(write(folder, size))
    yield from opened_rows(opened(folder))


def written_rows(written: Written) -> Iterator[Row]:
    """What writing it took."""
    values = written.values
    yield Row("journal written, 10 devices x 100 registers", f"{written.journal_bytes / 1e9:.2f} GB")
    yield at_least("values durable each second (fdatasync)", values / written.wall_s, VALUES_S_MIN, unit="values/s")
    yield Row("CPU for it", f"{written.cpu_s / values * 1e6:.3f} us per value")
    yield Row("longest commit of 40,000 values", f"{written.commit_ms_max:.1f} ms")
    yield Row("median commit of 40,000 values", f"{written.commit_ms_median:.1f} ms")
    bytes_each = written.journal_bytes / values
    yield Row("bytes the journal writes for a value", f"{bytes_each:.2f} B")
    yield Row("bytes the journal writes for a reading (a scan of 100 registers)", f"{bytes_each * 100:.0f} B")
    if written.device_bytes:
        yield Row("bytes the kernel wrote to the device for a value", f"{written.device_bytes / values:.2f} B")


def opened_rows(told: Opened) -> Iterator[Row]:
    """What a fresh process found."""
    yield at_most(f"opening {told.segments} segments, files not in memory", told.open_s, OPEN_S_MAX, unit="s")
    yield Row("the same again, files in memory", f"{told.again_s:.2f} s")
    yield Row("first record of the middle", f"{told.middle_ms:.1f} ms")
    yield Row("reading all of it", f"{told.journal_bytes / 1e6 / told.read_s:.0f} MB/s, {told.records} records")
    yield at_most(
        "memory of the process while it reads, above its start", told.grown_mb, READING_MB_MAX, "{:.1f}", "MB"
    )
    yield Row("whole memory of that process", f"{told.peak_mb:.1f} MB")
