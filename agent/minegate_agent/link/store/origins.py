"""How far each producer's numbering is in the journal: the fact that a restarted link tells field and interlock."""

from __future__ import annotations

from minegate_agent.link.store.form import ORIGINS_MAX, Origin


class Origins:
    """Highest number per boot, for the ORIGINS_MAX boots that were heard last."""

    def __init__(self, numbers: dict[int, int] | None = None) -> None:
        self._numbers = dict(numbers or {})

    def note(self, origin: Origin | None) -> None:
        """An item of this boot and number is in the journal."""
        if origin is None:
            return
        boot, number = origin
        self._numbers[boot] = max(number, self._numbers.pop(boot, 0))  # popped: the order is by who spoke last
        if len(self._numbers) > ORIGINS_MAX:
            del self._numbers[next(iter(self._numbers))]

    def copy(self) -> dict[int, int]:
        """Highest number per boot; who spoke last stands last."""
        return dict(self._numbers)
