"""rules.toml of a section: its outputs, areas, limits, and the places at which a rule of the library only watches."""

from __future__ import annotations

import msgspec

from minegate_sim.section.plan import QUANTITIES, LimitPlan, Plan
from minegate_sim.section.spoken import sensor_of, sensor_range
from minegate_sim.section.written import Value, table

TIMING = "[timing]\ntick_ms = 50\npower_on_lock_s = 60\nlease_ms = 600\nrenew_ms = 150\nfeed_check_ms = 2000\n"
DOUBTS = (
    "rate_max_per_s", "frozen_s", "neighbours", "neighbour_move", "agrees_with", "agrees_within", "agrees_s",
)  # fmt: skip


def rules_of(plan: Plan) -> str:
    """The text."""
    ports = {port.name: port for port in plan.port}
    parts = [TIMING]
    if plan.place:
        parts.append(table("library", edition=plan.edition))
    parts += [table("[output]", name=area.output, kind="node", device=f"sim/{area.output}",
                    baud=ports[area.output].baud, node=area.node, relay=0) for area in plan.area]  # fmt: skip
    parts += [table("[area]", name=area.name, title_zh=area.title_zh, title_en=area.title_en,
                    feed_point=area.feed_point, outputs=[area.output]) for area in plan.area]  # fmt: skip
    parts += [_limit(plan, limit) for limit in plan.limit]
    for place in plan.place:
        given = {key: value for key in ("alarm", "restore") if (value := getattr(place, key)) is not None}
        head = {"area": place.area, "class": place.rule.partition("/")[0], "id": place.rule.partition("/")[2]}
        parts.append(table("[place]", **head, point=place.point, stale_ms=place.stale_ms, **given))
    return "\n".join(parts)


def _limit(plan: Plan, limit: LimitPlan) -> str:
    sensor = sensor_of(plan, limit.point)
    low, high = sensor_range(sensor)
    given: dict[str, Value] = {}
    for key in ("alarm", *DOUBTS):
        if (value := getattr(limit, key)) not in (None, []):
            given[key] = msgspec.to_builtins(value)
    text = table("[limit]", area=limit.area, point=limit.point, direction=limit.direction, low=low, high=high,
                 cut=limit.cut, restore=limit.restore, stale_ms=limit.stale_ms, source=limit.source,
                 **given)  # fmt: skip
    return text + f'unit = "{QUANTITIES[sensor.quantity][0]}"\n'  # needed even if it is empty
