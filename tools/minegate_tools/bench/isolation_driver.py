"""A driver as a third party might ship it: after some answers it goes its own way."""

from __future__ import annotations

from typing import Any, ClassVar

from minegate_drivers.gas_head import GasHead
from minegate_drivers.sdk import Heard, Nonsense, Option

WELL_FOR = 10  # answers
EATEN_BYTES = 1_000_000


class Odd(GasHead):
    """`way`: what it does when it has heard enough."""

    name: ClassVar[str] = "odd"
    options: ClassVar[dict[str, Option]] = {**GasHead.options, "way": Option(str, "well", help="well, raise, ...")}

    def __init__(self, *, way: str, **rest: Any) -> None:
        super().__init__(**rest)
        self._way = way
        self._heard = 0
        self._eaten: list[bytes] = []

    def hear(self, frame: bytes) -> Heard:
        """As a gas head, for a while."""
        self._heard += 1
        if self._heard > WELL_FOR:
            self._misbehave()
        return super().hear(frame)

    def _misbehave(self) -> None:
        if self._way == "raise":
            raise RuntimeError("a mistake of the driver")
        if self._way == "nonsense":
            raise Nonsense("value", "nothing that anybody sends")
        while self._way == "spin":
            pass
        while self._way == "eat":
            self._eaten.append(bytes(EATEN_BYTES))
