"""What a browser must be told that already knows an older snapshot. Pure."""

from __future__ import annotations

from typing import Any

Document = dict[str, Any]

# Clocks that run on in the browser; that one of them restarted shows in another key of the same row
# (`sequence`, `heard`).
RUNNING = frozenset(("age_ms", "since_ms", "lease_left_ms"))


def changes(old: Document, new: Document) -> Document:
    """Sections of `new` that differ from `old`, running clocks aside.

    `points` has only the rows that differ; `events` only those that `old` has not, newest first.
    """
    changed = {
        key: value
        for key, value in new.items()
        if key not in ("points", "events", "processes_since_ms") and still(value) != still(old.get(key))
    }
    if "processes" in changed:
        changed["processes_since_ms"] = new["processes_since_ms"]
    points = _points(old["points"], new["points"])
    if points:
        changed["points"] = points
    known = old["events"][0]["journal_sequence"] if old["events"] else 0
    events = [event for event in new["events"] if event["journal_sequence"] > known]
    if events:
        changed["events"] = events
    return changed


def still(value: Any) -> Any:
    """`value` without its running clocks, at any depth."""
    if isinstance(value, dict):
        return {key: still(inner) for key, inner in value.items() if key not in RUNNING}
    if isinstance(value, list):
        return [still(inner) for inner in value]
    return value


def _points(old: list[Document], new: list[Document]) -> list[Document]:
    before = {row["number"]: still(row) for row in old}
    return [row for row in new if still(row) != before.get(row["number"])]
