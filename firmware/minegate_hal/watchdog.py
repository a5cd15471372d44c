"""The only place that feeds a watchdog (a test counts)."""

from machine import WDT


class Watchdog:
    """Started when it is made; nothing stops it again."""

    def __init__(self, timeout_ms: int) -> None:
        self._wdt = WDT(timeout=timeout_ms)

    def end_cycle(self, passed: bool) -> None:
        """The end of a cycle; `passed` is what the gate says (minegate_node/gate.py)."""
        if passed:
            self._wdt.feed()
