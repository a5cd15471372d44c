"""The places a scenario can name."""

from __future__ import annotations

from collections.abc import Callable

from minegate_sim.place import Place
from minegate_sim.places.airway import Airway
from minegate_sim.places.heading_1201 import Heading1201
from minegate_sim.places.substation import Substation

PLACES: dict[str, Callable[..., Place]] = {"heading": Heading1201, "airway": Airway, "substation": Substation}
