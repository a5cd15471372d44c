"""How long to wait before the next attempt: full jitter, so that a section's gateways do not come back in step."""

from __future__ import annotations

import random

FIRST_S = 0.2
AT_LEAST_S = 0.05


class Backoff:
    """Uniform between AT_LEAST_S and a ceiling that doubles up to `max_s` (AWS architecture blog, "full jitter")."""

    def __init__(self, max_s: float, chance: random.Random) -> None:
        self._max_s = max_s
        self._chance = chance
        self._ceiling_s = min(FIRST_S, max_s)

    def next_s(self) -> float:
        """The wait before the next attempt."""
        wait_s = max(AT_LEAST_S, self._chance.uniform(0, self._ceiling_s))
        self._ceiling_s = min(2 * self._ceiling_s, self._max_s)
        return wait_s

    def reset(self) -> None:
        """An attempt has gone well."""
        self._ceiling_s = min(FIRST_S, self._max_s)
