"""Chance with a seed: the same seed and the same steps give the same numbers."""

from __future__ import annotations

import math
import random


def source(seed: int, name: str) -> random.Random:
    """A stream of chance for one part, so that a new part does not change the numbers of the others."""
    return random.Random(f"{seed}/{name}")  # a text seed is hashed with SHA-512: the same on every machine


class Wander:
    """A value that strays slowly around zero, as a sensor's zero does: an Ornstein-Uhlenbeck process, stepped exactly.

    `sigma` is the standard deviation it settles at; `tau_s` how long it remembers where it was.
    """

    def __init__(self, chance: random.Random, sigma: float, tau_s: float) -> None:
        self.value = 0.0
        self._chance = chance
        self._sigma = sigma
        self._tau_s = tau_s

    def step(self, dt_s: float) -> float:
        """The value `dt_s` later."""
        keep = math.exp(-dt_s / self._tau_s)
        self.value = self.value * keep + self._sigma * math.sqrt(1.0 - keep * keep) * self._chance.gauss(0.0, 1.0)
        return self.value
