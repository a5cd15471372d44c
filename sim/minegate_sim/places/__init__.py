"""The places a scenario can name."""

from __future__ import annotations

from collections.abc import Callable

from minegate_sim.place import Place
from minegate_sim.places.heading_1201 import Heading1201

PLACES: dict[str, Callable[..., Place]] = {"heading": Heading1201}
