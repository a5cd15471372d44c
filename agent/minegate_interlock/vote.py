"""Limits that speak together. The statute knows no votes: each of its points trips alone (1ooN)."""

from __future__ import annotations

from minegate_interlock.lines import Cause
from minegate_interlock.state import Input
from minegate_interlock.terms import Rules, Vote

Standing = list[tuple[Cause, int]]

# what `degraded` says -> how many of the rest must be beyond once one member is lost; 0: the loss itself locks
_NEED = {"1oo1": 1, "1oo2": 1, "2oo2": 2, "lock": 0}


def speak_together(rules: Rules, area: str, inputs: tuple[Input, ...], standing: Standing) -> Standing:
    """`standing` without the members whose vote does not carry."""
    for vote in rules.votes:
        if vote.area == area:
            members = [at for at, limit in enumerate(rules.limits) if limit.area == area and limit.point in vote.points]
            if not _carries(vote, [inputs[at] for at in members]):
                standing = [found for found in standing if found[1] not in members]
    return standing


def _carries(vote: Vote, members: list[Input]) -> bool:
    """A member that is lost after it was beyond counts as both: losing a sensor never takes a vote back."""
    lost = sum(not member.known for member in members)
    beyond = sum(member.over for member in members)
    if lost == 0:
        return beyond >= vote.need
    if lost == 1:
        return beyond >= _NEED[vote.degraded]
    return True
