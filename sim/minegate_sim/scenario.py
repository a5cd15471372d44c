"""A scenario: one TOML file with a place, a timeline and expectations. Unknown keys and words are refused.

place = "heading"          # one of minegate_sim.places, or the path of a section's file, from this file's folder
seed = 7
lasts_s = 120.0
speed = 1.0                # seconds of the air in one second of the clock
[rules]                    # values of [timing] in rules.toml that are not the site's
power_on_lock_s = 5

[[at]]
t = 30.0
what = "fan_stop"          # what goes wrong with anything: mishaps.py has the list
for_s = 20.0

[[at]]
t = 60.0
wish = { do = "fire", road = "belt", growth = "fast" }     # what happens in the place: its README has the list

[[expect]]
words = "contact relay-1 opens within 2 s"                 # expect.py has the list
after_s = 30.0
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from minegate_sim.mishaps import KINDS, Mishap
from minegate_sim.places import FILE_ENDING, PLACES, known

LASTS_S_MAX = 7 * 86_400.0


class ScenarioError(ValueError):
    """A scenario that cannot be run. One line: file, key, value, limit."""


class At(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A mishap or act (`what`), or something that happens in the place (`wish`)."""

    t: Annotated[float, Meta(ge=0, le=LASTS_S_MAX)]
    what: str = ""
    wish: dict[str, Any] = {}
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
        """The mishaps, in order."""
        return tuple(sorted(Mishap(at.t, at.what, at.target, at.value, at.for_s) for at in self.at if at.what))

    @property
    def wishes(self) -> tuple[tuple[float, dict[str, Any]], ...]:
        """What happens in the place, in order."""
        return tuple(sorted(((at.t, at.wish) for at in self.at if at.wish), key=lambda each: each[0]))


def load(path: Path) -> Scenario:
    """Raises ScenarioError."""
    try:
        scenario = msgspec.toml.decode(path.read_bytes(), type=Scenario)
    except OSError as error:
        raise ScenarioError(f"{path}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: {error}") from error
    if not known(scenario.place):
        raise ScenarioError(f"{path}: place = {scenario.place!r} is not one of {', '.join(PLACES)}")
    if scenario.place.endswith(FILE_ENDING):
        scenario = msgspec.structs.replace(scenario, place=str(path.parent.absolute() / scenario.place))
    for at in scenario.at:
        where = f"{path}: at t = {at.t:g}"
        if at.t > scenario.lasts_s:
            raise ScenarioError(f"{where}: after lasts_s = {scenario.lasts_s:g}")
        if bool(at.what) == bool(at.wish):
            raise ScenarioError(f"{where}: either `what` or `wish` is needed, and not both")
        if at.what and at.what not in KINDS:
            raise ScenarioError(f"{where}: what = {at.what!r} is not one of {', '.join(KINDS)}")
        if at.wish and (at.target or at.value or at.for_s):
            raise ScenarioError(f"{where}: target, value and for_s belong to `what`; a wish has keys of its own")
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
        lines += ["", "[[at]]", f"t = {at.t}"]
        lines += [f"what = {_quoted(at.what)}"] if at.what else [f"wish = {_inline(at.wish)}"]
        lines += [f"target = {_quoted(at.target)}"] if at.target else []
        lines += [f"value = {at.value}"] if at.value else []
        lines += [f"for_s = {at.for_s}"] if at.for_s else []
    for expect in scenario.expect:
        lines += ["", "[[expect]]", f"words = {_quoted(expect.words)}"]
        lines += [f"after_s = {expect.after_s}"] if expect.after_s else []
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()


def _inline(value: Any) -> str:
    """As TOML writes it in one line."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_inline(each)}" for key, each in value.items()) + " }"
    return msgspec.json.encode(value).decode()
