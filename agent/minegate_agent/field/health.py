"""What a line and a device have done, counted. Shown on the page and in `minegate status`; decides nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from minegate_agent.field.histogram import Histogram
from minegate_agent.field.patience import Patience

_SUSPECTS_SHOWN = 3
# how much one event speaks against a device: silence may be its supply, but wrong bits are its wiring or itself
_TIMEOUT_WEIGHS = 1.0
_NONSENSE_WEIGHS = 2.0
_FADES = 0.9  # per report: what happened a minute ago weighs next to nothing
_SUSPECT_FROM = 1.0


class DeviceHealth:
    """One device: answers, silences, and how long an answer takes."""

    def __init__(self, number: int, name: str) -> None:
        self.number = number
        self.name = name
        self.up = False
        self.asked = 0
        self.answered = 0
        self.timeouts = 0
        self.nonsense: Counter[str] = Counter()
        self.heard_ms: int | None = None
        self.patience: Patience | None = None  # of a device that is asked
        self.suspicion = 0.0
        self._against_before = 0.0

    def answer(self, now_ms: int) -> None:
        """A believed answer."""
        self.answered += 1
        self.heard_ms = now_ms

    def report(self, now_ms: int) -> dict[str, Any]:
        """Numbers for the page. Once a second: suspicion fades with every report."""
        against = _TIMEOUT_WEIGHS * self.timeouts + _NONSENSE_WEIGHS * self.nonsense.total()
        self.suspicion = self.suspicion * _FADES + against - self._against_before
        self._against_before = against
        delays = self.patience.delays if self.patience else None
        return {
            "number": self.number,
            "name": self.name,
            "up": self.up,
            "asked": self.asked,
            "answered": self.answered,
            "timeouts": self.timeouts,
            "nonsense": dict(self.nonsense),
            "answer_ms_p50": _rounded(delays.quantile_ms(0.5)) if delays else None,
            "answer_ms_p99": _rounded(delays.quantile_ms(0.99)) if delays else None,
            "timeout_ms": _rounded(self.patience.learned_ms) if self.patience else None,
            "last_age_ms": None if self.heard_ms is None else now_ms - self.heard_ms,
        }


class PortHealth:
    """One port. `busy_ms` is time spent waiting for the line, from which the use of the last second follows.

    `strays` counts what was heard and was no answer, by class (frames.py); `dropped` what the port's own buffer lost.
    """

    def __init__(self, name: str, kind: str) -> None:
        self.name = name
        self.kind = kind
        self.up = False
        self.last_error = ""
        self.opened = 0
        self.strays: Counter[str] = Counter()
        self.stray_bytes = 0
        self.foreign = 0
        self.dropped = 0
        self.busy_ms = 0.0
        self.asking: tuple[int, float] = (0, 0.0)  # the device that is being asked, and how long it may take (ms)
        self.bus: Callable[[], dict[str, Any]] | None = None  # what a CAN reader knows of its bus, `dropped` among it
        self._busy_before_ms = 0.0
        self._reported_ms: int | None = None

    def report(self, devices: list[DeviceHealth], now_ms: int) -> dict[str, Any]:
        """Numbers for the page; `utilisation` since the report before. After the reports of its devices."""
        span_ms = now_ms - self._reported_ms if self._reported_ms is not None else 0
        used = (self.busy_ms - self._busy_before_ms) / span_ms if span_ms > 0 else 0.0
        self._busy_before_ms, self._reported_ms = self.busy_ms, now_ms
        nonsense = sum((device.nonsense for device in devices), Counter[str]())
        delays = Histogram()
        for device in devices:
            if device.patience:
                delays.merge(device.patience.delays)
        suspects = sorted((d for d in devices if d.suspicion >= _SUSPECT_FROM), key=lambda d: -d.suspicion)
        bus = self.bus() if self.bus else {}
        return {
            "name": self.name,
            "kind": self.kind,
            "up": self.up,
            "bus": bus,
            "utilisation": round(min(used, 1.0), 3),
            "asked": sum(device.asked for device in devices),
            "answered": sum(device.answered for device in devices),
            "timeouts": sum(device.timeouts for device in devices),
            "nonsense": dict(nonsense),
            "strays": dict(self.strays),
            "discarded": self.stray_bytes,
            "foreign": self.foreign,
            "dropped": self.dropped + int(bus.get("dropped", 0)),
            "opened": self.opened,
            "silent": sum(not device.up for device in devices),
            "answer_ms_p50": _rounded(delays.quantile_ms(0.5)),
            "answer_ms_p99": _rounded(delays.quantile_ms(0.99)),
            "suspects": [device.name for device in suspects[:_SUSPECTS_SHOWN]],
            "suspect": suspects[0].number if suspects else 0,
            "last_error": self.last_error,
        }


def _rounded(value_ms: float | None) -> float | None:
    return None if value_ms is None else round(value_ms, 2)
