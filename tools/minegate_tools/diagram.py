"""The state machine of a site's rules as Mermaid: one for each area, one for each fan lock, with their limits. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from minegate_interlock.rules import FanLock, Limit, Rules, Watch

_WORDS = {
    "en": {
        "locked": "locked: power off", "ready": "may be reset", "on": "power permitted", "start": "power-on lock",
        "over": "every cause is gone", "back": "a cause comes back", "reset": "a person resets at the place",
        "cut": "cut", "restore": "restore", "alarm": "alarm", "loss": "any device of the chain lost",
        "command": "a person cuts", "first": "first {s} s after start", "free": "fan free", "held": "fan locked",
        "stopped": "fan stopped and", "any": "any of", "all": "all of", "hand": "a person releases by hand",
        "rise": "rise of {rise} within {s} s", "lost": "agent, line or supply lost", "second": "load stays live",
        "open": "second outputs open",
    },
    "zh": {
        "locked": "闭锁：断电", "ready": "可以复位", "on": "允许供电", "start": "上电闭锁",
        "over": "全部原因消除", "back": "原因再次出现", "reset": "现场人工复位",
        "cut": "断电", "restore": "复电", "alarm": "报警", "loss": "链路中任一设备故障",
        "command": "人工断电", "first": "上电后前 {s} s", "free": "通风机可启动", "held": "通风机闭锁",
        "stopped": "停风且", "any": "任一", "all": "全部", "hand": "人工解锁",
        "rise": "{s} s 内上升 {rise}", "lost": "系统、线路或电源失效", "second": "负荷侧仍有电",
        "open": "断开上一级",
    },
}  # fmt: skip


def numbers(rule: Limit | Watch | FanLock, lang: str) -> str:
    """The numbers of a rule as its clause has them."""
    words = _WORDS[lang]
    if isinstance(rule, FanLock):
        beyond = f"{'>' if rule.strict else '>='} {rule.lock:g}"
        stopped = words["stopped"] + " " if rule.stopped else ""
        return f"{words['held']}: {stopped}{beyond}, {words['free']}: < {rule.release:g}"
    if isinstance(rule, Watch) and rule.window_ms:
        return f"{words['alarm']}: " + words["rise"].format(rise=f"{rule.alarm:g}", s=rule.window_ms // 1000)
    passed, kept = (">=", "<") if rule.direction == "rising" else ("<=", ">")
    parts = [] if rule.alarm is None else [f"{words['alarm']} {passed} {rule.alarm:g}"]
    if isinstance(rule, Limit):
        parts.append(f"{words['cut']} {passed} {rule.cut:g}")
    return ", ".join([*parts, f"{words['restore']} {kept} {rule.restore:g}"]) + (f" {rule.unit}" if rule.unit else "")


def diagram(rules: Rules, lang: str) -> str:
    """All of it, as Mermaid state diagrams one behind the other."""
    return "\n\n".join([*_areas(rules, lang), *_fans(rules, lang)])


def _areas(rules: Rules, lang: str) -> Iterator[str]:
    words = _WORDS[lang]
    for at, area in enumerate(rules.areas):
        title = (area.title_zh if lang == "zh" else area.title_en) or area.name
        own = [rule for rule in rules.every_rule() if rule.area == area.name]
        lines = ["---", f"title: {_text(title)}", "---", "stateDiagram-v2"]
        names = {name: f"a{at}_{name}" for name in ("locked", "ready", "on")}
        lines += [f"    {id_}: {words[name]}" for name, id_ in names.items()]
        lines.append(f"    [*] --> {names['locked']}: {words['first'].format(s=rules.timing.power_on_lock_s)}")
        lines.append(f"    {names['locked']} --> {names['ready']}: {words['over']}")
        lines.append(f"    {names['ready']} --> {names['locked']}: {words['back']}")
        lines.append(f"    {names['ready']} --> {names['on']}: {words['reset']}")
        causes = [f"{rule.point} {numbers(rule, lang)}" for rule in own if isinstance(rule, Limit)]
        for cause in (*causes, words["loss"], words["command"]):
            lines.append(f"    {names['on']} --> {names['locked']}: {_text(cause)}")
        if area.second:
            lines.append(f"    a{at}_second: {words['open']}")
            lines.append(f"    {names['locked']} --> a{at}_second: {words['second']}")
            lines.append(f"    a{at}_second --> {names['on']}: {words['reset']}")
        told = [f"{rule.point} {numbers(rule, lang)}" for rule in own if isinstance(rule, Watch)]
        if told:
            lines += [f"    note right of {names['on']}", *(f"        {_text(line)}" for line in told), "    end note"]
        yield "\n".join(lines)


def _fans(rules: Rules, lang: str) -> Iterator[str]:
    words = _WORDS[lang]
    for at, fan in enumerate(rules.fans):
        points = ", ".join(fan.points)
        stopped = f"{fan.run_point} {words['stopped']} " if fan.stopped else ""
        beyond = f"{stopped}{words['any']} {points} {'>' if fan.strict else '>='} {fan.lock:g}"
        yield "\n".join([
            "---", f"title: {_text(fan.name)}", "---", "stateDiagram-v2",
            f"    f{at}_free: {words['free']}",
            f"    f{at}_held: {words['held']}",
            f"    [*] --> f{at}_free",
            f"    f{at}_free --> f{at}_held: {_text(beyond)}",
            f"    f{at}_held --> f{at}_free: {_text(words['all'])} {_text(points)} < {fan.release:g}",
            f"    f{at}_held --> f{at}_free: {words['hand']}",
            f"    f{at}_held --> f{at}_free: {words['lost']}",
        ])  # fmt: skip


def _text(text: str) -> str:
    """A label that Mermaid reads as text: it splits at `:` and `;` and takes `#` for an entity."""
    return text.replace("#", "no.").replace(":", "：").replace(";", "；").replace("\n", " ")
