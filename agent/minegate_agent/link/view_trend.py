"""The last minutes of the methane points, at most one sample a second: enough to see which way it goes."""

from __future__ import annotations

import math
from collections import deque
from typing import NamedTuple

from minegate_agent.scan import Scan
from minegate_agent.site import Site, SitePoint
from minegate_drivers.sdk import Nonsense, Quality

SAMPLES_MAX = 600
SAMPLE_MS = 1000
METHANE = "methane"
_NO_VALUE = Quality.LINE_BREAK | Quality.DEVICE_FAULT


class Sample(NamedTuple):
    """`mark` counts all samples of all points; `value` None is a hole in the line."""

    mark: int
    utc_ms: int
    value: float | None


class Trends:
    """Bounded: SAMPLES_MAX per methane point, the oldest goes first."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._points: dict[tuple[int, int], list[SitePoint]] = {}
        self._samples: dict[str, deque[Sample]] = {}
        self.mark = 0
        for point in site.points:
            if point.field.quantity == METHANE:
                self._points.setdefault((point.device, point.part), []).append(point)
                self._samples[point.name] = deque(maxlen=SAMPLES_MAX)

    def hear(self, scan: Scan) -> None:
        """Take a sample of every methane point of this scan that has none in the running second."""
        for point in self._points.get((scan.device, scan.part), ()):
            samples = self._samples[point.name]
            if samples and scan.utc_ms < samples[-1].utc_ms:
                samples.clear()  # the clock stepped back; a line that runs backwards explains nothing
            if not samples or scan.utc_ms - samples[-1].utc_ms >= SAMPLE_MS:
                self.mark += 1
                samples.append(Sample(self.mark, scan.utc_ms, self._value(point, scan)))

    def since(self, mark: int) -> dict[str, dict[str, list[float | None]]]:
        """Samples taken after `mark`, as columns `t` (utc_ms) and `v`, per point that has any."""
        columns: dict[str, dict[str, list[float | None]]] = {}
        for name, samples in self._samples.items():
            new = []
            for sample in reversed(samples):
                if sample.mark <= mark:
                    break
                new.append(sample)
            if new:
                new.reverse()
                columns[name] = {"t": [sample.utc_ms for sample in new], "v": [sample.value for sample in new]}
        return columns

    def _value(self, point: SitePoint, scan: Scan) -> float | None:
        layouts = self._site.devices[point.device].driver.layouts
        if scan.quality & _NO_VALUE or scan.part >= len(layouts):
            return None
        try:
            value = layouts[scan.part].decode(scan.record)[point.at]
        except Nonsense:
            return None
        return value if math.isfinite(value) else None
