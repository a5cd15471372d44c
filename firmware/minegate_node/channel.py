"""One channel of a sensor node: raw samples in, a value with its status out.

Averaged over the last samples; a fault while it is out of range, jumps faster than its quantity can, stands still, or
has not been sampled. While it is being calibrated it says so, for a limited time: a forgotten calibration ends itself.
"""

from minegate_wire.messages import READING_CALIBRATING, READING_FAULT, READING_RANGE, READING_WARM_UP

CALIBRATE_MAX_MS = 30 * 60000
_AGE_MAX_MS = 65535
_STILL_MAX_MS = 1 << 29
_RAW_MAX = (1 << 16) - 1
VALUE_MAX = (1 << 29) - 1


class Span:
    """A straight line: raw `low_raw` is the value `low`, raw `high_raw` is `high`. Values in the channel's scale."""

    def __init__(self, low_raw: int, high_raw: int, low: int, high: int) -> None:
        if not 0 <= low_raw < high_raw <= _RAW_MAX or not -(1 << 13) < high - low < 1 << 13:
            # 2**16 times 2**13 is a small integer
            raise ValueError("a span of 0 <= low_raw < high_raw <= 65535, and of less than 8192 steps of the value")
        self.low_raw = low_raw
        self.high_raw = high_raw
        self._low = low
        self._steps = high - low

    def value(self, raw: int) -> int:
        """Rounded to the nearest step."""
        wide = self.high_raw - self.low_raw
        return self._low + ((raw - self.low_raw) * self._steps + wide // 2) // wide


class Channel:
    """`take` a raw sample, `pass_ms`; then `value` and `status()`.

    `margin_raw`: how far beyond its span a raw value is still a measurement, held at the end and flagged. `slope_raw`:
    the largest step from sample to sample that the quantity can make; 0: any. `stuck_ms`: how long raw values may not
    move by a single count; 0: for ever. `warm_up_ms`: how long after power-on nothing is believed.
    """

    def __init__(
        self,
        span: Span,
        samples: int = 8,
        margin_raw: int = 0,
        slope_raw: int = 0,
        stuck_ms: int = 0,
        stale_ms: int = 1000,
        warm_up_ms: int = 0,
    ) -> None:
        if not 0 < samples <= 256:
            raise ValueError("samples is not within 1..256")
        self.value = 0
        self.age_ms = _AGE_MAX_MS
        self.jumps = 0
        self._span = span
        self._ring = [0] * samples
        self._filled = 0
        self._next = 0
        self._sum = 0
        self._margin_raw = margin_raw
        self._slope_raw = slope_raw
        self._stuck_ms = stuck_ms
        self._stale_ms = stale_ms
        self._warm_up_ms = warm_up_ms
        self._calibrating_ms = 0
        self._last_raw = -1
        self._still_ms = 0
        self._fault = True
        self._beyond = False

    def take(self, raw: int) -> None:
        """A sample, 0..65535. One that is no measurement is a fault at once and empties the average."""
        self.age_ms = 0
        if raw != self._last_raw:
            self._still_ms = 0
        jumps = self._last_raw >= 0 and self._slope_raw > 0 and abs(raw - self._last_raw) > self._slope_raw
        self._last_raw = raw
        low = self._span.low_raw - self._margin_raw
        high = self._span.high_raw + self._margin_raw
        self._fault = jumps or not low <= raw <= high
        if self._fault:
            self.jumps = min(self.jumps + jumps, 65535)
            self._filled = 0
            self._sum = 0
            return
        self._average(raw)

    def pass_ms(self, elapsed_ms: int) -> None:
        """Time goes by."""
        self.age_ms = min(self.age_ms + elapsed_ms, _AGE_MAX_MS)
        self._still_ms = min(self._still_ms + elapsed_ms, _STILL_MAX_MS)
        self._warm_up_ms = max(self._warm_up_ms - elapsed_ms, 0)
        self._calibrating_ms = max(self._calibrating_ms - elapsed_ms, 0)

    def calibrate(self, ms: int) -> bool:
        """Someone works at the head for `ms`; 0 ends it. False, and nothing changes, beyond half an hour."""
        if not 0 <= ms <= CALIBRATE_MAX_MS:
            return False
        self._calibrating_ms = ms
        return True

    def calibrating_ms(self) -> int:
        """How much of the calibration is left."""
        return self._calibrating_ms

    def status(self) -> int:
        """READING.status."""
        status = 0
        stuck = self._stuck_ms > 0 and not self._still_ms <= self._stuck_ms
        if self._fault or stuck or not self.age_ms <= self._stale_ms:
            status |= READING_FAULT
        if self._beyond:
            status |= READING_RANGE
        if self._calibrating_ms > 0:
            status |= READING_CALIBRATING
        if self._warm_up_ms > 0:
            status |= READING_WARM_UP
        return status

    def _average(self, raw: int) -> None:
        size = len(self._ring)
        if self._filled == size:
            self._sum -= self._ring[self._next]
        else:
            if self._filled == 0:
                self._next = 0
            self._filled += 1
        self._ring[self._next] = raw
        self._sum += raw
        self._next = (self._next + 1) % size
        mean = (self._sum + self._filled // 2) // self._filled
        self._beyond = not self._span.low_raw <= mean <= self._span.high_raw
        self.value = self._span.value(min(max(mean, self._span.low_raw), self._span.high_raw))
