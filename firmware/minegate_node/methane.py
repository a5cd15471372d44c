"""The relay node's own methane input: the limit that no message can raise, and a sensor that is believed only while it
lives.
"""

from minegate_node.signals import FAULT, Signal

# The highest limit that a board file may ask for: in the table of methane sensors of the Coal Mine Safety Regulations
# of China no working place is cut above 1.5 % CH4.
LIMIT_MAX_PPM = 15000
AGE_MAX_MS = 65535
_STILL_MAX_MS = 1 << 29


class Methane:
    """`take` a raw sample, `pass_ms`, then ask `faulty()` and `over()`. Until the first sample it is faulty."""

    def __init__(self, signal: Signal, limit_ppm: int, stale_ms: int, stuck_ms: int) -> None:
        """A sample older than `stale_ms`, or raw values that have not moved by a
        single count for `stuck_ms`, are a fault. ValueError if a number is out of its range.
        """
        if not 0 < limit_ppm <= LIMIT_MAX_PPM:
            raise ValueError("limit_ppm is not within 1..15000")
        if not 0 < stale_ms <= 2000:
            raise ValueError("stale_ms is not within 1..2000")
        if not 1000 <= stuck_ms < _STILL_MAX_MS:
            raise ValueError("stuck_ms is not within 1000..2**29")
        self.ppm = FAULT
        self.age_ms = AGE_MAX_MS
        self.count = 0
        self._to_ppm = signal.ppm
        self._limit_ppm = limit_ppm
        self._stale_ms = stale_ms
        self._stuck_ms = stuck_ms
        self._raw = -1
        self._still_ms = 0

    def take(self, raw: int) -> None:
        """A sample, as the input reads it."""
        self.ppm = self._to_ppm(raw)
        self.age_ms = 0
        self.count = (self.count + 1) & 0xFFFF
        if raw != self._raw:
            self._raw = raw
            self._still_ms = 0

    def pass_ms(self, elapsed_ms: int) -> None:
        """Time goes by."""
        self.age_ms = min(self.age_ms + elapsed_ms, AGE_MAX_MS)
        self._still_ms = min(self._still_ms + elapsed_ms, _STILL_MAX_MS)

    def faulty(self) -> bool:
        """Missing, stale, stuck or out of range."""
        return not (self.ppm >= 0 and self.age_ms <= self._stale_ms and self._still_ms <= self._stuck_ms)

    def over(self) -> bool:
        """At or over the limit, as far as the last sample says."""
        return not self.ppm < self._limit_ppm
