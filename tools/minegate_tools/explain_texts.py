"""The words of `minegate explain`, in the terms of the mine."""

from __future__ import annotations

TEXTS = {
    "en": {
        "when": "when", "sequence": "journal", "what": "what", "reading": "reading", "rule": "rule",
        "article": "article", "limit": "limit", "reason": "reason", "commanded": "commanded", "contact": "contact",
        "output": "output", "feed": "load side", "second": "second output", "refused": "resets refused",
        "lasted": "lasted", "release": "release needs",
        "cut": "power cut, a limit was passed", "lock": "power locked, a limit was not known to be met",
        "commanded_cut": "power cut by a person's command", "fan_locked": "local fan locked against starting",
        "no_value": "no value", "own_rule": "the site's own [[limit]]",
        "unknown_rules": "the rules of then ({rules}) are not those on disk",
        "open_command": "OPEN to every output of the area, at once",
        "fan_command": "lock contact closed, held by its lease",
        "opened": "read back open {ms} ms after the reading that decided", "within": " (within {ms} ms of AQ 6201)",
        "too_late": " (MORE than {ms} ms of AQ 6201)", "opened_itself": "read back open; nobody had commanded it",
        "not_seen": "not read back open afterwards; it was open before, or its node was silent",
        "output_lost": "lost", "mismatch": "not as commanded", "second_open": "opened, because the load stayed live",
        "refused_by": "{count} times ({names})", "still": "still off; no reset in the journal",
        "until": "{s} s, until {at}",
        "limit_release": "{point} {kept} {restore} {unit}, all else gone, then a reset by a person at the place",
        "fan_release": "{points} all known below {release}, or a named person by hand under a plan",
        "other_release": "every cause gone, then a reset by a person at the place",
    },
    "zh": {
        "when": "时间", "sequence": "日志序号", "what": "事件", "reading": "测值", "rule": "规则",
        "article": "条文", "limit": "限值", "reason": "说明", "commanded": "命令", "contact": "触点",
        "output": "断电器", "feed": "馈电状态", "second": "上一级断电", "refused": "复位被拒",
        "lasted": "持续", "release": "解锁条件",
        "cut": "超限断电", "lock": "闭锁断电（无法确认限值得到满足）",
        "commanded_cut": "人工下令断电", "fan_locked": "局部通风机闭锁，禁止启动",
        "no_value": "无有效数值", "own_rule": "本矿自定限值 [[limit]]",
        "unknown_rules": "当时的规则（{rules}）与现有文件不同",
        "open_command": "立即断开本区域全部断电器",
        "fan_command": "闭合风机闭锁触点，由租约保持",
        "opened": "自判定测值起 {ms} 毫秒回读断开", "within": "（AQ 6201 要求 {ms} 毫秒以内）",
        "too_late": "（超过 AQ 6201 规定的 {ms} 毫秒）", "opened_itself": "回读断开，但无断开命令",
        "not_seen": "之后未见回读断开：此前已断开，或节点无应答",
        "output_lost": "失效", "mismatch": "馈电异常", "second_open": "因负荷侧仍有电而断开",
        "refused_by": "{count} 次（{names}）", "still": "仍未恢复，日志中没有复位",
        "until": "{s} 秒，至 {at}",
        "limit_release": "{point} {kept} {restore} {unit}，其他原因全部消除，然后由人员在现场复位",
        "fan_release": "{points} 均确认低于 {release}，或由指定人员按措施手动解锁",
        "other_release": "全部原因消除，然后由人员在现场复位",
    },
}  # fmt: skip

CAUSES = {
    "en": {
        "start": "power-on lock", "limit": "limit passed", "silence": "no fresh reading", "nonsense": "out of range",
        "fault": "device fault", "command": "a person's command", "never_heard": "never heard",
        "unit": "another unit than the rule's", "frozen": "stands still while its neighbours move",
        "jump": "changed faster than the quantity can", "apart": "contradicts the other sensor",
        "calibration": "being calibrated", "rise": "rises too fast", "feed": "load side live",
        "gas": "gas with the fan stopped", "test": "proof test", "none": "no cause",
    },
    "zh": {
        "start": "上电闭锁", "limit": "超限", "silence": "无新数据", "nonsense": "超出量程",
        "fault": "设备故障", "command": "人工命令", "never_heard": "从未收到数据",
        "unit": "单位与规则不符", "frozen": "恒值，而相邻测点在变化",
        "jump": "突变，不合物理", "apart": "与另一传感器不一致",
        "calibration": "标校中", "rise": "上升过快", "feed": "负荷侧有电", "gas": "停风且瓦斯超限",
        "test": "闭锁试验", "none": "无",
    },
}  # fmt: skip
