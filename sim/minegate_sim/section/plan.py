"""A section as TOML: what is where, what hangs on which line. Every key with its unit and limits; no others.

Places are a road and metres from its begin. `area` names who cuts the power of a thing; empty: a supply of its own.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

Name = Annotated[str, Meta(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
Text = Annotated[str, Meta(max_length=200)]
Metres = Annotated[float, Meta(ge=0, le=20_000)]
Positive = Annotated[float, Meta(gt=0, le=1e9)]
Share = Annotated[float, Meta(ge=0, le=1)]
Number = Annotated[float, Meta(ge=-1e9, le=1e9)]


class FanPlan(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Blows along its road. `area`: whose power cut stops it; a fan has a supply of its own, so usually none."""

    shut_off_pa: Positive
    flow_max_m3_s: Positive
    area: str = ""


class RoadPlan(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`outside` is the node where air comes from and goes to. `friction`: Atkinson's k in kg/m3."""

    name: Name
    begin: Name
    end: Name
    length_m: Annotated[float, Meta(gt=0, le=20_000)]
    area_m2: Annotated[float, Meta(gt=0, le=200)]
    cells: Annotated[int, Meta(ge=1, le=50)] = 5
    friction: Annotated[float, Meta(gt=0, le=0.2)] = 0.012
    shock: Annotated[float, Meta(ge=0, le=1e6)] = 0.0  # N s2/m8, added: regulators, goaf
    rise_m: Annotated[float, Meta(ge=-2000, le=2000)] = 0.0
    fan: FanPlan | None = None


class DuctPlan(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A local fan at node `begin` blows through a duct to node `end`; what leaks comes out at node `mouth`."""

    name: Name
    begin: Name
    end: Name
    mouth: Name
    length_m: Annotated[float, Meta(gt=0, le=3000)]
    diameter_m: Annotated[float, Meta(gt=0.1, le=3)]
    resistance: Positive
    fan: FanPlan
    intact: Annotated[float, Meta(ge=0.01, le=1)] = 0.95


class SourcePlan(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a place gives off; without `at_m` all of the road does. `works_with`: only while that machine cuts."""

    name: Name
    road: Name
    at_m: Metres | None = None
    ch4_m3_min: Annotated[float, Meta(ge=0, le=100)] = 0.0
    dust_g_s: Annotated[float, Meta(ge=0, le=1000)] = 0.0
    works_with: str = ""


class AreaPlan(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one relay cuts."""

    name: Name
    output: Name
    node: Annotated[int, Meta(ge=1, le=255)]
    title_zh: Text = ""
    title_en: Text = ""
    feed_point: str = ""


class MachinePlan(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`cutter`: cuts and moves up; `belt`: runs. Starts again when power has been back for a while."""

    name: Name
    kind: Literal["cutter", "belt"]
    area: str = ""
    power_kw: Annotated[float, Meta(ge=0, le=10_000)] = 200.0


class PumpPlan(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Starts at or above `start_m`, stops at or below `stop_m`."""

    name: Name
    m3_h: Positive
    start_m: Metres
    stop_m: Metres
    area: str = ""


class SumpPlan(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`inflow_m3_h` comes all the time."""

    name: Name
    area_m2: Positive
    depth_m: Annotated[float, Meta(gt=0, le=50)]
    level_m: Metres = 1.0
    inflow_m3_h: Annotated[float, Meta(ge=0, le=1e5)] = 50.0
    pumps: Annotated[list[PumpPlan], Meta(min_length=1, max_length=12)]


class PondPlan(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Levels from the bottom of the pond. `inflow_m3_h`: slurry water less what is taken back."""

    name: Name
    area_m2: Positive
    widening_m: Annotated[float, Meta(ge=0, le=1e6)] = 2000.0
    catchment_m2: Positive
    crest_m: Annotated[float, Meta(gt=0, le=300)]
    sill_m: Annotated[float, Meta(gt=0, le=300)]
    level_m: Annotated[float, Meta(gt=0, le=300)]
    spill_width_m: Annotated[float, Meta(gt=0, le=200)] = 4.0
    beach_slope: Annotated[float, Meta(ge=0.001, le=0.5)] = 0.01
    inflow_m3_h: Annotated[float, Meta(ge=-1e5, le=1e5)] = 0.0
    phreatic_lag_h: Annotated[float, Meta(gt=0, le=10_000)] = 24.0


class SlopePlan(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A slope with a mark that is surveyed."""

    name: Name
    creep_mm_d: Annotated[float, Meta(gt=0, le=1000)] = 0.5


class CrewPlan(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`way`: roads from outside to where they work."""

    name: Name
    way: Annotated[list[Name], Meta(min_length=1, max_length=20)]
    people: Annotated[int, Meta(ge=0, le=200)] = 9
    first_tag: Annotated[int, Meta(ge=1, le=1_000_000)] = 1


class RobotPlan(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Rides from the begin of the first road on `way` (its dock) to the end of the last one and back."""

    name: Name
    serial: Name
    way: Annotated[list[Name], Meta(min_length=1, max_length=20)]
    manufacturer: Name = "minegate"


QUANTITIES = {
    # of a place: unit, lowest, highest, lag in s, noise
    "ch4": ("%CH4", 0.0, 4.0, 1.0, 0.006),
    "co": ("ppm", 0.0, 1000.0, 15.0, 0.4),
    "o2": ("%", 0.0, 25.0, 10.0, 0.02),
    "temperature": ("degC", -20.0, 100.0, 20.0, 0.05),
    "smoke": ("", 0.0, 1.0, 0.0, 0.0),
    "dust": ("mg/m3", 0.0, 1000.0, 5.0, 0.2),
    "air_speed": ("m/s", 0.0, 15.0, 2.0, 0.02),
    # of a thing
    "fan_run": ("", 0.0, 1.0, 0.0, 0.0),
    "duct_speed": ("m/s", 0.0, 40.0, 1.0, 0.02),
    "feed": ("", 0.0, 1.0, 0.0, 0.0),
    "run": ("", 0.0, 1.0, 0.0, 0.0),
    "power": ("kW", 0.0, 10_000.0, 0.5, 0.3),
    "level": ("m", 0.0, 60.0, 2.0, 0.003),
    "pumped": ("m3/h", 0.0, 5000.0, 2.0, 0.5),
    "beach": ("m", 0.0, 2000.0, 10.0, 0.05),
    "phreatic": ("m", 0.0, 100.0, 60.0, 0.01),
    "rain": ("mm/h", 0.0, 300.0, 30.0, 0.0),
    "displacement": ("mm", 0.0, 50_000.0, 0.0, 0.2),
    "velocity": ("mm/h", 0.0, 200_000.0, 60.0, 0.0),
    "people": ("", 0.0, 500.0, 0.0, 0.0),
}
OF_PLACE = ("ch4", "co", "o2", "temperature", "smoke", "dust", "air_speed")
OF_THING = {
    "fan_run": "duct or road with a fan", "duct_speed": "duct", "feed": "area", "run": "machine or pump",
    "power": "machine", "level": "sump or pond", "pumped": "sump", "beach": "pond", "phreatic": "pond", "rain": "pond",
    "displacement": "slope", "velocity": "slope", "people": "crew",
}  # fmt: skip


class SensorPlan(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One point. Of a place: `road` and `at_m`; of a thing: `of`. What is not given is usual for the quantity."""

    point: Name
    quantity: str
    road: str = ""
    at_m: Metres = 0.0
    of: str = ""
    lag_s: Annotated[float, Meta(ge=0, le=600)] | None = None
    noise: Annotated[float, Meta(ge=0, le=1e6)] | None = None
    drift_per_day: Number = 0.0
    low: Number | None = None
    high: Number | None = None
    place_zh: Text = ""
    place_en: Text = ""
    kj_code: Text = ""


class PortPlan(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`baud` of a line, `bit_rate` of a bus. A relay has a line of its own."""

    name: Name
    kind: Literal["rs485", "can", "relay"]
    baud: Literal[1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200] = 9600
    bit_rate: Annotated[int, Meta(ge=5_000, le=1_000_000)] = 250_000


class DevicePlan(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`sensors`: the points it speaks for, in the order of its registers or channels.

    gas_head     one methane point in two registers           node    any points, the minegate wire
    modbus       any points, an input register each           meter   DL/T 645, the power of an area's machines
    j1939        a machine on CAN                             roadheader   a machine on CAN by roadheader.dbc
    """

    name: Name
    model: Literal["gas_head", "node", "modbus", "meter", "j1939", "roadheader"]
    port: Name
    address: Annotated[int, Meta(ge=1, le=253)] = 1
    sensors: Annotated[list[Name], Meta(max_length=32)] = []
    of: str = ""
    number: Annotated[str, Meta(pattern=r"^[0-9]{12}$")] = "000000000001"
    title_zh: Text = ""
    title_en: Text = ""


class LimitPlan(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """As in rules.toml."""

    area: Name
    point: Name
    cut: Number
    restore: Number
    alarm: Number | None = None
    direction: Literal["rising", "falling"] = "rising"
    # a silent sensor must open the contact within 2 s, line, lease and relay included (`minegate check` adds them up)
    stale_ms: Annotated[int, Meta(ge=100, le=10_000)] = 1100
    source: Text
    rate_max_per_s: Number | None = None
    frozen_s: Annotated[int, Meta(ge=60, le=86_400)] | None = None
    neighbours: Annotated[list[Name], Meta(max_length=4)] = []
    neighbour_move: Number | None = None
    agrees_with: Name | None = None
    agrees_within: Number | None = None
    agrees_s: Annotated[int, Meta(ge=0, le=3600)] | None = None


class PlacePlan(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A point at which a rule of the interlock's library holds: `rule` is its class and id, `air/carbon-monoxide`."""

    area: Name
    point: Name
    rule: Annotated[str, Meta(pattern=r"^[a-z-]+/[A-Za-z0-9-]+$")]
    stale_ms: Annotated[int, Meta(ge=100, le=600_000)] = 5000
    alarm: Number | None = None
    restore: Number | None = None


class Plan(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole file."""

    name: Name
    title_zh: Text = ""
    title_en: Text = ""
    tick_ms: Annotated[float, Meta(ge=10, le=5000)] = 500.0
    rock_c: Annotated[float, Meta(ge=-20, le=60)] = 24.0
    intake_c: Annotated[float, Meta(ge=-40, le=60)] = 22.0
    intake_ch4_percent: Annotated[float, Meta(ge=0, le=2)] = 0.02
    road: Annotated[list[RoadPlan], Meta(max_length=60)] = []
    duct: Annotated[list[DuctPlan], Meta(max_length=10)] = []
    source: Annotated[list[SourcePlan], Meta(max_length=60)] = []
    area: Annotated[list[AreaPlan], Meta(max_length=20)] = []
    machine: Annotated[list[MachinePlan], Meta(max_length=30)] = []
    sump: Annotated[list[SumpPlan], Meta(max_length=10)] = []
    pond: Annotated[list[PondPlan], Meta(max_length=4)] = []
    slope: Annotated[list[SlopePlan], Meta(max_length=20)] = []
    crew: Annotated[list[CrewPlan], Meta(max_length=20)] = []
    robot: Annotated[list[RobotPlan], Meta(max_length=8)] = []
    sensor: Annotated[list[SensorPlan], Meta(min_length=1, max_length=500)]
    port: Annotated[list[PortPlan], Meta(min_length=1, max_length=32)]
    device: Annotated[list[DevicePlan], Meta(max_length=200)]
    limit: Annotated[list[LimitPlan], Meta(max_length=200)] = []
    edition: Text = "coal-2022"
    place: Annotated[list[PlacePlan], Meta(max_length=200)] = []


def parse(text: str, file: str) -> Plan:
    """The section that `text` describes. ValueError names file, table, key, value and what would be right."""
    try:
        plan = msgspec.toml.decode(text, type=Plan)
    except msgspec.DecodeError as error:  # of which a key that is wrong is one
        raise ValueError(f"{file}: {error}") from error
    return plan
