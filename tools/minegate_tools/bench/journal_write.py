"""Fills a journal as fast as the disk says that it has it."""

from __future__ import annotations

import random
import statistics
import struct
import time
from pathlib import Path
from typing import NamedTuple

from minegate_agent.link.journal import SCAN, Journal
from minegate_agent.link.records import encode_scan
from minegate_agent.scan import Scan
from minegate_tools.progress import progress

DEVICES, REGISTERS = 10, 100
SCANS_A_COMMIT = 400  # a tenth of a second at 400,000 values/s
SEGMENT_BYTES = 8_000_000  # as a site has it that says nothing
BODIES = 4_000  # different ones; making them is not what is measured


class Written(NamedTuple):
    """Times of wall and CPU, bytes of the journal's files, bytes the kernel says it gave to the device (0: unknown)."""

    values: int
    wall_s: float
    cpu_s: float
    commit_ms_median: float
    commit_ms_max: float
    journal_bytes: int
    device_bytes: int


def write(folder: Path, size: int) -> Written:
    """Until the journal has this many bytes."""
    journal = Journal.open(folder, segment_bytes=SEGMENT_BYTES, bytes_max=2 * size + 10 * SEGMENT_BYTES)
    scans = _scans()
    commits: list[float] = []
    number = 0
    before, device_before = time.process_time(), _device_bytes()
    begun = time.perf_counter()
    with progress("writing") as show:
        while journal.bytes_used < size:
            for _ in range(SCANS_A_COMMIT):
                number += 1
                boot_device, rest = scans[number % BODIES]
                journal.append(SCAN, boot_device[:4] + struct.pack("<IH", number, 0) + boot_device[4:] + rest)
            at = time.perf_counter()
            journal.commit()
            commits.append((time.perf_counter() - at) * 1000)
            show(journal.bytes_used / size)
    wall_s = time.perf_counter() - begun
    cpu_s = time.process_time() - before
    used = journal.bytes_used
    journal.close()
    device = _device_bytes() - device_before
    values = number * REGISTERS
    return Written(values, wall_s, cpu_s, statistics.median(commits), max(commits), used, device)


def _scans() -> list[tuple[bytes, bytes]]:
    """Bodies without their number: boot and the rest of the head, and the record of a random walk."""
    chance = random.Random(1)
    registers = [[chance.randrange(1 << 16) for _ in range(REGISTERS)] for _ in range(DEVICES)]
    bodies = []
    for count in range(BODIES):
        device = count % DEVICES
        registers[device] = [(value + chance.randint(-3, 3)) & 0xFFFF for value in registers[device]]
        record = struct.pack(f">{REGISTERS}H", *registers[device])
        body = encode_scan(Scan(77, 0, 1 + device, 0, 0, 25 * count, 1_772_323_200_000 + 25 * count, 1, record))
        bodies.append((body[:4] + body[10:28], body[28:]))
    return bodies


def _device_bytes() -> int:
    """What this process has caused to be written to storage; 0 where the kernel does not count it."""
    try:
        lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("write_bytes:")), 0)
