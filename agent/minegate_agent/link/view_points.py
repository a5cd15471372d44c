"""The newest reading of every point, decoded when somebody looks and not before."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from minegate_agent.clock import ClockQuality
from minegate_agent.scan import Scan
from minegate_agent.site import Site, SiteDevice, SitePoint
from minegate_drivers.sdk import Field, LineDriver, Nonsense, Quality

Limits = Mapping[str, tuple[float | None, float | None]]  # point name -> (alarm, cut)

STALE_PERIODS = 3
STALE_LISTENING_MS = 10_000  # who speaks by itself may pause; `period_ms` above a third of this lengthens it
DECIMALS_MAX = 4
DECIMALS_FLOAT = 2


class Newest(NamedTuple):
    """One device part's last scan, its journal sequence, and when the device was heard."""

    scan: Scan
    sequence: int
    heard_ms: int


class PointRows:
    """Rows for the page and the status document, in the order of gateway.toml."""

    def __init__(self, site: Site, limits: Limits) -> None:
        self._site = site
        self.limits = limits
        self._parts = {(point.device, point.part) for point in site.points}
        self._newest: dict[tuple[int, int], Newest] = {}

    def hear(self, scan: Scan, sequence: int, heard_ms: int) -> None:
        """Keep it as the newest. A scan that no point reads is not kept, so memory is bounded by the configuration."""
        if (scan.device, scan.part) in self._parts:
            self._newest[scan.device, scan.part] = Newest(scan, sequence, heard_ms)

    def rows(self, now_ms: int) -> list[dict[str, object]]:
        """One JSON-able row per point; `value` and `age_ms` are None for a point that was never heard."""
        decoded = {key: _decode(self._site.devices[key[0]], newest) for key, newest in self._newest.items()}
        return [self._row(point, decoded.get((point.device, point.part)), now_ms) for point in self._site.points]

    def _row(self, point: SitePoint, values: tuple[float, ...] | None, now_ms: int) -> dict[str, object]:
        device = self._site.devices[point.device]
        newest = self._newest.get((point.device, point.part))
        value = values[point.at] if values else math.nan
        age_ms = None if newest is None else max(0, now_ms - newest.heard_ms)
        flags = Quality.STALE if newest is None else _quality(newest.scan, point.field, value)
        if age_ms is not None and age_ms > stale_after_ms(device):
            flags |= Quality.STALE
        alarm, cut = self.limits.get(point.name, (None, None))
        return {
            "number": point.number,
            "name": point.name,
            "device": point.device,
            "device_name": device.name,
            "place_zh": point.config.place_zh,
            "place_en": point.config.place_en,
            "quantity": point.field.quantity,
            "unit": point.field.unit,
            "decimals": decimals(point.field),
            "low": point.field.low,
            "high": point.field.high,
            "alarm": alarm,
            "cut": cut,
            "value": finite(value),
            "quality": flag_names(flags),
            "age_ms": age_ms,
            "sequence": None if newest is None else newest.sequence,
        }


def stale_after_ms(device: SiteDevice) -> int:
    """The age above which a reading of this device is old."""
    polled_ms = STALE_PERIODS * device.config.period_ms
    return polled_ms if isinstance(device.driver, LineDriver) else max(STALE_LISTENING_MS, polled_ms)


def flag_names(quality: int) -> list[str]:
    """Names of the flags that are set, lowest bit first; empty for a good reading. Unknown bits are named by number."""
    named = [flag.name for flag in Quality if flag & quality and flag.name is not None]
    unknown = quality & ~sum(Quality)
    return [*named, f"BITS_{unknown:#x}"] if unknown else named


def decimals(field: Field) -> int:
    """How many decimals the field resolves: 2 for a scale of 0.01."""
    if field.type[1] == "f":
        return DECIMALS_FLOAT
    exponent = Decimal(repr(field.scale)).normalize().as_tuple().exponent
    assert isinstance(exponent, int), field.scale  # a scale is a finite number
    return min(DECIMALS_MAX, max(0, -exponent))


def finite(value: float) -> float | None:
    """JSON has no NaN; a value that is none is shown as missing."""
    return value if math.isfinite(value) else None


def believable(field: Field, value: float) -> bool:
    """Within the range of the field; written so that NaN is not."""
    low = -math.inf if field.low is None else field.low
    high = math.inf if field.high is None else field.high
    return math.isfinite(value) and low <= value <= high


def _decode(device: SiteDevice, newest: Newest) -> tuple[float, ...] | None:
    layouts = device.driver.layouts
    if newest.scan.part >= len(layouts):  # journaled by another version of the driver
        return None
    try:
        return layouts[newest.scan.part].decode(newest.scan.record)
    except Nonsense:
        return None


def _quality(scan: Scan, field: Field, value: float) -> Quality:
    flags = Quality(scan.quality)
    if not believable(field, value):
        flags |= Quality.OUT_OF_RANGE
    if scan.clock == ClockQuality.UNSYNCHRONISED:
        flags |= Quality.CLOCK_UNSYNCHRONISED
    return flags
