"""Which MQTT to speak to a broker: the configured one, or by trial, and then what it took last. Pure."""

from __future__ import annotations

from typing import Final

V5: Final = "5"
V311: Final = "3.1.1"
AUTO: Final = "auto"


class Version:
    """`now` is what the next connection speaks."""

    def __init__(self, setting: str) -> None:
        self._auto = setting == AUTO
        self.now = V5 if self._auto else setting

    def was_refused(self) -> bool:
        """The broker does not speak it, or said nothing at all to it; True if the next attempt speaks the other one."""
        if self._auto:
            self.now = V311 if self.now == V5 else V5
        return self._auto
