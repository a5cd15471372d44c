"""One cut, lock or fan lock out of the interlock's events, and its story in words a mine technician uses. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import NamedTuple

from minegate_interlock.library import entries, source
from minegate_interlock.rules import REACTION_MAX_MS, Area, FanLock, Limit, Rules
from minegate_tools.diagram import numbers
from minegate_tools.explain_texts import CAUSES, TEXTS

TAKEN = ("cut", "lock", "commanded_cut", "fan_locked")
AFTER = (
    "output_open", "output_lost", "output_closed", "feed_mismatch", "feed_agrees", "second_cut", "restorable", "reset",
    "reset_refused", "fan_free",
)  # fmt: skip
AFTER_MAX = 64  # events of one story; a relay that chatters for a week must not fill the screen

Event = Mapping[str, object]


class Numbered(NamedTuple):
    """An event and its sequence in the journal."""

    sequence: int
    event: Event


class Place(NamedTuple):
    """Where a point is, and in which unit it is read."""

    zh: str
    en: str
    unit: str


@dataclass
class Story:
    """What was taken away, why, and what followed until it was given back."""

    sequence: int
    event: Event
    after: list[Event] = field(default_factory=list)
    ended: bool = False

    def hear(self, event: Event) -> None:
        """One later event; it belongs to the story until a reset (or the fan's release) ends it."""
        if self.ended or event.get("area") != self.event.get("area") or event["kind"] not in AFTER:
            return
        if len(self.after) < AFTER_MAX:
            self.after.append(event)
        self.ended = event["kind"] == ("fan_free" if self.event["kind"] == "fan_locked" else "reset")

    def first(self, kind: str) -> Event | None:
        """The first event of this kind after it."""
        return next((event for event in self.after if event["kind"] == kind), None)


def find(events: Iterable[Numbered], sequence: int | None) -> Story | None:
    """The story of that event, or of the newest one that took power away and was not part of a running story."""
    story: Story | None = None
    for numbered in events:
        kind = numbered.event["kind"]
        wanted = numbered.sequence == sequence if sequence is not None else _begins(story, numbered.event, str(kind))
        if wanted:
            story = Story(numbered.sequence, numbered.event)
        elif story is not None:
            story.hear(numbered.event)
    return story


def _begins(story: Story | None, event: Event, kind: str) -> bool:
    """A second cause while the area is already off is not another cut: the first one is told. A passed limit is told
    rather than a lock that came before it, such as that of the start.
    """
    if kind not in TAKEN:
        return False
    if story is None or story.ended or story.event.get("area") != event.get("area"):
        return True
    return story.event["kind"] == "lock" and kind in ("cut", "fan_locked", "commanded_cut")


def told(story: Story, rules: Rules | None, place: Place, lang: str) -> str:
    """The story, one line per question."""
    event, words = story.event, TEXTS[lang]
    known = rules is not None and event.get("rules") == rules.hash[:8].hex()
    law = _law(rules, event) if known else None
    lines = [(words["when"], f"{_time(event, lang)}  ({words['sequence']} {story.sequence})")]
    lines.append((words["what"], _what(event, rules, lang)))
    lines.append((words["reading"], _reading(event, place, lang)))
    lines.extend(_rule(event, rules if known else None, law, lang))
    lines.append((words["limit"], _limit(event, law, place, lang)))
    if event.get("reason"):
        lines.append((words["reason"], f"{event['reason']}" + (f" ({event['by']})" if event.get("by") else "")))
    lines.append((words["commanded"], words["fan_command" if event["kind"] == "fan_locked" else "open_command"]))
    lines.extend(_followed(story, lang))
    lines.append((words["release"], _release(story, law, lang)))
    return "\n".join(f"{head}{'：' if lang == 'zh' else ': '}{text}" for head, text in lines)


def _what(event: Event, rules: Rules | None, lang: str) -> str:
    area = next((own for own in rules.areas if own.name == event.get("area")), None) if rules else None
    kind = str(event["kind"])
    colon = "：" if lang == "zh" else ": "
    return _title(area, str(event.get("area", "")), lang) + colon + TEXTS[lang].get(kind, kind)


def _title(area: Area | None, name: str, lang: str) -> str:
    title = (area.title_zh if lang == "zh" else area.title_en) if area is not None else ""
    return f"{title} ({name})" if title else name


def _reading(event: Event, place: Place, lang: str) -> str:
    words, cause = TEXTS[lang], CAUSES[lang].get(str(event.get("cause")), str(event.get("cause")))
    point = str(event.get("point") or "")
    if not point:
        return cause
    where = place.zh if lang == "zh" else place.en
    value = event.get("value")
    shown = f"{value:g} {place.unit}".strip() if isinstance(value, int | float) else words["no_value"]
    return f"{where} {point} = {shown}; {cause}".strip()


def _law(rules: Rules | None, event: Event) -> Limit | FanLock | None:
    """The limit or the fan lock that spoke, if these are the rules of then."""
    if rules is None:
        return None
    if event["kind"] == "fan_locked":
        return next((fan for fan in rules.fans if fan.name == event.get("reason")), None)
    own = [limit for limit in rules.limits if limit.area == event.get("area")]
    return next((limit for limit in own if limit.point == event.get("point")), None)


def _rule(event: Event, rules: Rules | None, law: Limit | FanLock | None, lang: str) -> Iterator[tuple[str, str]]:
    words, key = TEXTS[lang], str(event.get("rule") or "")
    if not key and event.get("cause") in ("silence", "nonsense", "fault", "never_heard", "unit") and law is None:
        key = "lock/device-fault"
    if event.get("cause") == "start":
        key = "lock/power-on"
    if key in entries():
        yield words["rule"], f"{key}  {entries()[key]['zh' if lang == 'zh' else 'en']}"
        edition = rules.edition if rules is not None and rules.edition else entries()[key]["editions"][-1]
        yield words["article"], source(key, edition)
    elif law is not None:
        yield words["rule"], words["own_rule"]
        yield words["article"], law.source
    elif event.get("point"):
        yield words["rule"], words["unknown_rules"].format(rules=event.get("rules"))


def _limit(event: Event, law: Limit | FanLock | None, place: Place, lang: str) -> str:
    limit = event.get("limit")
    passed = f"{limit:g} {place.unit}".strip() if isinstance(limit, int | float) else "-"
    return f"{passed}  [{numbers(law, lang)}]" if law is not None else passed


def _followed(story: Story, lang: str) -> Iterator[tuple[str, str]]:
    words = TEXTS[lang]
    opened, lost = story.first("output_open"), story.first("output_lost")
    if story.event["kind"] != "fan_locked":
        took = opened.get("value") if opened else None
        if isinstance(took, int | float):
            within = words["within" if took <= REACTION_MAX_MS else "too_late"].format(ms=REACTION_MAX_MS)
            yield words["contact"], words["opened"].format(ms=f"{took:.0f}") + within
        else:
            yield words["contact"], words["opened_itself" if opened else "not_seen"]
        if lost is not None:
            yield words["output"], f"{words['output_lost']}: {lost.get('reason') or '-'}"
    mismatch = story.first("feed_mismatch")
    if mismatch is not None:
        yield words["feed"], f"{words['mismatch']}: {mismatch.get('reason') or '-'}"
    if story.first("second_cut") is not None:
        yield words["second"], words["second_open"]
    refused = [event for event in story.after if event["kind"] == "reset_refused"]
    if refused:
        names = ", ".join(sorted({str(event.get("by")) for event in refused}))
        yield words["refused"], words["refused_by"].format(count=len(refused), names=names)
    yield words["lasted"], _lasted(story, lang)


def _lasted(story: Story, lang: str) -> str:
    words = TEXTS[lang]
    if not story.ended:
        return words["still"]
    end = story.after[-1] if story.after else story.event
    seconds = (_ms(end) - _ms(story.event)) / 1000
    by = f", {end['by']}" if end.get("by") else ""
    return words["until"].format(s=f"{seconds:.1f}", at=_time(end, lang)) + by


def _release(story: Story, law: Limit | FanLock | None, lang: str) -> str:
    words = TEXTS[lang]
    if isinstance(law, FanLock):
        return words["fan_release"].format(points=", ".join(law.points), release=f"{law.release:g}")
    if isinstance(law, Limit):
        kept = "<" if law.direction == "rising" else ">"
        return words["limit_release"].format(point=law.point, kept=kept, restore=f"{law.restore:g}", unit=law.unit)
    return words["other_release"]


def _ms(event: Event) -> int:
    ms = event.get("utc_ms")
    return ms if isinstance(ms, int) else 0


def _time(event: Event, lang: str) -> str:
    """China reads its own time of day; everybody else reads UTC."""
    zone = timezone(timedelta(hours=8)) if lang == "zh" else UTC
    at = datetime.fromtimestamp(_ms(event) / 1000, zone)
    return at.strftime("%Y-%m-%d %H:%M:%S.") + f"{_ms(event) % 1000:03d}" + (" (UTC+8)" if lang == "zh" else " UTC")
