"""How long a device is waited for: learned from its own answers, between a floor and a ceiling. Pure.

The ceiling is what gateway.toml promises (`timeout_ms`), and until enough answers are known it is what counts. A
device that misses is waited for twice as long the next time, so that one which has become slower is not lost for ever.
"""

from __future__ import annotations

from minegate_agent.field.histogram import Histogram

ENOUGH_ANSWERS = 8
TIMES_LEARNED = 2.0
_LEARN_EVERY = 32
_CEILING_FIRST, _CEILING_EVERY = 8, 64  # these probes of a lost device wait to the ceiling: it may have become slow
_SHARE = 0.99


class Patience:
    """`delays` are times from the end of a request to the answer, wire time taken out."""

    def __init__(self, floor_ms: float, ceiling_ms: float) -> None:
        self.delays = Histogram()
        self._floor_ms = min(floor_ms, ceiling_ms)
        self._ceiling_ms = ceiling_ms
        self._learned_ms = ceiling_ms
        self._until_learned = ENOUGH_ANSWERS
        self._misses = 0

    @property
    def learned(self) -> bool:
        """Whether this device's own answers are known."""
        return self.delays.count >= ENOUGH_ANSWERS

    @property
    def learned_ms(self) -> float:
        """About twice the delay of the slowest answers; the ceiling until they are known."""
        return self._learned_ms

    def answered(self, delay_ms: float) -> None:
        """An answer, `delay_ms` after the wire had carried the request."""
        self._misses = 0
        self.delays.add(delay_ms)
        self._until_learned -= 1
        if TIMES_LEARNED * delay_ms > self._learned_ms:  # it has become slower: known at once, forgotten slowly
            self._learned_ms = min(TIMES_LEARNED * delay_ms, self._ceiling_ms)
        elif self._until_learned <= 0:
            self._until_learned = _LEARN_EVERY
            slow_ms = self.delays.quantile_ms(_SHARE) or self._ceiling_ms
            self._learned_ms = min(max(TIMES_LEARNED * slow_ms, self._floor_ms), self._ceiling_ms)

    def missed(self) -> None:
        """No answer within `wait_ms`."""
        self._misses += 1

    def wait_ms(self) -> float:
        """For the next request to a device that is believed to live."""
        return float(min(self._learned_ms * 2 ** min(self._misses, 10), self._ceiling_ms))

    def probe_ms(self, usual_ms: float) -> float:
        """For the next request to a lost one; `usual_ms` is what its neighbours take, if it was never heard."""
        doubled = self._misses >= _CEILING_FIRST and self._misses & (self._misses - 1) == 0
        if doubled or self._misses % _CEILING_EVERY == 0:
            return self._ceiling_ms
        cheap_ms = self._learned_ms if self.learned else usual_ms
        return min(max(cheap_ms, self._floor_ms), self._ceiling_ms)
