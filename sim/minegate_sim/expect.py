"""Expectations in words, judged on what happened. One table: a pattern and what it asks. Looking begins at `after_s`.

contact 1201 opens within 2 s           contact relay-1 closes within 5 s       contact relay-1 stays open [for 30 s]
point T1-ch4 reaches 1.5 [within 20 s]  point dry-beach falls to 50 [within 60 s]
point T1-ch4 stays below 1.0            point T1-ch4 stays above 0.1
point T1-ch4 keeps to the truth within 0.1               point T1-ch4 leaves the truth by 0.3 within 60 s
alarm drive-co arrives within 5 s       verdict cut [of T1-ch4] [for limit] arrives within 10 s
event clock_step arrives within 5 s     event device_lost of T1-head arrives within 5 s      verdict cut never arrives
machine belt-1 stops within 2 s         pump pump-1 starts within 60 s          fan local never stops
flood sump begins within 60 s           slide north-wall never begins           overtopped pond never begins
backlog reaches 500                     backlog drained within 120 s
ledger empty                            ledger tells hold_full
promises kept                           account balances

What happens "within" may be counted from a value: "contact 1201 opens within 2 s of point T1-ch4 reaching 1.5" (or
"falling to"). A contact is named by its output, by its area, or by a part of the area's name that no other area has.
Causes and kinds are those of the events that arrive (agent/PAYLOAD.md); "power" is the load side of an area.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from minegate_sim.scenario import Expect
from minegate_sim.seen import Arrived, Seen

NEVER = float("inf")
Found = re.Match[str]


class Judged(NamedTuple):
    """`why` is what was seen instead, or how well it went. `met_s`: when it was met, NEVER if at no one time."""

    words: str
    kept: bool
    why: str
    met_s: float = NEVER


def sentences() -> list[str]:
    """The forms of words that there are, each with example values."""
    listed = (__doc__ or "").split("\n\n")[1]
    return [form for line in listed.splitlines() for form in re.split(r" {2,}", line.strip()) if form]


def known(words: str) -> bool:
    """Whether these are words the judge understands."""
    words, _ = _parted(words)
    return any(pattern.fullmatch(words) for pattern, _ in _TABLE)


def named(words: str) -> list[tuple[str, str]]:
    """What the words name: `contact`, `point` (a value), `true` (a value whose truth is asked for)."""
    first, origin = _parted(words)
    found = [found for pattern, _ in _TABLE if (found := pattern.fullmatch(first))]
    groups = [*found[0].groupdict().items()] + ([("point", origin["point"])] if origin else [])
    return [(kind, name) for kind, name in groups if kind in ("contact", "point", "true") and name]


def judged(expect: Expect, seen: Seen) -> Judged:
    """The verdict on one expectation. ValueError if the words are not known."""
    words, origin = _parted(expect.words)
    after_s = expect.after_s
    if origin is not None:
        reach = _reaches if origin["way"] == "reaching" else _falls
        _, why, after_s = reach(origin, after_s, seen)  # whenever it was
        if after_s == NEVER:
            return Judged(expect.words, False, f"point {origin['point']} never did: {why}")
    for pattern, judge in _TABLE:
        found = pattern.fullmatch(words)
        if found is not None:
            return Judged(expect.words, *judge(found, after_s, seen))
    raise ValueError(f"words = {expect.words!r} is not understood; minegate_sim/expect.py has the list")


def _parted(words: str) -> tuple[str, Found | None]:
    """The words, and the value from which their time counts, if there is one."""
    found = _ORIGIN.fullmatch(words)
    return (found["first"], found) if found else (words, None)


def outputs(name: str, areas: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The outputs that `name` means: one of them, those of an area, or of the only area with that in its name."""
    if any(name in each for each in areas.values()):
        return (name,)
    within = [area for area in areas if name == area] or [area for area in areas if name in area]
    return areas[within[0]] if len(within) == 1 else ()


Verdict = tuple[bool, str, float]


def _first(times: Iterable[float], after_s: float, within_s: float) -> Verdict:
    """The first of `times` decides."""
    at_s = next((s for s in times if s >= after_s), NEVER)
    if at_s == NEVER:
        return False, "it never did", NEVER
    return at_s - after_s <= within_s, f"after {at_s - after_s:.3f} s", at_s


def _within(found: Found) -> float:
    within = found.groupdict().get("within")
    return float(within) if within else NEVER


def _moves(found: Found, after_s: float, seen: Seen) -> Verdict:
    """All of the area's contacts: the last of them counts."""
    want = found[2] == "closes"
    each = [
        _first((s for s, name, closed in seen.contacts if name == output and closed == want), after_s, _within(found))
        for output in outputs(found["contact"], seen.areas)
    ]
    return max(each, key=lambda verdict: verdict[2])


def _stays(found: Found, after_s: float, seen: Seen) -> Verdict:
    want, until_s = found[2] == "closed", after_s + (float(found["lasts"]) if found["lasts"] else NEVER)
    for output in outputs(found["contact"], seen.areas):
        moves = [(s, closed) for s, name, closed in seen.contacts if name == output]
        before = [closed for s, closed in moves if s < after_s]
        moved = next((s for s, closed in moves if after_s <= s <= until_s and closed != want), NEVER)
        if moved < NEVER:
            return False, f"moved at {moved:.3f} s", NEVER
        if bool(before and before[-1]) != want:
            return False, f"it was {'open' if want else 'closed'}", NEVER
    return True, "it did", NEVER


def _reaches(found: Found, after_s: float, seen: Seen) -> Verdict:
    limit, later = float(found["limit"]), [(s, value) for s, value in seen.from_on(found["point"], after_s)]
    at_s = next((s for s, value in later if value >= limit), NEVER)
    highest = max((value for _, value in later), default=float("nan"))
    return _reached(at_s, after_s, _within(found), f"highest {highest:g}")


def _falls(found: Found, after_s: float, seen: Seen) -> Verdict:
    limit, later = float(found["limit"]), [(s, value) for s, value in seen.from_on(found["point"], after_s)]
    at_s = next((s for s, value in later if value <= limit), NEVER)
    lowest = min((value for _, value in later), default=float("nan"))
    return _reached(at_s, after_s, _within(found), f"lowest {lowest:g}")


def _reached(at_s: float, after_s: float, within_s: float, extreme: str) -> Verdict:
    if at_s == NEVER:
        return False, extreme, NEVER
    return at_s - after_s <= within_s, f"after {at_s - after_s:.1f} s, {extreme}", at_s


def _stays_beside(found: Found, after_s: float, seen: Seen) -> Verdict:
    below, limit = found[2] == "below", float(found[3])
    values = [value for _, value in seen.from_on(found["point"], after_s)]
    if not values:
        return False, "it was never seen", NEVER
    worst = max(values) if below else min(values)
    return (worst < limit) if below else (worst > limit), f"{'highest' if below else 'lowest'} {worst:g}", NEVER


def _keeps_to_truth(found: Found, after_s: float, seen: Seen) -> Verdict:
    apart = [apart for s, apart in seen.apart[found["true"]] if s >= after_s]
    if not apart:
        return False, "it was never seen", NEVER
    return max(apart) <= float(found[2]), f"at most {max(apart):.3g} apart", NEVER


def _leaves_truth(found: Found, after_s: float, seen: Seen) -> Verdict:
    by = float(found[2])
    most = max((apart for s, apart in seen.apart[found["true"]] if s >= after_s), default=float("nan"))
    at_s = next((s for s, apart in seen.apart[found["true"]] if s >= after_s and apart >= by), NEVER)
    return _reached(at_s, after_s, _within(found), f"at most {most:.3g} apart")


def _is(found: Found, each: Arrived) -> bool:
    """Whether that event is meant."""
    wanted = found.groupdict()
    kind = wanted.get("kind") or "alarm"
    about = wanted.get("about") or wanted.get("point")
    return each.kind == kind and about in (None, each.about) and wanted.get("cause") in (None, each.cause)


def _arrives(found: Found, after_s: float, seen: Seen) -> Verdict:
    kept, why, at_s = _first((each.s for each in seen.arrived if _is(found, each)), after_s, _within(found))
    return kept, why if at_s < NEVER else "it never came", at_s


def _never_arrives(found: Found, after_s: float, seen: Seen) -> Verdict:
    came = [each.s for each in seen.arrived if _is(found, each) and each.s >= after_s]
    return not came, f"it came at {came[0]:.3f} s" if came else "none came", NEVER


def _turns(found: Found, after_s: float, seen: Seen) -> Verdict:
    on = found["turns"] in ("starts", "begins")
    return _first((s for s, *what in seen.told if what == [found[1], found[2], on]), after_s, _within(found))


def _never_turns(found: Found, after_s: float, seen: Seen) -> Verdict:
    on = found["turns"] in ("starts", "begins")
    did = [s for s, *what in seen.told if what == [found[1], found[2], on] and s >= after_s]
    return not did, f"it did at {did[0]:.3f} s" if did else "it never did", NEVER


def _backlog_reaches(found: Found, after_s: float, seen: Seen) -> Verdict:
    most = max((items for s, items in seen.backlog if s >= after_s), default=0)
    at_s = next((s for s, items in seen.backlog if s >= after_s and items >= float(found[1])), NEVER)
    return at_s < NEVER, f"most {most:g}", at_s


def _drained(found: Found, after_s: float, seen: Seen) -> Verdict:
    kept, why, at_s = _first(seen.drained, after_s, _within(found))
    return kept, why if at_s < NEVER else "never", at_s


def _reasons(seen: Seen) -> list[str]:
    return sorted({each.reason for each in seen.arrived if each.kind == "loss"})


def _ledger_empty(found: Found, after_s: float, seen: Seen) -> Verdict:
    told = _reasons(seen)
    return not told, f"losses: {', '.join(told)}" if told else "nothing was lost", NEVER


def _ledger_tells(found: Found, after_s: float, seen: Seen) -> Verdict:
    told = _reasons(seen)
    return found[1] in told, f"losses: {', '.join(told) or 'none'}", NEVER


def _promises(found: Found, after_s: float, seen: Seen) -> Verdict:
    return not seen.breaches, seen.breaches[0][1] if seen.breaches else "all along", NEVER


def _account(found: Found, after_s: float, seen: Seen) -> Verdict:
    return not seen.account, seen.account[0] if seen.account else "delivered + declared lost = produced", NEVER


_NUMBER = r"(-?\d+(?:\.\d+)?)"
_WITHIN = r" within (?P<within>\d+(?:\.\d+)?) s"
_LIMIT = r"(?P<limit>-?\d+(?:\.\d+)?)"
_ORIGIN = re.compile(rf"(?P<first>.*{_WITHIN}) of point (?P<point>\S+) (?P<way>reaching|falling to) {_LIMIT}")
_MAYBE = rf"(?:{_WITHIN})?"
_EVENT = r"(?:verdict|event) (?P<kind>\S+)(?: of (?P<about>\S+))?(?: for (?P<cause>\S+))?"
_TURNS = r"(machine|pump|fan|power|flood|overtopped|slide) (\S+)"
_TABLE: tuple[tuple[re.Pattern[str], Callable[[Found, float, Seen], Verdict]], ...] = (
    (re.compile(rf"contact (?P<contact>\S+) (opens|closes){_WITHIN}"), _moves),
    (re.compile(r"contact (?P<contact>\S+) stays (open|closed)(?: for (?P<lasts>\d+(?:\.\d+)?) s)?"), _stays),
    (re.compile(rf"point (?P<point>\S+) reaches {_LIMIT}{_MAYBE}"), _reaches),
    (re.compile(rf"point (?P<point>\S+) falls to {_LIMIT}{_MAYBE}"), _falls),
    (re.compile(rf"point (?P<point>\S+) stays (below|above) {_NUMBER}"), _stays_beside),
    (re.compile(rf"point (?P<true>\S+) keeps to the truth within {_NUMBER}"), _keeps_to_truth),
    (re.compile(rf"point (?P<true>\S+) leaves the truth by {_NUMBER}{_WITHIN}"), _leaves_truth),
    (re.compile(rf"alarm (?P<point>\S+) arrives{_WITHIN}"), _arrives),
    (re.compile(rf"{_EVENT} arrives{_WITHIN}"), _arrives),
    (re.compile(r"alarm (?P<point>\S+) never arrives"), _never_arrives),
    (re.compile(rf"{_EVENT} never arrives"), _never_arrives),
    (re.compile(rf"{_TURNS} (?P<turns>starts|stops|begins){_WITHIN}"), _turns),
    (re.compile(rf"{_TURNS} never (?P<turns>starts|stops|begins)"), _never_turns),
    (re.compile(rf"backlog reaches {_NUMBER}"), _backlog_reaches),
    (re.compile(rf"backlog drained{_WITHIN}"), _drained),
    (re.compile(r"ledger empty"), _ledger_empty),
    (re.compile(r"ledger tells (\S+)"), _ledger_tells),
    (re.compile(r"promises kept"), _promises),
    (re.compile(r"account balances"), _account),
)
