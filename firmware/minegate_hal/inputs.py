"""Inputs of a board. `sample(now_ms)` gives a raw value, or -1 when none is due; what it means is not decided here."""

from machine import ADC, Pin, disable_irq, enable_irq

_TICKS_MASK = (1 << 30) - 1
NONE = -1


class AnalogInput:
    """The mean of a few conversions in a row: against the noise of the converter, not against the process."""

    def __init__(self, adc: ADC, conversions: int = 8) -> None:
        self._adc = adc
        self._conversions = conversions

    def sample(self, now_ms: int) -> int:
        """0..65535, at every call."""
        total = 0
        for _ in range(self._conversions):
            total += self._adc.read_u16()
        return total // self._conversions


class FrequencyInput:
    """Edges counted by an interrupt, timed from the first to the last of a window, so that the result is exact however
    short the window. The board file gives `edge` to its pin.

    Raw is tenths of a hertz. A window without an edge reads 0, one with more edges than any transmitter sends 65535.
    """

    EDGES_MAX = 1000  # times 1 000 000 stays a small integer

    def __init__(self, ticks_us, window_ms: int = 100) -> None:
        self._ticks_us = ticks_us
        self._window_ms = window_ms
        self._edges = 0
        self._edge_us = 0
        self._start_edges = 0
        self._start_us = 0
        self._start_ms = NONE

    def edge(self, pin: Pin) -> None:
        """The interrupt: two stores, no allocation."""
        self._edge_us = self._ticks_us()
        self._edges = (self._edges + 1) & _TICKS_MASK

    def sample(self, now_ms: int) -> int:
        """Tenths of a hertz at the end of each window."""
        if self._start_ms >= 0 and (now_ms - self._start_ms) & _TICKS_MASK < self._window_ms:
            return NONE
        first = self._start_ms < 0
        self._start_ms = now_ms
        state = disable_irq()
        edges = self._edges
        edge_us = self._edge_us
        enable_irq(state)
        counted = (edges - self._start_edges) & _TICKS_MASK
        took_us = (edge_us - self._start_us) & _TICKS_MASK
        self._start_edges = edges
        self._start_us = edge_us
        if first:
            return NONE
        if counted == 0:
            return 0
        if counted > self.EDGES_MAX or took_us < 10:
            return 65535
        return min(counted * 1000000 // (took_us // 10), 65535)
