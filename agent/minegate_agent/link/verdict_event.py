"""The interlock's verdicts as events of the journal. Pure."""

from __future__ import annotations

import math
from enum import IntEnum

from minegate_interlock.lines import Cause, Verdict, What


def event_of(verdict: Verdict, now_utc_ms: int) -> dict[str, object]:
    """The event, its time being now less the verdict's age. A code of a newer interlock stays a number."""
    return {
        "kind": _word(What, verdict.what),
        "from": "interlock",
        "utc_ms": now_utc_ms - verdict.age_ms,
        "boot": verdict.boot,
        "sequence": verdict.sequence,
        "area": verdict.area,
        "point": verdict.point,
        "value": _finite(verdict.value),
        "limit": _finite(verdict.limit),
        "cause": _word(Cause, verdict.cause),
        "by": verdict.by,
        "reason": verdict.reason,
        "rules": verdict.rules.hex(),
        "rule": verdict.rule,
    }


def _word(codes: type[IntEnum], code: int) -> str:
    try:
        return codes(code).name.lower()
    except ValueError:
        return str(code)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
