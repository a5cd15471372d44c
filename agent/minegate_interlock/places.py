"""From a place that a site names to the rule that holds there. A site may tighten a number of the statute; whoever
loosens one says why, who approved it and until when, and when that has passed the statute holds again.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from minegate_interlock.forms import KEYS, UnfitError, checked, day_s
from minegate_interlock.library import Entry, entry, source
from minegate_interlock.terms import NO_DOUBT, Deviation, Doubt, FanLock, Limit, Watch

DEVIATION_DAYS_MAX = 366
CLOCK_SANE_S = 1_700_000_000  # November 2023: a clock before that has not been set, and no deviation holds by it
_DAY_S = 86_400
_NUMBERS = ("alarm", "cut", "restore")

Row = dict[str, Any]  # checked by forms.py


class Site(NamedTuple):
    """What placing needs to know of the whole file: the edition, and the time of day if there is one to believe."""

    edition: str
    utc_s: float | None


def place(where: str, row: Row, site: Site) -> Limit | Watch:
    """The rule of one [[place]]. Raises UnfitError."""
    key = f"{row['class']}/{row['id']}"
    found = entry(where, key, site.edition)
    makers: dict[str, Callable[[str, str, dict[str, Any], Entry, Site], Limit | Watch]] = {
        "limit": _limit, "watch": _watch, "rise": _rise,
    }  # fmt: skip
    if found["kind"] not in makers:
        words = {"fan": "a [[fan_lock]]", "law": "kept for every area without being named"}
        raise UnfitError(f"{where}: rule {key!r} is no place: it is {words[found['kind']]}")
    return makers[found["kind"]](where, key, row, found, site)


def fan_lock(where: str, row: Row, site: Site) -> FanLock:
    """The lock of one [[fan_lock]]; its numbers are the library's. Raises UnfitError."""
    key = f"{row['class']}/{row['id']}"
    found = entry(where, key, site.edition)
    if found["kind"] != "fan":
        raise UnfitError(f"{where}: rule {key!r} does not lock a fan")
    strict = "lock_above" in found
    return FanLock(
        row["name"], row["area"], row["run_point"], row["points"], row["outputs"],
        found["lock_above"] if strict else found["lock_at"], found["release_below"], strict, strict, key,
        source(key, site.edition), found["reaction_ms"],
    )  # fmt: skip


def doubt_of(row: Row) -> dict[str, Any]:
    """The row with its keys about doubt folded into one value, seconds into milliseconds."""
    rest = dict(row)
    rest["restore_hold_ms"] = rest.pop("restore_hold_s", 0) * 1000
    doubt = {name: rest.pop(name) for name in list(rest) if name in KEYS["limit"] and name not in _KEPT}
    for name in ("frozen", "agrees"):
        if name + "_s" in doubt:
            doubt[name + "_ms"] = doubt.pop(name + "_s") * 1000
    rest["doubt"] = Doubt(**doubt) if doubt else NO_DOUBT
    return rest


_KEPT = frozenset(Limit.__dataclass_fields__)


def _limit(where: str, key: str, row: Row, found: Entry, site: Site) -> Limit:
    _refuse(where, key, row, ("rise", "window_s"))
    own = _numbers(where, key, row, found)
    if own["cut"] is None or own["restore"] is None:
        raise UnfitError(f"{where}: rule {key!r} needs the site's own cut and restore")
    judged = doubt_of({name: row[name] for name in row if name in KEYS["limit"] and name not in _NUMBERS})
    judged["alarm_release"] = _release(where, key, row, found)
    judged.update(_range(row, found), unit=found["unit"], direction=found["direction"], rule=key)
    judged["source"] = source(key, site.edition)
    judged["reaction_ms"] = _reaction(where, key, row, found)
    statute = {name: found.get(name) for name in _NUMBERS}
    loose = [name for name in _NUMBERS if _looser(own[name], statute[name], found["direction"])]
    if "deviation" not in row:
        _refuse_loose(where, key, loose, own, statute)
        return Limit(**judged, **own)
    deviation = _deviation(where, row["deviation"], site)
    if not loose:
        raise UnfitError(f"{where}: deviation without a number that is looser than that of {key!r}")
    return Limit(**judged, **own, deviation=deviation, then=Limit(**judged, **{**own, **_kept(own, statute, loose)}))


def _watch(where: str, key: str, row: Row, found: Entry, site: Site) -> Watch:
    _refuse(where, key, row, ("cut", "rise", "window_s", "deviation", "restore_hold_s", "reaction_ms", *_DOUBTS))
    own = _numbers(where, key, row, found)
    if own["alarm"] is None or own["restore"] is None:
        raise UnfitError(f"{where}: rule {key!r} needs the site's own alarm and restore")
    statute = {name: found.get(name) for name in _NUMBERS}
    loose = [name for name in ("alarm", "restore") if _looser(own[name], statute[name], found["direction"])]
    _refuse_loose(where, key, loose, own, statute)
    return Watch(
        row["area"], row["point"], found["unit"], **_range(row, found), alarm=own["alarm"], restore=own["restore"],
        stale_ms=row["stale_ms"], source=source(key, site.edition), direction=found["direction"], rule=key,
        alarm_release=_release(where, key, row, found),
    )  # fmt: skip


def _rise(where: str, key: str, row: Row, found: Entry, site: Site) -> Watch:
    _refuse(where, key, row, (*_NUMBERS, "deviation", "restore_hold_s", "reaction_ms", *_DOUBTS))
    rise = float(_either("rise", row, found))
    return Watch(
        row["area"], row["point"], found["unit"], **_range(row, found), alarm=rise, restore=rise,
        stale_ms=row["stale_ms"], source=source(key, site.edition), rule=key,
        alarm_release=_release(where, key, row, found),
        window_ms=_either("window_s", row, found) * 1000,
    )  # fmt: skip


_DOUBTS = (
    "rate_max_per_s", "frozen_s", "neighbours", "neighbour_move", "agrees_with", "agrees_within", "agrees_s",
)  # fmt: skip


def _refuse(where: str, key: str, row: Row, names: tuple[str, ...]) -> None:
    for name in names:
        if name in row:
            raise UnfitError(f"{where}: key {name!r} has no meaning for rule {key!r}")


def _numbers(where: str, key: str, row: Row, found: Entry) -> dict[str, Any]:
    own: dict[str, Any] = {}
    for name in _NUMBERS:
        if name in row and name not in found and name not in found.get("site_sets", ()):
            raise UnfitError(f"{where}: rule {key!r} has no {name}")
        own[name] = row.get(name, found.get(name))
    return own


def _range(row: Row, found: Entry) -> dict[str, Any]:
    return {name: float(_either(name, row, found)) for name in ("low", "high")}


def _either(name: str, row: Row, found: Entry) -> Any:
    """The site's word, or else the library's."""
    return row[name] if name in row else found[name]


def _release(where: str, key: str, row: Row, found: Entry) -> str:
    release = str(_either("alarm_release", row, {"alarm_release": "automatic", **found}))
    if release == "automatic" and found.get("alarm_release") == "manual":
        raise UnfitError(f"{where}: alarm_release = 'automatic' is looser than 'manual' of {key!r}")
    return release


def _reaction(where: str, key: str, row: Row, found: Entry) -> int:
    own = int(_either("reaction_ms", row, found))
    if not own <= found["reaction_ms"]:
        raise UnfitError(f"{where}: reaction_ms = {own} is looser than {found['reaction_ms']} of {key!r}")
    return own


def _looser(own: float | None, statute: float | None, direction: str) -> bool:
    if own is None or statute is None:
        return False
    return own > statute if direction == "rising" else own < statute


def _kept(own: dict[str, Any], statute: dict[str, Any], loose: list[str]) -> dict[str, Any]:
    """The site's numbers with the loose ones put back; a number that is tight stays."""
    return {name: statute[name] if name in loose else own[name] for name in _NUMBERS}


def _refuse_loose(where: str, key: str, loose: list[str], own: dict[str, Any], statute: dict[str, Any]) -> None:
    for name in loose:
        raise UnfitError(
            f"{where}: {name} = {own[name]:g} is looser than {statute[name]:g} of {key!r};"
            " that takes deviation = { reason, approver, until }"
        )


def _deviation(where: str, table: object, site: Site) -> Deviation:
    given = checked("deviation", table)
    until_s = day_s(given["until"])
    known = site.utc_s is not None and math.isfinite(site.utc_s) and site.utc_s >= CLOCK_SANE_S
    left_s = until_s - site.utc_s if known and site.utc_s is not None else 0.0
    if left_s > DEVIATION_DAYS_MAX * _DAY_S:
        raise UnfitError(f"{where}: deviation: until = {given['until']} is more than {DEVIATION_DAYS_MAX} days ahead")
    return Deviation(given["reason"], given["approver"], str(given["until"]), max(0, int(left_s * 1000)))
