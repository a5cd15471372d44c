"""The proof tests of the site for the page: what is due, what runs, what the last one showed. Shown only; the page has
no accounts, so a test is begun by a person at the gateway (`minegate proof run`), and followed here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from minegate_interlock.proof_test import Key
from minegate_interlock.terms import ProofTest

_SHOWN = ("test_begun", "test_done", "test_failed")


@dataclass(slots=True)
class _Last:
    """Of one test: when it was last passed, and the newest run of it."""

    passed_utc_ms: float | None = None
    running: bool = False
    passed: bool | None = None
    words: str = ""
    by: str = ""


class ProofRows:
    """One row per [[proof_test]], in the order of rules.toml."""

    def __init__(self) -> None:
        self._tests: tuple[ProofTest, ...] = ()
        self._last: dict[Key, _Last] = {}

    def draw(self, tests: tuple[ProofTest, ...], done: Mapping[Key, float]) -> None:
        """What the rules ask for, and when each was last passed (seconds since 1970)."""
        self._tests = tests
        for test in tests:
            key = Key(test.kind, test.subject)
            known = self._last.setdefault(key, _Last())
            if key in done and known.passed_utc_ms is None:
                known.passed_utc_ms = 1000 * done[key]

    def hear(self, event: Mapping[str, object]) -> None:
        """An event of the interlock; a self-test at start is none of these tests."""
        if event.get("kind") not in _SHOWN or event.get("cause") not in ("test", "calibration"):
            return
        for key, last in self._last.items():
            calibrates = key.kind == "calibration"
            if key.subject != event.get("point") or calibrates is not (event["cause"] == "calibration"):
                continue
            last.running = event["kind"] == "test_begun"
            last.by = str(event.get("by", ""))
            last.passed = None if last.running else event["kind"] == "test_done"
            last.words = "" if last.running else str(event.get("reason", ""))
            utc_ms = event.get("utc_ms")
            if last.passed and isinstance(utc_ms, int | float):
                last.passed_utc_ms = utc_ms

    def rows(self) -> list[dict[str, object]]:
        """JSON-able. Whether one is due is for whoever knows the time of day."""
        return [self._row(test, self._last[Key(test.kind, test.subject)]) for test in self._tests]

    def _row(self, test: ProofTest, last: _Last) -> dict[str, object]:
        return {
            "kind": test.kind,
            "subject": test.subject,
            "days": test.days,
            "source": test.source,
            "passed_utc_ms": last.passed_utc_ms,
            "running": last.running,
            "passed": last.passed,
            "words": last.words,
            "by": last.by,
        }
