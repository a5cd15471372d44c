"""What a person asks for, as an event for the judge, and the judge's answer in words. Pure.

Only control.sock brings commands: a socket file of this machine, for owner and group. No message of the uplink has a
way here, and no verb permits power without a healthy judgement.
"""

from __future__ import annotations

from minegate_interlock.lines import Cause, Command, Verb
from minegate_interlock.state import (
    Bypass,
    Calibrate,
    Cut,
    EndSuspension,
    Event,
    FreeFan,
    Power,
    Reset,
    State,
)  # fmt: skip
from minegate_interlock.suspension import refusal
from minegate_interlock.terms import Rules, in_force


def order(rules: Rules, state: State, command: Command, now_ms: int) -> tuple[Event | None, str]:
    """The event that the command means, and why it is refused. A refused event, if there is one, is still judged: the
    judge refuses it again, and the refusal is on record.
    """
    if not command.by.strip():
        return None, "a name is needed: who asks"
    name, by, reason = command.area, command.by, command.reason
    if command.verb in (Verb.CALIBRATE, Verb.BYPASS):
        act = Calibrate if command.verb == Verb.CALIBRATE else Bypass
        event = act(name, command.minutes, by, reason)
        return event, refusal(rules, state, event, now_ms)
    if command.verb == Verb.END:
        known = name in [limit.point for limit in rules.limits]
        return (EndSuspension(name, by), "") if known else (None, f"point {name!r} is in no limit")
    if command.verb == Verb.FREE_FAN:
        return _free_fan(rules, name, by, reason)
    if name not in [area.name for area in rules.areas]:
        return None, f"area {name!r} is not one of {[area.name for area in rules.areas]}"
    if command.verb == Verb.CUT:
        return Cut(name, by, reason), ""
    if command.verb == Verb.RESET:
        return Reset(name, by, reason), ""
    return None, f"verb {command.verb} is not known"


def answer(rules: Rules, state: State, event: Event, now_ms: int) -> tuple[bool, str]:
    """Whether it was done, and what follows from it. `state` is the one after the event."""
    if isinstance(event, Cut):
        return True, f"{event.area}: power is not permitted until a reset"
    if isinstance(event, Reset):
        power = state.areas[[area.name for area in rules.areas].index(event.area)]
        if power.permitted:
            return True, f"{event.area}: power is permitted"
        return False, f"{event.area}: still locked: {why(rules, state, power, now_ms)}"
    if isinstance(event, Calibrate):
        return True, f"{event.point}: calibration for {event.minutes} min; its area is locked until a reset after it"
    if isinstance(event, Bypass):
        return True, f"{event.point}: bypassed for {event.minutes} min; its limit still cuts"
    if isinstance(event, EndSuspension):
        return True, f"{event.point}: judged again"
    assert isinstance(event, FreeFan), event
    return True, f"{event.name}: fan lock released by hand"


def why(rules: Rules, state: State, power: Power, now_ms: int) -> str:
    """Why power of an area is not permitted: the cause, the reading, and what it would have to be."""
    words = power.cause.name.lower().replace("_", " ")
    elapsed_ms = now_ms - state.started_ms
    if power.limit >= 0:
        rule = in_force(rules.limits[power.limit], elapsed_ms)
        return f"{words}, {rule.point} = {power.value:g} {rule.unit}, cut {rule.cut:g}, restore {rule.restore:g}"
    if power.cause is Cause.START:
        left_ms = rules.timing.power_on_lock_s * 1000 - elapsed_ms
        return f"{words}, {max(0, left_ms) // 1000 + 1} s of the power-on lock are left"
    return words


def _free_fan(rules: Rules, name: str, by: str, reason: str) -> tuple[Event | None, str]:
    if name not in [fan.name for fan in rules.fans]:
        return None, f"fan lock {name!r} is not one of {[fan.name for fan in rules.fans]}"
    if not reason.strip():
        return None, "a reason is needed: under which plan is the gas discharged"
    return FreeFan(name, by, reason), ""
