"""Command against the load side as measured, and which part is probably broken if they differ.

Breaker travel and sensor lag are allowed `feed_check_ms`. A live load behind a node that fell silent is the case that
matters, so the node's word is a hint and never a condition.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from minegate_interlock.judge import HARMLESS_FLAGS
from minegate_interlock.lines import Cause, Feed, What
from minegate_interlock.outlet import SILENT, UNREAD, Outlet
from minegate_interlock.output_kinds import GPIO
from minegate_interlock.verdicts import Edge
from minegate_wire.messages import CONTACT_CLOSED, CONTACT_MISMATCH, CONTACT_OPEN


class Feeds:
    """What the feed points said last. One that proves nothing, or is too old, leaves its load side unknown."""

    def __init__(self, points: Iterable[str], check_ms: int) -> None:
        self._check_ms = check_ms
        self._last: dict[str, tuple[float, int]] = {point: (math.nan, 0) for point in points if point}

    def hear(self, point: str, value: float, quality: int, seen_ms: int) -> None:
        """A reading of any point."""
        if point in self._last:
            good = math.isfinite(value) and not quality & ~HARMLESS_FLAGS
            self._last[point] = (value if good else math.nan, seen_ms)

    def state(self, point: str, now_ms: int) -> Feed:
        """The load side at `now_ms`; of no point: unknown."""
        value, seen_ms = self._last.get(point, (math.nan, now_ms))
        if not math.isfinite(value) or not now_ms - seen_ms <= self._check_ms:
            return Feed.UNKNOWN
        return Feed.LIVE if value >= 0.5 else Feed.DEAD


class FeedWatch:
    """One area. `live_since_ms` is since when its load is live although it must not be."""

    def __init__(self, area: str, point: str, check_ms: int) -> None:
        self._area = area
        self._point = point
        self._check_ms = check_ms
        self._since_ms: int | None = None
        self.mismatch = False

    def look(self, feed: Feed, permitted: bool, part: str, now_ms: int) -> Edge | None:
        """The edge, if it is one; `part` is the probable one. An unknown feed state neither accuses nor acquits."""
        wrong = feed is (Feed.DEAD if permitted else Feed.LIVE)
        if not wrong:
            self._since_ms = None
            if self.mismatch and feed is not Feed.UNKNOWN:
                self.mismatch = False
                return Edge(What.FEED_AGREES, Cause.NONE, self._area, self._point, float(feed))
            return None
        if self._since_ms is None:
            self._since_ms = now_ms
        if self.mismatch or now_ms - self._since_ms < self._check_ms:
            return None
        self.mismatch = True
        return Edge(What.FEED_MISMATCH, Cause.FAULT, self._area, self._point, float(feed), reason=part)


# what to look at first, the first that is found: whoever contradicts the command, who says nothing, then who obeys
_SUSPECTS = {
    True: (CONTACT_OPEN, CONTACT_MISMATCH, SILENT, UNREAD, CONTACT_CLOSED),
    False: (CONTACT_CLOSED, CONTACT_MISMATCH, SILENT, UNREAD, CONTACT_OPEN),
}


def suspect(permitted: bool, outlets: Sequence[Outlet]) -> str:
    """The probable part of an area's outputs when command and load side differ; with several, which of them."""
    found = min(outlets, key=lambda outlet: _SUSPECTS[permitted].index(outlet.contact))
    part = probable_part(permitted, found.contact)
    obeys = found.contact == (CONTACT_CLOSED if permitted else CONTACT_OPEN)
    return part if len(outlets) == 1 or obeys else f"{found.output.name}: {part}"


def probable_part(permitted: bool, contact: int) -> str:
    """What to look at first when command and load side differ, by what is read back of the contact."""
    if permitted:
        return {
            CONTACT_CLOSED: "breaker: open by hand, tripped, or without supply; relay contact is closed as told",
            CONTACT_OPEN: "relay: contact is open although power is permitted",
            CONTACT_MISMATCH: "relay: contact does not follow its coil",
            SILENT: "relay node: silent, its lease has run out",
            UNREAD: "relay, watchdog relay or breaker: the contact is not read back",
        }[contact]
    return {
        CONTACT_OPEN: "breaker or its control wiring: relay contact is open as told, load still live",
        CONTACT_CLOSED: "relay: contact still closed after OPEN, probably welded",
        CONTACT_MISMATCH: "relay: contact does not follow its coil, probably welded",
        SILENT: "relay node or its line: silent, and the load is live beyond its lease",
        UNREAD: "relay and watchdog relay, or breaker: the contact is not read back, load still live",
    }[contact]


def welded(outlet: Outlet) -> bool:
    """Whether it is known, after all time that it is given, that a contact which must be open does not open."""
    return outlet.disobeys and outlet.contact in (CONTACT_CLOSED, CONTACT_MISMATCH)


def lost_part(outlet: Outlet, permitted: bool, rebooted: bool) -> str:
    """What to look at first when an output no longer does as told."""
    gpio = outlet.output.kind == GPIO
    if outlet.trouble and not rebooted and (gpio or outlet.contact == SILENT):
        return outlet.trouble
    if gpio and outlet.contact == SILENT:
        return f"GPIO chip {outlet.output.chip}: its lines cannot be had or driven"
    return why_lost(outlet.contact, permitted, rebooted)


def why_lost(contact: int, permitted: bool, rebooted: bool) -> str:
    """The same for a relay node, by what is read back of its contact."""
    if rebooted:
        return "relay node: it restarted"
    if contact == SILENT:
        return "relay node, its supply or its line: no answer within the lease"
    if contact == CONTACT_MISMATCH or not permitted:
        return "relay: contact does not follow its coil, probably welded"
    return "relay: contact opened by itself, coil or supply of the node"
