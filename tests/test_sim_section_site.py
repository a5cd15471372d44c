"""The gateway of a section is derived from the section: each device on its lines is read, and says what it shows."""

from __future__ import annotations

import tempfile
from math import isfinite
from pathlib import Path

import pytest

from minegate_agent.site import Site
from minegate_sim.mine import Mine
from minegate_sim.places import PLACES
from minegate_sim.receiver import Receiver

RUNS_MS = 15_000.0
SECTIONS = sorted(set(PLACES) - {"heading", "airway", "substation"})  # these are made by hand
MOVING = ("-x", "-cutter", "-energy", "-ch4", "-co", "-temperature", "displacement")  # between two readings


@pytest.mark.parametrize("name", SECTIONS)
def test_every_device_of_a_section_is_read_and_what_arrives_is_what_it_shows(name: str) -> None:
    place = PLACES[name](1)
    with tempfile.TemporaryDirectory(prefix="mg") as folder, Mine(place, 1, Path(folder), keep_records=True) as mine:
        mine.run_for(RUNS_MS)
        assert mine.breaches == []
        site = mine.gateway.site
        assert {device.config.name for device in site.devices.values()} == set(place.devices) - {
            f"{output}-board" for output in place.contacts()
        }
        arrived = _newest(site, mine.receiver)
        shown = place.values()
        assert set(arrived) == set(shown)
        for point, value in arrived.items():
            assert isfinite(value), point
            slack = 2.0 if point.endswith(MOVING) else 0.06 * max(1.0, abs(value))
            assert value == pytest.approx(shown[point], abs=slack), point


def _newest(site: Site, receiver: Receiver) -> dict[str, float]:
    """The last value of each point that arrived."""
    found: dict[str, float] = {}
    for scan in receiver.records:
        layout = site.devices[scan.device].driver.layouts[scan.part]
        values = layout.decode(scan.record)
        for point in site.points:
            if (point.device, point.part) == (scan.device, scan.part):
                found[point.name] = float(values[point.at])
    return found
