"""How long cuts took and how late ticks were, as the interlock told it."""

from __future__ import annotations

from typing import Any

from minegate_agent.link.view import View
from minegate_interlock.lines import Lateness
from minegate_interlock.reaction import EDGES_MS, Buckets, Reactions
from page_site import site


def test_cut_times_stand_path_by_path_with_the_newest_word_of_each() -> None:
    view = View(site())
    assert (view.snapshot(0)["reactions"], view.snapshot(0)["ticks"]) == ([], {})
    late = Buckets()
    for late_ms in [0] * 99 + [12]:
        late.add(late_ms)
    view.on_lateness(Lateness(late.worst_ms, late.packed()))
    assert view.snapshot(0)["ticks"] == {"late_p99_ms": 3, "late_worst_ms": 12}
    gas, other = Reactions("relay-1", "1201-T1-ch4"), Reactions("relay-1", "")
    for took_ms in (45, 45, 380):
        gas.add(took_ms)
        view.on_reaction(gas.record())
    other.add(2500)
    view.on_reaction(other.record())
    rows: Any = view.snapshot(0)["reactions"]
    told = ("output", "point", "cuts", "p50_ms", "p99_ms", "worst_ms")
    assert [tuple(row[key] for key in told) for row in rows] == [
        ("relay-1", "1201-T1-ch4", 3, 50, 380, 380),
        ("relay-1", "", 1, 2500, 2500, 2500),
    ]
    assert len(rows[0]["counts"]) == len(rows[0]["edges_ms"]) + 1 == len(EDGES_MS) + 1
