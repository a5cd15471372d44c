"""What a wired methane transmitter's signal means, in parts per million. Whole numbers only; FAULT is no methane.

`span_ppm` is the methane at the upper end of the signal: 40 000 for a head of 0 to 4 % CH4.
"""

FAULT = -1
SPAN_MAX_PPM = 60000  # (20.5 mA - 4 mA) * span stays below 2**30
_RAW_MAX = 16383


class Signal:
    """One way to read a transmitter."""

    def ppm(self, raw: int) -> int:
        """Methane, or FAULT."""
        raise NotImplementedError


def _span(span_ppm: int) -> int:
    if not 0 < span_ppm <= SPAN_MAX_PPM:
        raise ValueError("span_ppm is not within 1..60000")
    return span_ppm


class CurrentLoop(Signal):
    """4-20 mA over a shunt at an ADC; raw is `read_u16()`. Below 3.8 and above 20.5 mA is no measurement (NAMUR NE 43);
    a broken wire is 0 mA.
    """

    LOW_UA = 3800
    HIGH_UA = 20500

    def __init__(self, full_scale_ua: int, span_ppm: int) -> None:
        """`full_scale_ua`: the current at which the ADC is at its end. It must lie above 20.5 mA, or a short circuit
        would look like a measurement.
        """
        if not self.HIGH_UA < full_scale_ua <= 60000:
            raise ValueError("full_scale_ua is not within 20501..60000")
        self._full_scale_ua = full_scale_ua
        self._span_ppm = _span(span_ppm)

    def ppm(self, raw: int) -> int:
        """Methane, or FAULT. A current between 3.8 and 4 mA is a zero that has drifted: 0 ppm."""
        if not 0 <= raw <= 65535:
            return FAULT
        ua = (raw >> 2) * self._full_scale_ua // _RAW_MAX
        if not self.LOW_UA <= ua <= self.HIGH_UA:
            return FAULT
        return max(ua - 4000, 0) * self._span_ppm // 16000


class Frequency(Signal):
    """200-1000 Hz, the signal of Chinese mine transmitters; raw in tenths of a hertz. 10 Hz beyond either end is no
    measurement.
    """

    LOW_DHZ = 1900
    HIGH_DHZ = 10100

    def __init__(self, span_ppm: int) -> None:
        self._span_ppm = _span(span_ppm)

    def ppm(self, raw: int) -> int:
        """Methane, or FAULT."""
        if not self.LOW_DHZ <= raw <= self.HIGH_DHZ:
            return FAULT
        return max(raw - 2000, 0) * self._span_ppm // 8000


class Voltage(Signal):
    """Any linear voltage at an ADC; raw is `read_u16()`. `low` and `high` are the raw values of 0 ppm and of the span;
    a twentieth beyond either end is no measurement, so neither end may lie at an end of the ADC.
    """

    def __init__(self, low: int, high: int, span_ppm: int) -> None:
        margin = (high - low) // 20
        if not 0 < low - margin < high + margin < 65535 or margin <= 0:
            raise ValueError("low and high leave no room to see a broken or shorted wire")
        self._low = low
        self._high = high
        self._margin = margin
        self._span_ppm = _span(span_ppm)

    def ppm(self, raw: int) -> int:
        """Methane, or FAULT."""
        if not self._low - self._margin <= raw <= self._high + self._margin:
            return FAULT
        # a quarter of the resolution, so that the product stays a small integer
        above = max(raw - self._low, 0) >> 2
        return above * self._span_ppm // ((self._high - self._low) >> 2)
