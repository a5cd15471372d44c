"""Every text of the page, in Chinese and English: a report is handed on to people who read only one of them."""

from __future__ import annotations

KEPT = ("通过", "Kept")
BROKEN = ("未通过", "Broken")
VERDICT = ("结论", "Verdict")
TIMELINE = ("时间轴", "Timeline")
EVENTS = ("事件", "Events")
RUN = ("运行", "Run")
OWN = ("场景", "scenario")
SAID = ("网关", "gateway")
PLACE, SEED, SPAN, SPEED, DIGEST = (
    ("地点", "Place"), ("种子", "Seed"), ("时长", "Virtual time"), ("空气加速", "Speed of the air"), ("摘要", "Digest"),
)  # fmt: skip
EXPECTED, FROM, MET, SEEN = ("要求", "Expected"), ("自", "From"), ("达成", "Met at"), ("实际", "Seen")
PROMISE = ("安全承诺", "Promise")
LEGEND = (
    "方块是场景的动作，圆形是网关的报告；灰色区间是持续的扰动。",
    "Squares are what the scenario did, rounds what the gateway said; a shade is what lasted.",
)
FOOT = (
    "本页由仿真生成，不代表任何真实矿井；同一种子得到相同的结果。",
    "Made by a simulation and no statement about any real mine; the same seed gives the same bytes.",
)
