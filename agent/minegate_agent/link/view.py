"""The live state of the gateway, for the page and the status document. Pure: what is told goes in, time is an argument.

Everything is bounded by the configuration or by a number with a name. Nothing here is evidence: that is the journal.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence

from minegate_agent.link.ledger import FOR_MACHINES
from minegate_agent.link.view_areas import AreaRows, Titles
from minegate_agent.link.view_health import Health, plain
from minegate_agent.link.view_points import Limits, PointRows
from minegate_agent.link.view_proofs import ProofRows
from minegate_agent.link.view_reactions import ReactionRows
from minegate_agent.link.view_trend import Trends
from minegate_agent.scan import Scan
from minegate_agent.site import Site
from minegate_interlock.lines import AreaState, Lateness, Reaction
from minegate_interlock.proof_test import Key
from minegate_interlock.terms import ProofTest

EVENTS_KEPT = 200
EVENTS_SHOWN = 100


class View:
    """What is known now. `version` grows with every change that a reader may see.

    `limits` (point -> alarm and cut) and `titles` (area -> Chinese and English) come from rules.toml, which belongs to
    the interlock; they are for showing only.
    """

    def __init__(self, site: Site, limits: Limits | None = None, titles: Titles | None = None) -> None:
        self._site = site
        self._points = PointRows(site, limits or {})
        self._trends = Trends(site)
        self._areas = AreaRows(site, titles or {})
        self._reactions = ReactionRows()
        self._health = Health(site)
        self._proofs = ProofRows()
        self._events: deque[dict[str, object]] = deque(maxlen=EVENTS_KEPT)
        self._interlock = _Edge()
        self._field = _Edge()
        self._broker = _Edge()
        self._last = self._confirmed = 0
        self._consumers: Callable[[], Sequence[dict[str, object]]] = tuple
        self._disk_error = ""
        self._written: dict[str, object] = {"bytes": 0, "readings": 0, "bytes_each": None, "thinned": 0}
        self.version = 0

    def draw(self, limits: Limits, titles: Titles) -> None:
        """What the rules say, once they are read."""
        self._points.limits, self._areas.titles = limits, titles
        self.version += 1

    def draw_proofs(self, tests: tuple[ProofTest, ...], done: Mapping[Key, float]) -> None:
        """The proof tests that the rules ask for, and when each was last passed (seconds since 1970)."""
        self._proofs.draw(tests, done)
        self.version += 1

    def on_scan(self, scan: Scan, sequence: int, heard_ms: int) -> None:
        """A scan with its journal sequence. `heard_ms`: this process's monotonic time at which the device spoke."""
        self._points.hear(scan, sequence, heard_ms)
        self._trends.hear(scan)
        self.version += 1

    def on_event(self, sequence: int, event: Mapping[str, object]) -> None:
        """An event with its journal sequence."""
        shown = {str(key): plain(value) for key, value in event.items() if key not in FOR_MACHINES}
        self._proofs.hear(shown)
        self._events.appendleft({**shown, "journal_sequence": sequence})  # `sequence` is the interlock's own count
        self.version += 1

    def on_area(self, state: AreaState, now_ms: int) -> None:
        """The interlock's word on one area."""
        self._areas.hear(state, now_ms)
        self.version += 1

    def on_reaction(self, reaction: Reaction) -> None:
        """How long the cuts of one path took."""
        self._reactions.hear(reaction)
        self.version += 1

    def on_lateness(self, lateness: Lateness) -> None:
        """How late the interlock's ticks were."""
        self._reactions.hear_ticks(lateness)
        self.version += 1

    def on_interlock(self, up: bool, now_ms: int) -> None:
        """The line to the interlock came or went."""
        self._interlock.set(up, now_ms)
        self.version += 1

    def on_field(self, up: bool, now_ms: int) -> None:
        """The line to the field process came or went."""
        self._field.set(up, now_ms)
        self.version += 1

    def on_health(self, health: Mapping[str, object], now_ms: int) -> None:
        """The health record that field sends each second."""
        self._health.hear(health, now_ms)
        self.version += 1

    def on_delivery(
        self,
        last_sequence: int,
        confirmed_sequence: int,
        connected: bool,
        now_ms: int,
        consumers: Callable[[], Sequence[dict[str, object]]] = tuple,
    ) -> None:
        """Last sequence in the journal, last one that every consumer confirmed, whether all are there; one row each is
        made by `consumers` when somebody looks.
        """
        self._consumers = consumers
        self._last, self._confirmed = last_sequence, confirmed_sequence
        self._broker.set(connected, now_ms)
        self.version += 1

    def on_written(self, size: int, readings: int, thinned: int) -> None:
        """Since link started: bytes of the journal, how many readings they are, and how many were thinned."""
        each = round(size / readings, 1) if readings else None
        self._written = {"bytes": size, "readings": readings, "bytes_each": each, "thinned": thinned}

    def on_disk(self, error: str) -> None:
        """What keeps the journal from being written; empty when it is well."""
        self._disk_error = error
        self.version += 1

    @property
    def trend_mark(self) -> int:
        """Number of the newest trend sample, for `trends`."""
        return self._trends.mark

    def trends(self, after: int = 0) -> dict[str, dict[str, list[float | None]]]:
        """Samples of the methane points after mark `after`: point -> columns `t` (utc_ms) and `v`."""
        return self._trends.since(after)

    def snapshot(self, now_ms: int) -> dict[str, object]:
        """Everything but the trends, JSON-able. Ages are milliseconds at `now_ms`."""
        gateway = self._site.config.gateway
        return {
            "gateway": {
                "mine": gateway.mine,
                "id": gateway.id,
                "title_zh": gateway.title_zh,
                "title_en": gateway.title_en,
                "config": self._site.hash,
            },
            "processes": {"interlock": self._interlock.up, "field": self._field.up, "link": True},
            "processes_since_ms": {"interlock": self._interlock.since(now_ms), "field": self._field.since(now_ms)},
            "areas": self._areas.rows(self._interlock.up, now_ms),
            "reactions": self._reactions.rows(),
            "ticks": self._reactions.ticks(),
            "points": self._points.rows(now_ms),
            "lines": self._health.ports(),
            "devices": self._health.devices(),
            "hold": self._health.hold(),
            "health": self._health.word(now_ms),
            "delivery": self._delivery(now_ms),
            "proofs": self._proofs.rows(),
            "disk": {"ok": not self._disk_error, "error": self._disk_error},
            "events": list(self._events)[:EVENTS_SHOWN],
        }

    def _delivery(self, now_ms: int) -> dict[str, object]:
        return {
            "configured": bool(self._site.config.uplinks),
            "last": self._last,
            "confirmed": self._confirmed,
            "waiting": max(0, self._last - self._confirmed),
            "connected": self._broker.up,
            "since_ms": self._broker.since(now_ms),
            "consumers": list(self._consumers()),
            "written": self._written,
        }


class _Edge:
    """Up or down, and since when. Down and never heard of until somebody says otherwise."""

    def __init__(self) -> None:
        self.up = False
        self._since_ms: int | None = None

    def set(self, up: bool, now_ms: int) -> None:
        if up != self.up or self._since_ms is None:
            self.up, self._since_ms = up, now_ms

    def since(self, now_ms: int) -> int | None:
        return None if self._since_ms is None else max(0, now_ms - self._since_ms)
