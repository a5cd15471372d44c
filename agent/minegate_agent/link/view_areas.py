"""The interlock's word on each area, with its age. Without a fresh word an area is unknown, never permitted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from minegate_agent.link.view_points import decimals, finite
from minegate_agent.site import Site
from minegate_interlock.lines import AreaState, Cause, Feed
from minegate_interlock.outlet import UNREAD
from minegate_wire.messages import CONTACT_CLOSED, CONTACT_MISMATCH, CONTACT_OPEN

Titles = Mapping[str, tuple[str, str]]  # area -> (Chinese, English)

FRESH_MS = 3000  # the interlock speaks each second
AREAS_MAX = 64
_CONTACTS = {CONTACT_OPEN: "open", CONTACT_CLOSED: "closed", CONTACT_MISMATCH: "mismatch", UNREAD: "unread"}
_ACTS = (Cause.LIMIT, Cause.COMMAND)  # somebody or something passed a limit: a cut; everything else is a lock


class _Heard(NamedTuple):
    state: AreaState
    heard_ms: int
    times: int


class AreaRows:
    """Rows for the page and the status document, in the order in which the areas were first heard."""

    def __init__(self, site: Site, titles: Titles) -> None:
        self._points = {point.name: point for point in site.points}
        self.titles = titles
        self._areas: dict[str, _Heard] = {}

    def hear(self, state: AreaState, now_ms: int) -> None:
        """Keep it. More areas than AREAS_MAX cannot come from a rules file that was loaded; they are not kept."""
        known = self._areas.get(state.area)
        if known is not None or len(self._areas) < AREAS_MAX:
            self._areas[state.area] = _Heard(state, now_ms, known.times + 1 if known else 1)

    def rows(self, interlock_up: bool, now_ms: int) -> list[dict[str, object]]:
        """One JSON-able row per area."""
        return [self._row(heard, interlock_up, now_ms) for heard in self._areas.values()]

    def _row(self, heard: _Heard, interlock_up: bool, now_ms: int) -> dict[str, object]:
        state, age_ms = heard.state, max(0, now_ms - heard.heard_ms)
        fresh = interlock_up and age_ms <= FRESH_MS
        point = self._points.get(state.point)
        title_zh, title_en = self.titles.get(state.area, ("", ""))
        return {
            "area": state.area,
            "title_zh": title_zh,
            "title_en": title_en,
            "state": _word(state) if fresh else "unknown",
            "fresh": fresh,
            "restorable": bool(state.restorable) and not state.permitted and fresh,
            "cause": _name(Cause, state.cause),
            "point": state.point,
            "place_zh": point.config.place_zh if point else "",
            "place_en": point.config.place_en if point else "",
            "quantity": point.field.quantity if point else "",
            "unit": point.field.unit if point else "",
            "decimals": decimals(point.field) if point else 2,
            "value": finite(state.value),
            "limit": finite(state.limit),
            "alarms": state.alarms,
            "contact": _CONTACTS.get(state.contact, "silent"),
            "lease_left_ms": max(0, state.lease_left_ms - age_ms),
            "feed": _name(Feed, state.feed),
            "rules": state.rules.hex(),
            "since_ms": state.since_ms + age_ms,
            "age_ms": age_ms,
            "heard": heard.times,
        }


def _word(state: AreaState) -> str:
    if state.permitted == 1:
        return "permitted"
    return "cut" if state.cause in _ACTS else "locked"


def _name(words: type[Cause] | type[Feed], number: int) -> str:
    try:
        return words(number).name.lower()
    except ValueError:  # a newer interlock
        return f"{words.__name__.lower()}_{number}"
