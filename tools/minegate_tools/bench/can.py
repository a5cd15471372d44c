"""`minegate bench can`: frames a second, what was lost, and what it cost; beside a plain python-can script.

Every row is two fresh processes: a source that keeps the rate, and a reader. CPU is the reader's, of one core, over the
time in which frames came. No row needs a CAN interface: slcan runs over a pty, the kernel's structs over a local
datagram socket, which stamps and counts drops as a CAN socket does.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import tty
from pathlib import Path
from typing import NamedTuple

from minegate_tools.bench.can_source import IDENTIFIERS

HELP = "CAN frames a second over slcan and through the SocketCAN reader, beside python-can and cantools"
CHILD_S = 120.0
_HEAD = f"{'reader':<24}{'over':<10}" + "".join(f"{word:>9}" for word in ("frames/s", "sent", "heard", "lost", "CPU %"))
_HEAD += f"{'us/frame':>10}  promise"


class Case(NamedTuple):
    """One row: who reads, over what, how many frames a second; the promised share of a core, None: a comparison."""

    reader: str
    kind: str
    rate: int
    cpu_max: float | None


CASES = (
    Case("minegate", "slcan", 1000, None),
    Case("minegate", "slcan", 4000, 0.08),
    Case("minegate", "structs", 8000, 0.10),
    Case("python-can + cantools", "slcan", 1000, None),
    Case("python-can + cantools", "slcan", 4000, None),
)


class Measured(NamedTuple):
    """What one row showed."""

    case: Case
    sent: int
    unsent: int  # found no room: what an adapter drops
    heard: int
    lost: int
    cpu: float  # of a core

    @property
    def kept(self) -> bool:
        """Is the promise kept? A comparison has none to break."""
        return self.case.cpu_max is None or (self.lost == 0 and self.cpu <= self.case.cpu_max)


def dbc() -> str:
    """Ten messages with three signals each."""
    lines = ['VERSION ""', "BU_: PLC"]
    for identifier in IDENTIFIERS:
        lines += [
            f"BO_ {identifier} M{identifier:X}: 8 PLC",
            ' SG_ number : 0|32@1+ (1,0) [0|0] "" PLC',
            ' SG_ current : 32|16@1+ (0.1,0) [0|6553.5] "A" PLC',
            ' SG_ temperature : 48|16@1- (0.01,-40) [-400|400] "degC" PLC',
        ]
    return "\n".join(lines) + "\n"


def measure(case: Case, seconds: float) -> Measured:
    """Run one row. RuntimeError with the child's own words if a child fails."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "bench.dbc").write_text(dbc(), encoding="utf-8")
        if case.kind == "structs":
            port = _free_port()
            told = _play(case, seconds, folder, str(port), str(port), ())
        else:
            master, slave = os.openpty()
            try:
                tty.setraw(slave)
                told = _play(case, seconds, folder, os.ttyname(slave), str(master), (master,))
            finally:
                os.close(master)
                os.close(slave)
    heard, source = told
    sent, unsent = int(source["sent"]), int(source["unsent"])
    return Measured(
        case, sent, unsent, int(heard["frames"]), sent + unsent - int(heard["frames"]), heard["cpu_s"] / seconds
    )


def _play(
    case: Case, seconds: float, folder: Path, near: str, far: str, descriptors: tuple[int, ...]
) -> tuple[dict[str, float], dict[str, float]]:
    module = "minegate_tools.bench."
    reading = ["can_ours", case.kind, near] if case.reader == "minegate" else ["can_notifier", near]
    reader = _start([module + reading[0], *reading[1:], str(folder)], ())
    source = None
    try:
        if case.kind == "structs":
            assert reader.stdout is not None
            reader.stdout.readline()  # "ready": a datagram that nobody hears is lost
        source = _start([module + "can_source", case.kind, far, str(case.rate), str(seconds)], descriptors)
        sent = _told(source)
        return _told(reader), sent
    finally:
        for child in (reader, source):
            if child is not None and child.poll() is None:
                child.kill()
                child.wait()


def _start(words: list[str], descriptors: tuple[int, ...]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, pass_fds=descriptors,
    )  # fmt: skip


def _told(child: subprocess.Popen[str]) -> dict[str, float]:
    out, errors = child.communicate(timeout=CHILD_S)
    if child.returncode:
        raise RuntimeError(errors.strip().splitlines()[-1] if errors.strip() else f"exit code {child.returncode}")
    told: dict[str, float] = json.loads(out.splitlines()[-1])
    return told


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def run(asked: argparse.Namespace) -> int:
    """Every row once; 0 if every promise is kept. `asked.seconds` of traffic per row, 10 unless given."""
    seconds = float(getattr(asked, "seconds", None) or 10.0)
    print(_HEAD)
    kept = True
    for case in CASES:
        row = measure(case, seconds)
        each_us = 1e6 * row.cpu * seconds / row.heard if row.heard else 0.0
        promise = "-" if case.cpu_max is None else f"0 lost, <= {case.cpu_max:.0%}: {'kept' if row.kept else 'BROKEN'}"
        print(
            f"{case.reader:<24}{case.kind:<10}{case.rate:>9}{row.sent + row.unsent:>9}{row.heard:>9}{row.lost:>9}"
            f"{100 * row.cpu:>9.1f}{each_us:>10.1f}  {promise}",
            flush=True,
        )
        kept = kept and row.kept
    return 0 if kept else 1
