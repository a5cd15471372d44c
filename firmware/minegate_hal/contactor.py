"""The output stage: a coil that is energised to run, and an auxiliary contact that tells where the main ones are."""

from machine import Pin


class Contactor:
    """`coil` drives the output stage, high: energised. `read_back` reads `closed_level` while the contact is closed.

    `pulsed`: the stage is a charge pump, fed by a level that changes in every cycle, so that a pin stuck high or a loop
    that hangs lets it fall within the pump's own time (HARDWARE.md).
    """

    def __init__(self, coil: Pin, read_back: Pin, closed_level: int = 0, pulsed: bool = False) -> None:
        self._coil = coil
        self._read_back = read_back
        self._closed_level = closed_level
        self._pulsed = pulsed
        self._level = 0
        self.drive(False)

    def drive(self, energised: bool) -> None:
        """Once per cycle."""
        if not energised:
            self._level = 0
        elif self._pulsed:
            self._level ^= 1
        else:
            self._level = 1
        self._coil.value(self._level)

    def agrees(self) -> bool:
        """Whether the coil's pin has the level that was written to it: a short circuit on the board does not."""
        return self._coil.value() == self._level

    def closed(self) -> bool:
        """The contact as it is."""
        return self._read_back.value() == self._closed_level
