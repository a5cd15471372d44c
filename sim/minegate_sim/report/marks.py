"""What happened, as marks on the time axis: what the scenario did, and what the gateway said of it."""

from __future__ import annotations

from typing import NamedTuple

from minegate_sim.mishaps import KINDS, Mishap
from minegate_sim.report.history import History, true_s
from minegate_sim.scenario import Scenario
from minegate_sim.seen import Seen

SAID = {
    "alarm": ("warn", "报警", "alarm"), "cut": ("bad", "断电", "cut"), "lock": ("bad", "闭锁", "lock"),
    "reset": ("good", "复电", "reset"), "point_lost": ("warn", "测点失效", "point lost"),
    "device_lost": ("warn", "设备中断", "device lost"), "clock_step": ("note", "时钟跳变", "clock step"),
    "loss": ("bad", "数据丢失", "loss"), "feed_mismatch": ("bad", "馈电异常", "feed mismatch"),
}  # fmt: skip
MARKS_MAX = 60
SAME_S = 0.05  # what is said of one thing within this is one mark


class Mark(NamedTuple):
    """At `s`, for `lasts_s` (0: a moment). `own`: the scenario did it; else the gateway said it."""

    s: float
    tone: str
    zh: str
    en: str
    own: bool
    lasts_s: float = 0.0


def marks(scenario: Scenario, seen: Seen, history: History) -> tuple[Mark, ...]:
    """In the order of time, the first MARKS_MAX."""
    found = [Mark(m.t, "note", "", _happens(m), True, m.for_s) for m in scenario.plan]
    found += [Mark(t, "note", "", _wished(wish), True) for t, wish in scenario.wishes]
    told: set[tuple[str, str, int]] = set()
    for each in seen.arrived:
        if each.kind in SAID:
            tone, zh, en = SAID[each.kind]
            s = true_s(history, each.utc_ms, each.s) if each.utc_ms else each.s
            key = (each.kind, each.about, round(s / SAME_S))
            if key not in told:
                told.add(key)
                why = f" ({each.cause})" if each.cause not in ("", "none", "limit") else ""
                found.append(Mark(s, tone, zh, f"{en} {each.about}{why}", False))
    return tuple(sorted(found, key=lambda mark: (round(mark.s, 1), not mark.own, mark.s))[:MARKS_MAX])


def _happens(mishap: Mishap) -> str:
    what = KINDS[mishap.what].help.replace("`value`", f"{mishap.value:g}").replace("a share ", "a share of ")
    return f"{mishap.what} {mishap.target}".strip() + f": {what}"


def _wished(wish: dict[str, object]) -> str:
    rest = ", ".join(f"{key} {str(value).lower()}" for key, value in wish.items() if key != "do")
    return f"{wish.get('do')}: {rest}" if rest else str(wish.get("do"))
