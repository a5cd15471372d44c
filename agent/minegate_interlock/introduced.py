"""What the field process has introduced: which number means which point, and which of its readings are new."""

from __future__ import annotations

from minegate_interlock.lines import PointName, Reading

POINTS_MAX = 65_536  # what a 16-bit point number can name
_CIRCLE = 1 << 32
_AHEAD_MAX = 1 << 31  # half the circle: further ahead is behind


class Introduced:
    """One connection of one field process. `refused` counts readings of nobody, `repeated` those that were not new."""

    def __init__(self, wanted: frozenset[str]) -> None:
        self.refused = 0
        self.repeated = 0
        self._wanted = wanted
        self._names: dict[int, str] = {}
        self._numbers: dict[int, int] = {}

    def forget(self) -> None:
        """The field process came or went: its numbers mean nothing any more."""
        self._names.clear()
        self._numbers.clear()

    def introduce(self, name: PointName) -> bool:
        """Whether the point is judged, and its readings are wanted."""
        wanted = name.name in self._wanted and len(self._names) < POINTS_MAX
        if wanted:
            self._names[name.number] = name.name
        return wanted

    def point_of(self, reading: Reading) -> str | None:
        """The point's name, or None if nobody wants it or its number did not advance: a field process that says one
        reading for ever, each time with a small age, must fall silent here.
        """
        point = self._names.get(reading.number)
        if point is None:
            self.refused += 1
            return None
        last = self._numbers.get(reading.number)
        if last is not None and not 0 < (reading.sequence - last) % _CIRCLE < _AHEAD_MAX:
            self.repeated += 1
            return None
        self._numbers[reading.number] = reading.sequence
        return point
