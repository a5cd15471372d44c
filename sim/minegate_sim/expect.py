"""Expectations in words, judged on what happened. One table: a pattern and what it asks.

contact relay-1 opens within 2 s        contact relay-1 closes within 5 s       contact relay-1 stays open
point 1201-T1-ch4 reaches 1.5           verdict cut arrives within 10 s         event clock_step arrives within 5 s
backlog drained within 120 s            ledger empty                            ledger tells hold_full
promises kept                           account balances
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from minegate_sim.scenario import Expect

NEVER = float("inf")


class Seen(NamedTuple):
    """What a run left behind. Times are seconds of true time."""

    contacts: list[tuple[float, str, bool]]  # every movement
    highest: dict[str, float]  # per point, since the beginning
    arrived: list[tuple[float, str, str]]  # events at the receiver: when, kind, reason
    drained: list[float]  # when the receiver had everything that field had produced
    breaches: list[tuple[float, str]]
    account: list[str]


class Judged(NamedTuple):
    """`why` is what was seen instead, or how well it went."""

    words: str
    kept: bool
    why: str


def known(words: str) -> bool:
    """Whether these are words the judge understands."""
    return any(pattern.fullmatch(words) for pattern, _ in _TABLE)


def judged(expect: Expect, seen: Seen) -> Judged:
    """The verdict on one expectation. ValueError if the words are not known."""
    for pattern, judge in _TABLE:
        found = pattern.fullmatch(expect.words)
        if found is not None:
            kept, why = judge(found, expect.after_s, seen)
            return Judged(expect.words, kept, why)
    raise ValueError(f"words = {expect.words!r} is not understood; minegate_sim/expect.py has the list")


Found = re.Match[str]
Verdict = tuple[bool, str]


def _moves(found: Found, after_s: float, seen: Seen) -> Verdict:
    want = found[2] == "closes"
    at_s = next((s for s, name, closed in seen.contacts if name == found[1] and s >= after_s and closed == want), NEVER)
    if at_s == NEVER:
        return False, "it never did"
    return at_s - after_s <= float(found[3]), f"after {at_s - after_s:.3f} s"


def _stays(found: Found, after_s: float, seen: Seen) -> Verdict:
    want = found[2] == "closed"
    moved = [s for s, name, closed in seen.contacts if name == found[1] and s >= after_s and closed != want]
    before = [closed for s, name, closed in seen.contacts if name == found[1] and s < after_s]
    is_so = before[-1] == want if before else not want
    if moved:
        return False, f"moved at {moved[0]:.3f} s"
    return is_so, "it did" if is_so else f"it was {'open' if want else 'closed'}"


def _reaches(found: Found, after_s: float, seen: Seen) -> Verdict:
    highest = seen.highest.get(found[1])
    if highest is None:
        return False, f"no such point; known are {', '.join(seen.highest)}"
    return highest >= float(found[2]), f"highest {highest:g}"


def _arrives(found: Found, after_s: float, seen: Seen) -> Verdict:
    at_s = next((s for s, kind, _ in seen.arrived if kind == found[2] and s >= after_s), NEVER)
    if at_s == NEVER:
        return False, "it never came"
    return at_s - after_s <= float(found[3]), f"after {at_s - after_s:.3f} s"


def _drained(found: Found, after_s: float, seen: Seen) -> Verdict:
    at_s = next((s for s in seen.drained if s >= after_s), NEVER)
    return (at_s - after_s <= float(found[1]), f"after {at_s - after_s:.1f} s") if at_s < NEVER else (False, "never")


def _ledger_empty(found: Found, after_s: float, seen: Seen) -> Verdict:
    told = sorted({reason for _, kind, reason in seen.arrived if kind == "loss"})
    return not told, f"losses: {', '.join(told)}" if told else "nothing was lost"


def _ledger_tells(found: Found, after_s: float, seen: Seen) -> Verdict:
    told = sorted({reason for _, kind, reason in seen.arrived if kind == "loss"})
    return found[1] in told, f"losses: {', '.join(told) or 'none'}"


def _promises(found: Found, after_s: float, seen: Seen) -> Verdict:
    return not seen.breaches, seen.breaches[0][1] if seen.breaches else "all along"


def _account(found: Found, after_s: float, seen: Seen) -> Verdict:
    return not seen.account, seen.account[0] if seen.account else "delivered + declared lost = produced"


_NUMBER = r"(\d+(?:\.\d+)?)"
_TABLE: tuple[tuple[re.Pattern[str], Callable[[Found, float, Seen], Verdict]], ...] = (
    (re.compile(rf"contact (\S+) (opens|closes) within {_NUMBER} s"), _moves),
    (re.compile(r"contact (\S+) stays (open|closed)"), _stays),
    (re.compile(rf"point (\S+) reaches {_NUMBER}"), _reaches),
    (re.compile(rf"(verdict|event) (\S+) arrives within {_NUMBER} s"), _arrives),
    (re.compile(rf"backlog drained within {_NUMBER} s"), _drained),
    (re.compile(r"ledger empty"), _ledger_empty),
    (re.compile(r"ledger tells (\S+)"), _ledger_tells),
    (re.compile(r"promises kept"), _promises),
    (re.compile(r"account balances"), _account),
)
