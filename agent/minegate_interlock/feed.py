"""Command against the load side as measured, and which part is probably broken if they differ.

Breaker travel and sensor lag are allowed `feed_check_ms`. A live load behind a node that fell silent is the case that
matters, so the node's word is a hint and never a condition.
"""

from __future__ import annotations

from minegate_interlock.lines import Cause, Feed, What
from minegate_interlock.node_output import SILENT
from minegate_interlock.verdicts import Edge
from minegate_wire.messages import CONTACT_CLOSED, CONTACT_MISMATCH, CONTACT_OPEN


class FeedWatch:
    """One area. `live_since_ms` is since when its load is live although it must not be."""

    def __init__(self, area: str, point: str, check_ms: int) -> None:
        self._area = area
        self._point = point
        self._check_ms = check_ms
        self._since_ms: int | None = None
        self.mismatch = False

    def look(self, feed: Feed, permitted: bool, contact: int, now_ms: int) -> Edge | None:
        """The edge, if it is one. An unknown feed state neither accuses nor acquits."""
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
        part = probable_part(permitted, contact)
        return Edge(What.FEED_MISMATCH, Cause.FAULT, self._area, self._point, float(feed), reason=part)


def probable_part(permitted: bool, contact: int) -> str:
    """What to look at first when command and load side differ."""
    if permitted:
        return {
            CONTACT_CLOSED: "breaker: open by hand, tripped, or without supply; relay contact is closed as told",
            CONTACT_OPEN: "relay: contact is open although power is permitted",
            CONTACT_MISMATCH: "relay: contact does not follow its coil",
            SILENT: "relay node: silent, its lease has run out",
        }[contact]
    return {
        CONTACT_OPEN: "breaker or its control wiring: relay contact is open as told, load still live",
        CONTACT_CLOSED: "relay: contact still closed after OPEN, probably welded",
        CONTACT_MISMATCH: "relay: contact does not follow its coil, probably welded",
        SILENT: "relay node or its line: silent, and the load is live beyond its lease",
    }[contact]


def why_lost(contact: int, permitted: bool, rebooted: bool) -> str:
    """What to look at first when an output no longer does as told."""
    if rebooted:
        return "relay node: it restarted"
    if contact == SILENT:
        return "relay node, its supply or its line: no answer within the lease"
    if contact == CONTACT_MISMATCH or not permitted:
        return "relay: contact does not follow its coil, probably welded"
    return "relay: contact opened by itself, coil or supply of the node"
