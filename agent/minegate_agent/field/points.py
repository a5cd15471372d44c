"""From a scan to the readings that the interlock judges: the few points that it wants, decoded once."""

from __future__ import annotations

from collections.abc import Iterator

from minegate_agent.scan import Scan
from minegate_agent.site import Site, SitePoint
from minegate_drivers.sdk import Field, Layout, Quality
from minegate_interlock.lines import PointName, Reading

_UINT32 = 0xFFFFFFFF


class Points:
    """Which points lie in which device's records. Nothing is decoded for a point that the interlock does not want."""

    def __init__(self, site: Site) -> None:
        self.names = [PointName(point.number, point.name, point.field.unit) for point in site.points]
        self._site = site
        self._by_number = {point.number: point for point in site.points}
        self._of: dict[tuple[int, int], tuple[Layout, list[SitePoint]]] = {}

    def want(self, number: int) -> None:
        """The interlock judges this point. A number that was never introduced is nobody's."""
        point = self._by_number.get(number)
        if point is None:
            return
        layout = self._site.devices[point.device].driver.layouts[point.part]
        own = self._of.setdefault((point.device, point.part), (layout, []))[1]
        if point not in own:
            own.append(point)

    def forget(self) -> None:
        """The interlock is gone; the next one says anew what it wants."""
        self._of.clear()

    def readings(self, scan: Scan, now_ms: int) -> Iterator[Reading]:
        """The scan's points, aged to `now_ms` of the clock that made `mono_ms`."""
        found = self._of.get((scan.device, scan.part))
        if found is None:
            return
        layout, points = found
        values = layout.decode(scan.record)
        age_ms = min(max(0, now_ms - scan.mono_ms), _UINT32)
        for point in points:
            value = values[point.at]
            quality = scan.quality | _range(value, point.field)
            yield Reading(point.number, quality, age_ms, scan.number & _UINT32, value)


def _range(value: float, field: Field) -> Quality:
    low = field.low is None or value >= field.low
    high = field.high is None or value <= field.high
    return Quality.GOOD if low and high else Quality.OUT_OF_RANGE
