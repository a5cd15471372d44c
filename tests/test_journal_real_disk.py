"""On the operating system's disk: a killed process, and the simulated disk behaving as the real one."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from journal_story import scan_body
from minegate_agent.link.disk import OS_DISK, Disk
from minegate_agent.link.journal import SCAN, Journal, Record
from minegate_sim.disk import SimDisk

WRITER = """
import sys
from pathlib import Path
from journal_story import scan_body
from minegate_agent.link.journal import SCAN, Journal

journal = Journal.open(Path(sys.argv[1]), segment_bytes=5_000, bytes_max=10_000_000)
print(journal.last_sequence, flush=True)
number = journal.last_sequence
while True:
    for _ in range(7):
        number += 1
        journal.append(SCAN, scan_body(number))
    print(journal.commit(), flush=True)
"""


def test_what_was_acknowledged_before_kill_9_is_there_and_the_next_process_goes_on(tmp_path: Path) -> None:
    acknowledged = 0
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    for wanted in (3, 40, 11):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True, env=environment
        )
        assert writer.stdout is not None
        lines = [int(writer.stdout.readline()) for _ in range(wanted)]
        writer.send_signal(signal.SIGKILL)
        lines += [int(line) for line in writer.stdout.read().split()]
        writer.stdout.close()
        assert writer.wait(timeout=30) == -signal.SIGKILL
        assert lines[0] >= acknowledged
        acknowledged = lines[-1]
    journal = Journal.open(tmp_path, segment_bytes=5_000, bytes_max=10_000_000)
    assert journal.last_sequence >= acknowledged
    assert journal.read(0, 100_000, 100_000_000) == [
        Record(number, SCAN, scan_body(number)) for number in range(1, journal.last_sequence + 1)
    ]
    assert journal.take_losses() == []
    assert journal.free_bytes() > 0
    journal.close()


@pytest.mark.parametrize("seed", range(5))
def test_the_simulated_disk_does_what_the_real_one_does(tmp_path: Path, seed: int) -> None:
    """Otherwise the proof by power cuts would be one about a fiction."""
    assert _deeds(SimDisk(), Path("/x"), seed) == _deeds(OS_DISK, tmp_path, seed)


def _deeds(disk: Disk, folder: Path, seed: int) -> list[object]:
    """A random series of operations and what came of each."""
    chance = random.Random(seed)
    names = [folder / name for name in ("a.seg", "b.seg", "c.seg")]
    outcomes: list[object] = []
    for _ in range(150):
        path, other = chance.sample(names, 2)
        at, size = chance.randint(0, 50), chance.randint(0, 50)
        written = chance.randbytes(size)
        act = chance.choice(["create", "write", "truncate", "read", "delete", "replace", "list", "sync"])
        try:
            outcomes.append(_do(disk, act, path, other, at, written))
        except FileNotFoundError:
            outcomes.append((act, "not there"))
    return outcomes


def _do(disk: Disk, act: str, path: Path, other: Path, at: int, written: bytes) -> object:
    if act in ("create", "write", "truncate"):
        file = disk.create(path) if act == "create" else disk.open(path)
        if act == "write":
            file.write_at(at, written)
        if act == "truncate":
            file.truncate(at)
        file.fdatasync()
        file.close()
        return None
    acts: dict[str, Callable[[], object]] = {
        "read": lambda: disk.read(path, at, len(written)),
        "delete": lambda: disk.delete(path),
        "replace": lambda: disk.replace(path, other),
        "list": lambda: sorted(disk.list(path.parent)),
        "sync": lambda: disk.sync_folder(path.parent),
    }
    return acts[act]()
