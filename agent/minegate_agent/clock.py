"""The clocks, as something that is handed in. The only file of the agent that reads the time."""

from __future__ import annotations

import time
from enum import IntEnum
from pathlib import Path
from typing import Protocol


class ClockQuality(IntEnum):
    """What is known of the UTC time."""

    UNKNOWN = 0
    SYNCHRONISED = 1
    UNSYNCHRONISED = 2


class Clock(Protocol):
    """Time for everything that lives in a process."""

    def monotonic_ms(self) -> int:
        """Milliseconds that only go forward; comparable within this process only."""

    def utc_ms(self) -> int:
        """Milliseconds since 1970-01-01 UTC; may step."""

    def quality(self) -> ClockQuality:
        """What is known of `utc_ms` now."""


# systemd-timesyncd creates this file when it has synchronised for the first time since boot
# (systemd-timesyncd.service(8)); a gateway with another time service is reported as UNKNOWN, not as wrong.
_SYNCHRONISED = Path("/run/systemd/timesync/synchronized")
_SERVICE = Path("/run/systemd/timesync")


class SystemClock:
    """The machine's clocks."""

    def monotonic_ms(self) -> int:
        """See Clock."""
        return time.monotonic_ns() // 1_000_000

    def utc_ms(self) -> int:
        """See Clock."""
        return time.time_ns() // 1_000_000

    def quality(self) -> ClockQuality:
        """See Clock."""
        if not _SERVICE.exists():
            return ClockQuality.UNKNOWN
        return ClockQuality.SYNCHRONISED if _SYNCHRONISED.exists() else ClockQuality.UNSYNCHRONISED
