"""Whether the machine was started anew since somebody last noted it: after a power cut nobody knows what was in memory.

Field's tally outlives field, because the kernel keeps its page; it does not outlive the kernel. So the number of the
last item before a power cut is known to nobody, and that is what has to be said (intake.py).
"""

from __future__ import annotations

from pathlib import Path

from minegate_agent.link.disk import Disk
from minegate_agent.link.store.appear import appear, close_quietly

FILE = "machine"
_START_BYTES_MAX = 100
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")  # random(4): drawn at each start of the kernel


def start_of_machine() -> str:
    """A text that differs from start to start of this machine; empty if the system has none."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


class Machine:
    """`restarted`: another start of the machine is noted than the present one; where starts cannot be told apart it
    never is. `unnoted`: the present one is to be noted.
    """

    def __init__(self, path: Path, disk: Disk, start: str, noted: str) -> None:
        self.unnoted = bool(start) and noted != start
        self.restarted = self.unnoted and bool(noted)
        self._path = path
        self._disk = disk
        self._start = start

    @classmethod
    def open(cls, folder: Path, disk: Disk, start: str) -> Machine:
        """What the file in the journal's folder says; a new gateway has none. Raises OSError."""
        path = folder / FILE
        try:
            noted = disk.read(path, 0, _START_BYTES_MAX).decode("utf-8", "replace")
        except FileNotFoundError:
            noted = ""
        return cls(path, disk, start, noted)

    def note(self) -> None:
        """What the restart has cost is on record. Durable on return; waits for the disk. Raises OSError."""
        close_quietly(appear(self._disk, self._path, [self._start.encode()]))
        self.unnoted = self.restarted = False
