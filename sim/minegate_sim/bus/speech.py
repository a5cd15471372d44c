"""One run of characters on a line, with the time each takes and what has become of each. Pure."""

from __future__ import annotations

import math
import random
from typing import Protocol

from minegate_sim.bus.framing import Framing, heard
from minegate_sim.far_end import NEVER


class Station(Protocol):
    """Whatever speaks: a device or a master."""

    name: str


class Speech:
    """`data` from `sender` beginning at `begin_ms`. `told`: characters that the masters have heard."""

    def __init__(self, sender: Station, data: bytes, begin_ms: float, framing: Framing, piece_bytes: int) -> None:
        self.sender = sender
        self.data = data
        self.begin_ms = begin_ms
        self.framing = framing
        self.char_ms = framing.char_ms
        self.told = 0
        self._piece_bytes = piece_bytes
        self.next_ms = self._next_ms()  # when the next piece is complete; NEVER if all are told
        self._changed: dict[int, int | None] = {}  # what a character became; None: not heard at all

    @property
    def end_ms(self) -> float:
        """When the last stop bit is over."""
        return self.begin_ms + len(self.data) * self.char_ms

    def _next_ms(self) -> float:
        if self.told >= len(self.data):
            return NEVER
        return self.begin_ms + min(self.told + self._piece_bytes, len(self.data)) * self.char_ms

    def extend(self, more: Speech) -> None:
        """Go on with `more`, which begins where this ends."""
        self._changed |= {len(self.data) + index: byte for index, byte in more._changed.items()}
        self.data += more.data
        self.next_ms = self._next_ms()

    def disturb(self, bit_error_rate: float, chance: random.Random) -> None:
        """Noise: a wrong start bit hides a character, a wrong data bit changes it, the others change nothing."""
        wrong_share = -math.expm1(self.framing.bits * math.log1p(-bit_error_rate))
        for index, byte in enumerate(self.data):
            if chance.random() < wrong_share:
                bit = chance.randrange(self.framing.bits) - 1
                if bit < 0:
                    self._changed[index] = None
                elif bit < self.framing.data_bits:
                    self._changed[index] = byte ^ 1 << bit

    def spoil(self, other: Speech, chance: random.Random) -> None:
        """The characters that `other` talks into become anything."""
        for index in self.met(other):
            self._changed[index] = chance.randrange(256)

    def met(self, other: Speech) -> range:
        """Which characters overlap with `other`."""
        char_ms = self.char_ms
        first = math.floor((other.begin_ms - self.begin_ms) / char_ms + 1e-9)
        last = math.ceil((other.end_ms - self.begin_ms) / char_ms - 1e-9)
        return range(max(0, first), max(0, min(len(self.data), last)))

    def take_piece(self) -> bytes:
        """The next characters for the masters, as they are on the line."""
        first, self.told = self.told, min(self.told + self._piece_bytes, len(self.data))
        self.next_ms = self._next_ms()
        return self._now(first, self.told)

    def whole(self) -> bytes:
        """All of it, as it was on the line."""
        return self._now(0, len(self.data))

    def as_heard(self, data: bytes, ear: Framing) -> bytes:
        """What a station set to `ear` makes of a part of it."""
        return heard(data, self.framing, ear)

    def _now(self, first: int, beyond: int) -> bytes:
        if not self._changed:
            return self.data[first:beyond]
        after = (self._changed.get(index, self.data[index]) for index in range(first, beyond))
        return bytes(byte for byte in after if byte is not None)


def overlap(one: Speech, other: Speech) -> int:
    """Characters of `one` that `other` talks into."""
    return len(one.met(other)) if one.begin_ms < other.end_ms and other.begin_ms < one.end_ms else 0
