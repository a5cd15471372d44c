"""The parts of VDA 5050 `state` and `connection` that we read, in the names of edition 2 and of edition 3.

Source: VDA5050/VDA5050 on GitHub, json_schemas/state.schema and connection.schema, 2.1 and 3.0. Unknown keys are
ignored, as the document asks; a known key of the wrong type refuses the message. Edition 3 renamed agvPosition,
positionInitialized, batteryState, batteryCharge, eStop, CONNECTIONBROKEN and TEACHIN.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

Header = Annotated[int, Meta(ge=0, le=0xFFFFFFFF)]


class Reference(msgspec.Struct, rename="camel"):
    """`referenceValue` is a text in the document. Only that of gas is looked at, so others may be anything."""

    reference_key: str
    reference_value: object


class Information(msgspec.Struct, rename="camel"):
    """Free information of the robot's maker."""

    info_type: str
    info_references: list[Reference] | None = None


class Error(msgspec.Struct, rename="camel"):
    """One error; only the level is read."""

    error_level: str


class Velocity(msgspec.Struct):
    """Robot coordinates, m/s."""

    vx: float | None = None
    vy: float | None = None


class PositionV2(msgspec.Struct, rename="camel"):
    """`agvPosition`: m, m, rad."""

    x: float
    y: float
    theta: float
    position_initialized: bool


class PositionV3(msgspec.Struct, rename="camel"):
    """`mobileRobotPosition`: m, m, rad."""

    x: float
    y: float
    theta: float
    localized: bool


class BatteryV2(msgspec.Struct, rename="camel"):
    """`batteryState`, percent."""

    battery_charge: float
    charging: bool


class BatteryV3(msgspec.Struct, rename="camel"):
    """`powerSupply`, percent."""

    state_of_charge: float
    charging: bool


class SafetyV2(msgspec.Struct, rename="camel"):
    """`eStop`: AUTOACK, MANUAL, REMOTE, NONE."""

    e_stop: str
    field_violation: bool


class SafetyV3(msgspec.Struct, rename="camel"):
    """`activeEmergencyStop`: MANUAL, REMOTE, NONE."""

    active_emergency_stop: str
    field_violation: bool


class StateV2(msgspec.Struct, rename="camel"):
    """Topic `state` of edition 2."""

    header_id: Header
    timestamp: str
    driving: bool
    operating_mode: str
    errors: list[Error]
    safety_state: SafetyV2
    battery_state: BatteryV2
    agv_position: PositionV2 | None = None
    velocity: Velocity | None = None
    information: list[Information] | None = None


class StateV3(msgspec.Struct, rename="camel"):
    """Topic `state` of edition 3."""

    header_id: Header
    timestamp: str
    driving: bool
    operating_mode: str
    errors: list[Error]
    safety_state: SafetyV3
    power_supply: BatteryV3
    mobile_robot_position: PositionV3 | None = None
    velocity: Velocity | None = None
    information: list[Information] | None = None


class Connection(msgspec.Struct, rename="camel"):
    """Topic `connection` of both editions."""

    header_id: Header
    timestamp: str
    connection_state: str


State = StateV2 | StateV3
STATES: dict[int, type[StateV2] | type[StateV3]] = {2: StateV2, 3: StateV3}


def position(state: State) -> tuple[PositionV2 | PositionV3 | None, bool]:
    """Where the robot says it is, and whether it says that it knows."""
    if isinstance(state, StateV2):
        at2 = state.agv_position
        return at2, at2 is not None and at2.position_initialized
    at3 = state.mobile_robot_position
    return at3, at3 is not None and at3.localized


def battery(state: State) -> tuple[float, bool]:
    """Percent, and whether it is charging."""
    if isinstance(state, StateV2):
        return state.battery_state.battery_charge, state.battery_state.charging
    return state.power_supply.state_of_charge, state.power_supply.charging


def emergency_stop(state: State) -> str:
    """The document's word for the emergency stop in force, or NONE."""
    if isinstance(state, StateV2):
        return state.safety_state.e_stop
    return state.safety_state.active_emergency_stop
