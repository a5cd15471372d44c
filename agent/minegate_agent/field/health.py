"""What a line and a device have done, counted. Shown on the page and in `minegate status`; decides nothing."""

from __future__ import annotations

from collections import Counter, deque
from statistics import median
from typing import Any

ANSWERS_KEPT = 64


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
        self._answers_ms: deque[float] = deque(maxlen=ANSWERS_KEPT)

    def answer(self, took_ms: float, now_ms: int) -> None:
        """A believed answer, `took_ms` after the question."""
        self.answered += 1
        self.heard_ms = now_ms
        self._answers_ms.append(took_ms)

    def report(self, now_ms: int) -> dict[str, Any]:
        """Numbers for the page."""
        return {
            "number": self.number,
            "name": self.name,
            "up": self.up,
            "asked": self.asked,
            "answered": self.answered,
            "timeouts": self.timeouts,
            "nonsense": dict(self.nonsense),
            "answer_ms_p50": round(median(self._answers_ms), 1) if self._answers_ms else None,
            "last_age_ms": None if self.heard_ms is None else now_ms - self.heard_ms,
        }


class PortHealth:
    """One port. `busy_ms` is time spent waiting for the line, from which the use of the last second follows."""

    def __init__(self, name: str, kind: str) -> None:
        self.name = name
        self.kind = kind
        self.up = False
        self.last_error = ""
        self.discarded = 0
        self.foreign = 0
        self.busy_ms = 0.0
        self._busy_before_ms = 0.0
        self._reported_ms: int | None = None

    def report(self, devices: list[DeviceHealth], now_ms: int) -> dict[str, Any]:
        """Numbers for the page; `utilisation` since the report before."""
        span_ms = now_ms - self._reported_ms if self._reported_ms is not None else 0
        used = (self.busy_ms - self._busy_before_ms) / span_ms if span_ms > 0 else 0.0
        self._busy_before_ms, self._reported_ms = self.busy_ms, now_ms
        nonsense = sum((device.nonsense for device in devices), Counter[str]())
        return {
            "name": self.name,
            "kind": self.kind,
            "up": self.up,
            "utilisation": round(min(used, 1.0), 3),
            "asked": sum(device.asked for device in devices),
            "answered": sum(device.answered for device in devices),
            "timeouts": sum(device.timeouts for device in devices),
            "nonsense": dict(nonsense),
            "discarded": self.discarded,
            "foreign": self.foreign,
            "last_error": self.last_error,
        }
