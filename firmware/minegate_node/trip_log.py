"""The last trips of this boot, in RAM: nothing on a relay node writes to flash while it guards."""

ENTRIES = 9  # as many as one frame of TRIP_LOG holds
_FIELDS = 5
_NUMBER_MAX = 65535


class TripLog:
    """A ring of rows (number, cause, contact, value, at_s). The boot is its first entry."""

    def __init__(self) -> None:
        self.length = 0
        self._number = 0
        self._rows = [0] * (ENTRIES * _FIELDS)
        self._newest = ENTRIES - 1

    def add(self, cause: int, contact: int, value: int, at_s: int) -> None:
        """A trip; the oldest is forgotten when the ring is full. The number stops at 65535."""
        self._number = min(self._number + 1, _NUMBER_MAX)
        self._newest = (self._newest + 1) % ENTRIES
        self.length = min(self.length + 1, ENTRIES)
        at = self._newest * _FIELDS
        self._rows[at] = self._number
        self._rows[at + 1] = cause
        self._rows[at + 2] = contact
        self._rows[at + 3] = value
        self._rows[at + 4] = at_s

    def read(self, back: int, into: list) -> None:
        """Entry `back` before the newest (0: the newest), into the first items of `into`."""
        at = (self._newest - back) % ENTRIES * _FIELDS
        for field in range(_FIELDS):
            into[field] = self._rows[at + field]
