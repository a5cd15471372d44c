"""The value that travels: one answer of one device, as read. A stage adds, none edits."""

from __future__ import annotations

from typing import NamedTuple


class Scan(NamedTuple):
    """One answer of one device. Decode late: `layouts[part]` of the device's driver explains `record`.

    `number` counts everything the field process of this `boot` produced (scans and events), without gaps, from 1.
    `mono_ms` is that boot's monotonic clock and means nothing in another process; `utc_ms` goes with `clock`
    (ClockQuality).
    """

    boot: int
    number: int
    device: int
    part: int
    quality: int
    mono_ms: int
    utc_ms: int
    clock: int
    record: bytes
