"""The places a scenario can name: heading 1201, and the sections that are shipped or in a file of their own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from minegate_sim.place import Place
from minegate_sim.places.airway import Airway
from minegate_sim.places.heading_1201 import Heading1201
from minegate_sim.places.substation import Substation
from minegate_sim.section.plan import Plan
from minegate_sim.section.section import Section, load, names

FILE_ENDING = ".toml"


def _section(name: str, seed: int, speed: float = 1.0) -> Section:
    return Section(load(name), seed, speed=speed)


_BUILT: dict[str, Callable[..., Place]] = {"heading": Heading1201, "airway": Airway, "substation": Substation}
# `heading` is the heading of the demo with the example site; the section of that name has an air network of its own
PLACES: dict[str, Callable[..., Place]] = _BUILT | {
    f"{name}-section" if name in _BUILT else name: partial(_section, name) for name in names()
}


def titles() -> dict[str, str]:
    """Every place, and what it is."""
    built = {
        "heading": "Heading 1201 of the demo, with the example site",
        "airway": "Return airway with one head and one relay, for shifts",
        "substation": "Substation with 200 points and no relay, for days",
    }
    return built | {name: plan_of(name).title_en for name in PLACES if name not in built}


def plan_of(place: str) -> Plan:
    """The section behind a place. OSError if there is no such file; ValueError if the place is no section."""
    if place in _BUILT:
        raise ValueError(f"place {place!r} is no section; {', '.join(sorted(set(PLACES) - set(_BUILT)))} are")
    return load(place.removesuffix("-section") if place in PLACES else place)


def known(place: str) -> bool:
    """Whether `place` is one of PLACES, or the path of a section's file."""
    return place in PLACES or place.endswith(FILE_ENDING)


def made(place: str, seed: int, speed: float) -> Place:
    """The place by its name, or from a section's file. OSError, or ValueError in one line, if the file is wrong."""
    return _section(place, seed, speed) if place.endswith(FILE_ENDING) else PLACES[place](seed, speed)
