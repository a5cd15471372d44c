"""How fast history may go: as fast as the link takes it without anybody in front having to wait. Pure.

Delay tells before loss does (the idea of LEDBAT, RFC 6817): the time to an acknowledgement at an idle line is the
measure, and when it grows history gives way. Block size and number on the way both follow.
"""

from __future__ import annotations

BYTES_MIN = 4_000
BYTES_FIRST = 16_000
GROWN_PART = 2.0  # an acknowledgement that takes so many times the best ...
GROWN_MS = 20.0  # ... and so much longer says that the line is filling
SLOW_MS = 1000.0  # no block may hold the line longer than this, whatever is usual there
_FORGET = 1.01  # the best is let rise a little with each block: a line may become longer for good


class Pace:
    """`window`: blocks of history that may be on their way; `block_bytes`: how large the next one may be."""

    def __init__(self, window_max: int, bytes_max: int) -> None:
        self.window = 1
        self.block_bytes = min(BYTES_FIRST, bytes_max)
        self._window_max = max(1, window_max)
        self._bytes_max = bytes_max
        self._best_ms = 0.0

    def acknowledged(self, took_ms: float) -> None:
        """A block of history was acknowledged so long after it was handed to the line."""
        self._best_ms = min(took_ms, self._best_ms * _FORGET) if self._best_ms else took_ms
        filling = took_ms > self._best_ms * GROWN_PART and took_ms > self._best_ms + GROWN_MS
        if not took_ms < SLOW_MS:
            self.window = 1
            self.block_bytes = max(BYTES_MIN, self.block_bytes // 2)
        elif filling:
            self.window = max(1, self.window // 2)
        elif self.block_bytes < self._bytes_max:
            self.block_bytes = min(self._bytes_max, self.block_bytes * 2)
        else:
            self.window = min(self._window_max, self.window + 1)
