"""A scenario: one TOML file with a place, a timeline and expectations. Unknown keys and words are refused.

place = "heading"          # minegate_sim.places
seed = 7
lasts_s = 120.0
speed = 1.0                # seconds of the air in one second of the clock
[rules]                    # values of [timing] in rules.toml that are not the site's
power_on_lock_s = 5

[[at]]                     # mishaps.py has the list
t = 30.0
what = "fan_stop"
for_s = 20.0

[[expect]]
words = "contact relay-1 opens within 2 s"
after_s = 30.0
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from minegate_sim.mishaps import KINDS, Mishap
from minegate_sim.places import PLACES

LASTS_S_MAX = 7 * 86_400.0


class ScenarioError(Exception):
    """A scenario that cannot be run. One line: file, key, value, limit."""


class At(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One mishap or act."""

    t: Annotated[float, Meta(ge=0, le=LASTS_S_MAX)]
    what: str
    target: str = ""
    value: float = 0.0
    for_s: Annotated[float, Meta(ge=0, le=LASTS_S_MAX)] = 0.0


class Expect(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What must be, in the words of expect.py; `after_s` is where looking begins."""

    words: str
    after_s: Annotated[float, Meta(ge=0, le=LASTS_S_MAX)] = 0.0


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole file."""

    place: str
    title: str = ""
    seed: Annotated[int, Meta(ge=0)] = 1
    lasts_s: Annotated[float, Meta(gt=0, le=LASTS_S_MAX)]
    speed: Annotated[float, Meta(gt=0, le=100)] = 1.0
    attended: bool = False
    heals: bool = False
    rules: dict[str, int] = {}
    at: list[At] = []
    expect: list[Expect] = []

    @property
    def plan(self) -> tuple[Mishap, ...]:
        """The timeline, in order."""
        return tuple(sorted(Mishap(at.t, at.what, at.target, at.value, at.for_s) for at in self.at))


def load(path: Path) -> Scenario:
    """Raises ScenarioError."""
    try:
        scenario = msgspec.toml.decode(path.read_bytes(), type=Scenario)
    except OSError as error:
        raise ScenarioError(f"{path}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: {error}") from error
    if scenario.place not in PLACES:
        raise ScenarioError(f"{path}: place = {scenario.place!r} is not one of {', '.join(PLACES)}")
    for at in scenario.at:
        if at.what not in KINDS:
            raise ScenarioError(f"{path}: at t = {at.t:g}: what = {at.what!r} is not one of {', '.join(KINDS)}")
        if at.t > scenario.lasts_s:
            raise ScenarioError(f"{path}: at t = {at.t:g}: after lasts_s = {scenario.lasts_s:g}")
    return scenario


def text_of(scenario: Scenario, why: str) -> str:
    """The scenario as a file; `why` becomes its first comment."""
    lines = [f"# {line}" for line in why.splitlines()]
    lines += [f"place = {_quoted(scenario.place)}", f"title = {_quoted(scenario.title)}", f"seed = {scenario.seed}"]
    lines += [f"lasts_s = {scenario.lasts_s}", f"speed = {scenario.speed}"]
    lines += [f"attended = {str(scenario.attended).lower()}", f"heals = {str(scenario.heals).lower()}"]
    if scenario.rules:
        lines += ["", "[rules]", *(f"{key} = {value}" for key, value in scenario.rules.items())]
    for at in scenario.at:
        lines += ["", "[[at]]", f"t = {at.t}", f"what = {_quoted(at.what)}"]
        lines += [f"target = {_quoted(at.target)}"] if at.target else []
        lines += [f"value = {at.value}"] if at.value else []
        lines += [f"for_s = {at.for_s}"] if at.for_s else []
    for expect in scenario.expect:
        lines += ["", "[[expect]]", f"words = {_quoted(expect.words)}"]
        lines += [f"after_s = {expect.after_s}"] if expect.after_s else []
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()
